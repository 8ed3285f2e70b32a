package client

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// server answers each request with the next of the handlers, and the last one for ever.
func server(t *testing.T, handlers ...http.HandlerFunc) (*Client, *[]*http.Request) {
	t.Helper()
	var seen []*http.Request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := handlers[min(len(seen), len(handlers)-1)]
		seen = append(seen, r)
		h(w, r)
	}))
	t.Cleanup(srv.Close)
	c, err := New(Config{URL: srv.URL + "/", Token: "pl_secret"})
	if err != nil {
		t.Fatal(err)
	}
	return c, &seen
}

func problem(status int, kind, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(status)
		w.Write([]byte(`{"kind":"` + kind + `","status":1,"detail":"no","cure":"wait","errors":[{"place":"a","message":"b"}]}`))
	}
}

func breakOff(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func opened(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"id":"7","number":"N-1"}`)) }

func TestWritesAreRepeatedUnderOneKey(t *testing.T) {
	c, seen := server(t, breakOff, problem(503, Unavailable, ""), problem(409, Conflict, "0"), opened)
	got, err := c.OpenTicket(t.Context(), Draft{App: "a", Kind: "b"})
	if err != nil || got.ID != "7" {
		t.Fatalf("%+v, %v", got, err)
	}
	key := (*seen)[0].Header.Get("Idempotency-Key")
	for i, r := range *seen {
		if r.Header.Get("Idempotency-Key") != key || key == "" || r.Header.Get("Authorization") != "Bearer pl_secret" {
			t.Errorf("attempt %d: key %q, first %q", i, r.Header.Get("Idempotency-Key"), key)
		}
	}
	if len(*seen) != 4 {
		t.Errorf("%d attempts", len(*seen))
	}
}

func TestNamesOfAnyKindReachTheServer(t *testing.T) {
	c, seen := server(t, opened)
	for _, name := range []string{"plain-1", "請購/2026 #1", "50%", "a?b"} {
		if _, err := c.Schedule(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if r := (*seen)[len(*seen)-1]; r.URL.Path != "/api/v1/schedules/"+name || r.URL.RawQuery != "" {
			t.Errorf("%q arrives as %s", name, r.URL)
		}
	}
}

func TestTheCallerMayChooseTheKey(t *testing.T) {
	c, seen := server(t, opened)
	if _, err := c.OpenTicket(WithKey(t.Context(), "mine"), Draft{}); err != nil {
		t.Fatal(err)
	}
	if key := (*seen)[0].Header.Get("Idempotency-Key"); key != "mine" {
		t.Errorf("key %q", key)
	}
}

func TestWhatWouldNotHelpIsNotRepeated(t *testing.T) {
	for _, kind := range []string{Invalid, Denied, NotFound, Conflict, Unauthenticated} {
		c, seen := server(t, problem(400, kind, ""))
		_, err := c.Ticket(t.Context(), "1")
		var p *Problem
		if !errors.As(err, &p) || KindOf(err) != kind || p.Cure != "wait" || p.Error() != "no\n  a: b" || len(*seen) != 1 {
			t.Errorf("%s: %v after %d attempts", kind, err, len(*seen))
		}
	}
}

func TestAProxysPageIsAProblemToo(t *testing.T) {
	c, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		w.Write([]byte("<html>"))
	})
	if _, err := c.Me(t.Context()); KindOf(err) != Internal {
		t.Errorf("%v", err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	c, _ := server(t, problem(503, Unavailable, "30"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Me(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestListenReadsEvents(t *testing.T) {
	c, seen := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("retry: 2000\nid: 4\nevent: refetch\ndata: {}\n\n: beat\n\nid: 5\nevent: ticket\ndata: {\"topic\":\"ticket\",\"key\":\"9\"}\n\n"))
	})
	var heard []Event
	err := c.Listen(t.Context(), []string{"9"}, "3", func(ev Event) error { heard = append(heard, ev); return nil })
	if err != nil || len(heard) != 2 || heard[0].Name != "refetch" || heard[1] != (Event{ID: "5", Name: "ticket", Topic: "ticket", Key: "9"}) {
		t.Errorf("%+v, %v", heard, err)
	}
	if r := (*seen)[0]; r.Header.Get("Last-Event-ID") != "3" || r.URL.Query().Get("ticket") != "9" {
		t.Errorf("asked %s %v", r.URL, r.Header)
	}
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "localhost:8100", "ftp://x", "http://"} {
		if _, err := New(Config{URL: address}); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
}
