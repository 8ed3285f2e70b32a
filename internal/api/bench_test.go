package api_test

import (
	"testing"

	"github.com/paceline/paceline/client"
)

// BenchmarkOpenTicket opens tickets from many clients over HTTP.
func BenchmarkOpenTicket(b *testing.B) {
	w := start(b)
	c, err := client.New(client.Config{URL: w.url, Token: w.token("staff1", "write")})
	must(b, err)
	data := incident()
	b.ReportAllocs()
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.OpenTicket(b.Context(), client.Draft{App: "service-desk", Kind: "incident", Data: data}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkInbox reads an inbox over HTTP.
func BenchmarkInbox(b *testing.B) {
	w := start(b)
	staff := w.as("staff1")
	for range 50 {
		w.open(staff)
	}
	c, err := client.New(client.Config{URL: w.url, Token: w.token("desk1", "write")})
	must(b, err)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := c.Inbox(b.Context(), client.InboxQuery{Queue: "group"}); err != nil {
			b.Fatal(err)
		}
	}
}
