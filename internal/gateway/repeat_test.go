package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// breakOff ends the connection without an answer, after writing text to it.
func breakOff(w http.ResponseWriter, text string) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	io.WriteString(c, text)
	c.Close()
}

// twoServers are one app; its requests are numbered over both.
func twoServers(t *testing.T, h func(n int64, w http.ResponseWriter, r *http.Request)) (addresses []string, count *atomic.Int64) {
	t.Helper()
	count = new(atomic.Int64)
	one := func(w http.ResponseWriter, r *http.Request) { h(count.Add(1), w, r) }
	return []string{serveHandler(t, one).URL, serveHandler(t, one).URL}, count
}

func TestWhatIsRepeated(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		dies := func(w http.ResponseWriter, _ *http.Request) { breakOff(w, "") }
		breaks := func(text string) func(http.ResponseWriter, *http.Request) {
			return func(w http.ResponseWriter, _ *http.Request) { breakOff(w, text) }
		}
		status := func(code int) func(http.ResponseWriter, *http.Request) {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
		}
		later := func(code int) func(http.ResponseWriter, *http.Request) {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(code)
			}
		}
		big := "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 500_000)
		tests := []struct {
			name, method string
			replay       gateway.Replay
			key          string
			first        func(http.ResponseWriter, *http.Request) // what the first server does
			status       int                                      // what the client gets; 0: a broken connection
			requests     int64
		}{
			{"GET to a dying server", "GET", "", "", dies, 200, 2},
			{"HEAD to a dying server", "HEAD", "", "", dies, 200, 2},
			{"write, key made here", "POST", "", "", dies, 200, 2},
			{"DELETE, key made here", "DELETE", "", "", dies, 200, 2},
			{"write without a key, keys only", "POST", gateway.ReplayKeys, "", dies, 502, 1},
			{"write with a key, keys only", "POST", gateway.ReplayKeys, "k1", dies, 200, 2},
			{"GET, keys only", "GET", gateway.ReplayKeys, "", dies, 200, 2},
			{"GET, off", "GET", gateway.ReplayOff, "", dies, 502, 1},
			{"write with a key, off", "POST", gateway.ReplayOff, "k1", dies, 502, 1},
			{"half a head", "GET", "", "", breaks("HTTP/1.1 200 OK\r\nContent-Le"), 200, 2},
			{"half a small answer", "POST", "", "", breaks("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), 200, 2},
			{"half a small chunked answer", "POST", "", "", breaks("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), 200, 2},
			{"half a large answer", "GET", "", "", breaks(big), 0, 1},
			{"not HTTP", "GET", "", "", breaks("220 mail.example.org ESMTP\r\n\r\n"), 200, 2},
			{"two lengths", "GET", "", "", breaks("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 200, 2},
			{"error answer", "GET", "", "", status(500), 500, 1},
			{"unavailable answer", "POST", "", "", status(503), 503, 1},
			{"unavailable, asks for a repeat", "POST", "", "", later(503), 200, 2},
			{"unavailable, asks for a repeat, off", "POST", gateway.ReplayOff, "k1", later(503), 503, 1},
			{"too many, asks for a repeat", "GET", "", "", later(429), 429, 1},
			{"conflict that is an answer", "POST", "", "k1", status(409), 409, 1},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				var keys sync.Map
				addresses, count := twoServers(t, func(n int64, w http.ResponseWriter, r *http.Request) {
					keys.Store(r.Header.Get("Idempotency-Key"), true)
					if n == 1 {
						tt.first(w, r)
					}
				})
				w := start(t, change(quiet(front, addresses...), func(r *gateway.Route, _ *upstream.Config) { r.Replay = tt.replay }))
				req, _ := http.NewRequest(tt.method, w.url+"/x", nil)
				if tt.key != "" {
					req.Header.Set("Idempotency-Key", tt.key)
				}
				res, err := w.client.Do(req)
				got := 0
				if err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					if err == nil {
						got = res.StatusCode
					}
				}
				if got != tt.status || count.Load() != tt.requests {
					t.Errorf("status %d after %d requests, want %d after %d", got, count.Load(), tt.status, tt.requests)
				}
				used := 0
				keys.Range(func(any, any) bool { used++; return true })
				if used != 1 {
					t.Errorf("%d different keys", used)
				}
			})
		}
	})
}

