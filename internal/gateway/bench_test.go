package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// plain answers every request on a connection with the same bytes and allocates nothing,
// so that the figures of a benchmark are the gateway's.
func plain(b *testing.B, size int) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size)))
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 16<<10)
				for n := 0; ; {
					m, err := c.Read(buf[n:])
					if err != nil {
						return
					}
					if n += m; bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
						if _, err := c.Write(answer); err != nil {
							return
						}
						n = 0
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// benchGateway sends requests on one kept connection per processor.
func benchGateway(b *testing.B, size int, edit func(*gateway.Config)) {
	cfg := gateway.Defaults()
	cfg.Listen, cfg.Admin, cfg.AccessLog = "127.0.0.1:0", "", false
	cfg.AccessTo = io.Discard
	cfg.Table = gateway.Table{
		Routes: []gateway.Route{{App: "app", Pool: "app"}},
		Pools:  map[string]upstream.Config{"app": {Servers: []upstream.ServerConfig{{Address: plain(b, size)}, {Address: plain(b, size)}}}},
	}
	edit(&cfg)
	g, err := gateway.New(cfg, slog.New(slog.NewJSONHandler(io.Discard, nil)), prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	if err := g.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := g.Stop(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
	})
	request := []byte("GET /api/v1/tickets/382229127521894403 HTTP/1.1\r\nHost: paceline.example\r\nUser-Agent: bench\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\nCookie: session=0123456789abcdef\r\n\r\n")
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", g.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Minute))
		in := bufio.NewReaderSize(c, 64<<10)
		for pb.Next() {
			c.Write(request)
			for {
				line, err := in.ReadSlice('\n')
				if err != nil {
					b.Error(err)
					return
				}
				if len(line) == 2 {
					break
				}
			}
			if _, err := in.Discard(size); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkGateway(b *testing.B) {
	b.Run("1KB", func(b *testing.B) { benchGateway(b, 1<<10, func(*gateway.Config) {}) })
	b.Run("1KB with access log", func(b *testing.B) { benchGateway(b, 1<<10, func(c *gateway.Config) { c.AccessLog = true }) })
	b.Run("1KB net/http", func(b *testing.B) {
		benchGateway(b, 1<<10, func(c *gateway.Config) { c.Front = gateway.FrontStandard })
	})
	b.Run("100KB", func(b *testing.B) { benchGateway(b, 100<<10, func(*gateway.Config) {}) })
	b.Run("ip_hash", func(b *testing.B) {
		benchGateway(b, 1<<10, func(c *gateway.Config) {
			p := c.Table.Pools["app"]
			p.Policy = upstream.IPHash
			c.Table.Pools["app"] = p
		})
	})
}