func TestConnectErrorsGoToTheNextServerWhateverTheMethod(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		dead := serveHandler(t, echo)
		cfg := change(quiet(front, dead.URL, s.URL), func(r *gateway.Route, p *upstream.Config) {
			r.Replay = gateway.ReplayOff
			p.Policy, p.Probe.Every = upstream.RoundRobin, time.Hour // nobody tells that one died
		})
		w := start(t, cfg)
		w.await(serverOf(dead), upstream.Ready)
		w.await(serverOf(s), upstream.Ready)
		dead.CloseClientConnections()
		dead.Close()
		for range 4 {
			if res, body := w.do("POST", "/x", "hello"); res.StatusCode != 200 {
				t.Fatalf("%d %s", res.StatusCode, body)
			}
		}
		w.await(serverOf(dead), upstream.Down) // the failed connection asked for a probe
	})
}

func TestRunningFirstRunIsWaitedFor(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		addresses, count := twoServers(t, func(n int64, w http.ResponseWriter, r *http.Request) {
			switch {
			case n == 1:
				breakOff(w, "")
			case n < 5:
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusConflict)
			default:
				io.WriteString(w, "the stored answer")
			}
		})
		w := start(t, quiet(front, addresses...))
		res, body := w.do("POST", "/x", "once")
		if res.StatusCode != 200 || body != "the stored answer" || count.Load() != 5 {
			t.Errorf("%d %q after %d requests", res.StatusCode, body, count.Load())
		}
	})
}

func TestStoredAnswerIsFoundByTheRepeat(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		l := newLedger(t)
		b := newBackend(l.URL, 0)
		var n atomic.Int64
		cutAfterEffect := func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) > 1 {
				b.ServeHTTP(w, r)
				return
			}
			b.write(&swallow{header: http.Header{}}, r)
			breakOff(w, "")
		}
		w := start(t, quiet(front, serveHandler(t, cutAfterEffect).URL, serveHandler(t, cutAfterEffect).URL))
		res, body := w.do("POST", "/x", "pay")
		b.client.CloseIdleConnections()
		if res.StatusCode != 200 || body != "done pay as 1" || l.effect("pay") != 1 || l.repeats != 1 {
			t.Errorf("%d %q, effects %d, stored answers used %d", res.StatusCode, body, l.effect("pay"), l.repeats)
		}
	})
}

// swallow is an answer that is never sent.
type swallow struct{ header http.Header }

func (s *swallow) Header() http.Header         { return s.header }
func (s *swallow) Write(b []byte) (int, error) { return len(b), nil }
func (s *swallow) WriteHeader(int)             {}

func TestTimeoutIsRepeatedOnceAndThenSaysSo(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		release := make(chan struct{})
		addresses, count := twoServers(t, func(int64, http.ResponseWriter, *http.Request) { <-release })
		w := start(t, change(quiet(front, addresses...), func(r *gateway.Route, _ *upstream.Config) { r.Timeouts.Read = 50 * time.Millisecond }))
		res, _ := w.do("GET", "/x", "")
		close(release)
		if res.StatusCode != http.StatusGatewayTimeout || res.Header.Get("Retry-After") == "" || count.Load() != 2 {
			t.Errorf("%d after %d requests", res.StatusCode, count.Load())
		}
	})
}

func TestBudgetEndsAStorm(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		addresses, count := twoServers(t, func(_ int64, w http.ResponseWriter, _ *http.Request) { breakOff(w, "") })
		w := start(t, change(quiet(front, addresses...), func(_ *gateway.Route, p *upstream.Config) {
			p.Budget = upstream.Budget{Ratio: 0.001, Burst: 5}
		}))
		if res, _ := w.do("GET", "/x", ""); res.StatusCode != http.StatusBadGateway {
			t.Errorf("status %d", res.StatusCode)
		}
		if n := count.Load(); n != 6 {
			t.Errorf("%d requests with a budget of 5 repeats", n)
		}
	})
}

func TestBodiesInMemoryAndOnDiskAreRepeatedLargerOnesNot(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		tests := []struct {
			name     string
			size     int
			unknown  bool // sent in chunks
			status   int
			requests int64
		}{
			{"memory", 900, false, 200, 2},
			{"memory in chunks", 900, true, 200, 2},
			{"exactly the memory", 1024, false, 200, 2},
			{"disk", 50_000, false, 200, 2},
			{"disk in chunks", 50_000, true, 200, 2},
			{"streamed", 200_000, false, 502, 1},
			{"streamed in chunks", 200_000, true, 502, 1},
			{"too large", 600_000, false, 413, 0},
			{"too large in chunks", 600_000, true, 413, 0},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				want := bytes.Repeat([]byte("0123456789"), tt.size/10+1)[:tt.size]
				addresses, count := twoServers(t, func(n int64, w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					if n == 1 {
						breakOff(w, "")
						return
					}
					if err != nil || !bytes.Equal(body, want) {
						t.Errorf("the repeat brought %d bytes, %v", len(body), err)
					}
				})
				cfg := quiet(front, addresses...)
				cfg.Limits.Memory, cfg.Limits.Spool, cfg.Limits.Body = 1024, 100_000, 500_000
				cfg.State = t.TempDir()
				w := start(t, cfg)
				var src io.Reader = bytes.NewReader(want)
				if tt.unknown {
					src = io.MultiReader(src)
				}
				res, err := w.client.Post(w.url+"/x", "text/plain", src)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				// A streamed body that grows too large is noticed when the server has seen some of it.
				if tt.name == "too large in chunks" {
					tt.requests = count.Load()
				}
				if res.StatusCode != tt.status || count.Load() != tt.requests {
					t.Errorf("status %d after %d requests", res.StatusCode, count.Load())
				}
			})
		}
	})
}

func TestBodiesShareTheirRoom(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		tests := []struct {
			name          string
			memory, spool int64
			status        int // when the first server dies
		}{
			{"room in memory", 100_000, 0, 200},
			{"room on disk only", 10_000, 100_000, 200},
			{"no room: streamed, and not repeated", 10_000, 10_000, 502},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				addresses, count := twoServers(t, func(n int64, w http.ResponseWriter, r *http.Request) {
					if size, err := io.Copy(io.Discard, r.Body); size != 50_000 || err != nil {
						t.Errorf("%d bytes, %v", size, err)
					}
					if n%3 == 1 {
						breakOff(w, "")
					}
				})
				cfg := quiet(front, addresses...)
				cfg.Limits.AllMemory, cfg.Limits.AllSpool, cfg.State = tt.memory, tt.spool, t.TempDir()
				w := start(t, cfg)
				for range 3 { // what one took is given back
					count.Store(0)
					if res, _ := w.do("POST", "/x", strings.Repeat("x", 50_000)); res.StatusCode != tt.status {
						t.Errorf("status %d", res.StatusCode)
					}
				}
			})
		}
	})
}

// TestAnEarlyAnswerToALargeBodyIsNoFailure has a server that answers without reading.
func TestAnEarlyAnswerToALargeBodyIsNoFailure(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		addresses, count := twoServers(t, func(_ int64, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) })
		for name, memory := range map[string]int64{"repeatable": 16 << 20, "streamed": 1 << 10} {
			t.Run(name, func(t *testing.T) {
				count.Store(0)
				cfg := quiet(front, addresses...)
				cfg.Limits.Memory, cfg.Limits.Spool = memory, memory
				w := start(t, cfg)
				res, err := w.client.Post(w.url+"/x", "text/plain", bytes.NewReader(make([]byte, 10<<20)))
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode != http.StatusRequestEntityTooLarge || count.Load() != 1 {
					t.Errorf("%d after %d requests", res.StatusCode, count.Load())
				}
			})
		}
	})
}

func TestLargeBodiesArriveWhole(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		want := bytes.Repeat([]byte("0123456789abcdef"), 40_000)
		s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Write(body) // chunked, because it is large
		})
		cfg := quiet(front, s.URL)
		cfg.Limits.Memory, cfg.Limits.Spool, cfg.State = 1<<10, 8<<10, t.TempDir()
		w := start(t, cfg)
		for _, src := range []io.Reader{bytes.NewReader(want), io.MultiReader(bytes.NewReader(want))} {
			res, err := w.client.Post(w.url+"/x", "text/plain", src)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes came back, %v", len(got), err)
			}
		}
	})
}

// TestTheTimeForABodyEndsWithIt: its deadline must not end the answer that comes later.
func TestTheTimeForABodyEndsWithIt(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			<-time.After(150 * time.Millisecond)
			fmt.Fprint(w, n)
		})
		cfg := quiet(front, s.URL)
		cfg.Limits.BodyPause, cfg.Limits.Memory, cfg.Limits.Spool, cfg.State = 50*time.Millisecond, 100, 1000, t.TempDir()
		w := start(t, cfg)
		for _, size := range []int{50, 500, 5000} {
			if res, body := w.do("POST", "/x", strings.Repeat("x", size)); res.StatusCode != 200 || body != fmt.Sprint(size) {
				t.Errorf("%d bytes: %d %s", size, res.StatusCode, body)
			}
		}
	})
}

func TestRequestsAreHeldUntilAServerIsReady(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := ln.Addr().String()
		ln.Close()
		w := start(t, quiet(front, address))
		w.await(address, upstream.Down)
		got := make(chan string, 1)
		go func() {
			_, body := w.do("POST", "/x", "patience")
			got <- body
		}()
		eventually(t, func() bool { return strings.Contains(w.metrics(), `paceline_gateway_held{pool="app"} 1`) })
		ln, err = net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "late but here") })}
		go srv.Serve(ln)
		defer srv.Close()
		if body := <-got; body != "late but here" {
			t.Errorf("got %q", body)
		}
	})
}

func TestWithoutAServerTheHoldEnds(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		s.Close()
		w := start(t, change(quiet(front, s.URL), func(_ *gateway.Route, p *upstream.Config) { p.Hold = 80 * time.Millisecond }))
		began := time.Now()
		res, _ := w.do("GET", "/x", "")
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || time.Since(began) < 80*time.Millisecond {
			t.Errorf("status %d after %v", res.StatusCode, time.Since(began))
		}
	})
}

func TestOnlySoManyRequestsAreHeld(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		s.Close()
		w := start(t, change(quiet(front, s.URL), func(_ *gateway.Route, p *upstream.Config) { p.MaxHeld, p.Hold = 1, 5*time.Second }))
		first := make(chan int, 1)
		go func() {
			res, err := http.Get(w.url + "/x")
			if err != nil {
				first <- 0
				return
			}
			res.Body.Close()
			first <- res.StatusCode
		}()
		eventually(t, func() bool { return strings.Contains(w.metrics(), `paceline_gateway_held{pool="app"} 1`) })
		if res, _ := w.do("GET", "/x", ""); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("status %d", res.StatusCode)
		}
		// A table without the pool lets nobody wait.
		if err := w.Apply(t.Context(), gateway.Table{}); err != nil {
			t.Fatal(err)
		}
		if got := <-first; got != http.StatusServiceUnavailable {
			t.Errorf("the held one got %d", got)
		}
		http.DefaultClient.CloseIdleConnections()
	})
}

func TestReportedDeathSendsRequestsElsewhere(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		release := make(chan struct{})
		arrived := make(chan string, 2)
		slow := func(w http.ResponseWriter, r *http.Request) {
			arrived <- r.Context().Value(http.LocalAddrContextKey).(net.Addr).String()
			select {
			case <-release:
				io.WriteString(w, "done")
			case <-r.Context().Done():
			}
		}
		a, b := serveHandler(t, slow), serveHandler(t, slow)
		w := start(t, change(quiet(front, a.URL, b.URL), func(_ *gateway.Route, p *upstream.Config) { p.Probe.Every = time.Hour }))
		w.await(a.URL, upstream.Ready)
		w.await(b.URL, upstream.Ready)
		got := make(chan string, 1)
		go func() {
			_, body := w.do("POST", "/x", "")
			got <- body
		}()
		at := <-arrived
		w.Down(at, "its process ended")
		if next := <-arrived; next == at {
			// The event was wrong and the probe has corrected it: both are ready again.
			t.Logf("repeated on %s itself", at)
		}
		close(release)
		if body := <-got; body != "done" {
			t.Errorf("got %q", body)
		}
		w.await(at, upstream.Ready)
		w.Up(at)
	})
}

func TestKeptConnectionThatClosedCostsNothing(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		var conns, requests atomic.Int64
		s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			if n := requests.Add(1); n%2 == 0 { // the second on a connection
				breakOff(w, "")
				conns.Add(1)
			}
		})
		w := start(t, quiet(front, s.URL))
		for range 3 {
			if res, _ := w.do("POST", "/x", "x"); res.StatusCode != 200 {
				t.Fatal(res.StatusCode)
			}
		}
		if got := w.status()[serverOf(s)]; got.Failures != 0 || got.State != upstream.Ready {
			t.Errorf("%+v", got)
		}
	})
}
