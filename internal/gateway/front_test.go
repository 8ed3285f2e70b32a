package gateway_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

func TestForwardedHeadersAreOursUnlessAProxyIsConfigured(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		lies := []string{"X-Forwarded-For", "6.6.6.6", "X-Real-IP", "6.6.6.6", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example",
			"Forwarded", "for=6.6.6.6", "X-Forwarded-Prefix", "/evil", "Host", "app.example:8100"}
		tests := []struct {
			name    string
			proxies []string
			want    map[string]string
		}{
			{"a client", nil, map[string]string{
				"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "app.example:8100",
				"Forwarded": `for=127.0.0.1;host="app.example:8100";proto=http`, "X-Forwarded-Prefix": "",
			}},
			{"a proxy", []string{"127.0.0.0/8"}, map[string]string{
				"X-Forwarded-For": "6.6.6.6, 127.0.0.1", "X-Real-Ip": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example",
				"Forwarded": `for=6.6.6.6, for=127.0.0.1;host="app.example:8100";proto=https`, "X-Forwarded-Prefix": "",
			}},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				cfg := quiet(front, s.URL)
				cfg.Proxies = tt.proxies
				w := start(t, cfg)
				res, text := w.do("GET", "/x?a=1&b=%2F", "", lies...)
				var e echoed
				if err := json.Unmarshal([]byte(text), &e); err != nil {
					t.Fatalf("%d %s", res.StatusCode, text)
				}
				for name, want := range tt.want {
					if got := strings.Join(e.Header[name], " | "); got != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
				if e.Host != "app.example:8100" || e.Target != "/x?a=1&b=%2F" {
					t.Errorf("host %s, target %s", e.Host, e.Target)
				}
			})
		}
	})
}

func TestOnlyTheLastUnknownAddressIsBelieved(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		cfg := quiet(front, s.URL)
		cfg.Proxies = []string{"127.0.0.1", "10.0.0.0/8"}
		w := start(t, cfg)
		for list, want := range map[string]string{
			"1.1.1.1, 2.2.2.2":           "2.2.2.2",
			"1.1.1.1, 2.2.2.2, 10.1.1.1": "2.2.2.2",
			"1.1.1.1, rubbish, 10.1.1.1": "10.1.1.1",
			"10.2.2.2":                   "10.2.2.2",
			"":                           "127.0.0.1",
			"::ffff:9.9.9.9":             "9.9.9.9",
		} {
			_, text := w.do("GET", "/x", "", "X-Forwarded-For", list)
			var e echoed
			if json.Unmarshal([]byte(text), &e) != nil || e.Header.Get("X-Real-Ip") != want {
				t.Errorf("%q: %s, want %s", list, e.Header.Get("X-Real-Ip"), want)
			}
		}
	})
}

func TestFieldsOfTheConnectionStayHere(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "X-Hop")
			w.Header().Set("X-Hop", "server")
			w.Header().Set("Keep-Alive", "timeout=5")
			w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
			echo(w, r)
		})
		w := start(t, quiet(front, s.URL))
		res, text := w.do("POST", "/x", "body", "Connection", "X-Mine, Idempotency-Key", "X-Mine", "1", "Te", "trailers", "Proxy-Authorization", "Basic x",
			"Idempotency-Key", "k", "Keep-Alive", "x", "X-Other", "2")
		var e echoed
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(text)
		}
		for _, name := range []string{"X-Mine", "Te", "Proxy-Authorization", "Keep-Alive", "Connection"} {
			if v := e.Header.Get(name); v != "" {
				t.Errorf("the server got %s: %s", name, v)
			}
		}
		if e.Header.Get("X-Other") != "2" || e.Header.Get("Idempotency-Key") != "k" || e.Body != "body" {
			t.Errorf("%+v", e)
		}
		if res.Header.Get("X-Hop") != "" || res.Header.Get("Keep-Alive") != "" || !slices.Equal(res.Header["Set-Cookie"], []string{"a=1", "b=2"}) {
			t.Errorf("the client got %v", res.Header)
		}
	})
}

func TestRequestIDRunsThrough(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		w := start(t, quiet(front, s.URL))
		for given, kept := range map[string]bool{"abc-1": true, strings.Repeat("x", 65): false, "": false} {
			_, text := w.do("GET", "/x", "", "X-Request-Id", given)
			var e echoed
			json.Unmarshal([]byte(text), &e)
			got := e.Header.Get("X-Request-Id")
			if got == "" || (got == given) != kept {
				t.Errorf("%q became %q", given, got)
			}
		}
	})
}

func TestAnswersGoThroughUnchanged(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		large := bytes.Repeat([]byte("x"), 300_000)
		s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/none":
				w.WriteHeader(http.StatusNoContent)
			case "/same":
				w.Header().Set("Etag", `"1"`)
				w.WriteHeader(http.StatusNotModified)
			case "/head":
				w.Header().Set("Content-Length", "12345")
			case "/untyped":
				w.Header()["Content-Type"] = nil
				io.WriteString(w, "<html>")
			case "/large":
				w.Header().Set("Content-Length", "300000")
				w.Write(large)
			case "/chunked":
				w.Write(large)
			case "/early":
				w.WriteHeader(http.StatusEarlyHints)
				io.WriteString(w, "after hints")
			default:
				w.WriteHeader(http.StatusTeapot)
				io.WriteString(w, "short")
			}
		})
		w := start(t, quiet(front, s.URL))
		tests := []struct {
			method, path string
			status       int
			size         int
			check        func(http.Header) bool
		}{
			{"GET", "/none", 204, 0, func(h http.Header) bool { return h.Get("Content-Length") == "" }},
			{"GET", "/same", 304, 0, func(h http.Header) bool { return h.Get("Etag") == `"1"` }},
			{"HEAD", "/head", 200, 0, func(h http.Header) bool { return h.Get("Content-Length") == "12345" }},
			{"GET", "/untyped", 200, 6, func(h http.Header) bool { _, ok := h["Content-Type"]; return !ok }},
			{"GET", "/large", 200, 300_000, func(h http.Header) bool { return h.Get("Content-Length") == "300000" }},
			{"GET", "/chunked", 200, 300_000, func(h http.Header) bool { return h.Get("Content-Length") == "" }},
			{"GET", "/early", 200, 11, func(h http.Header) bool { return true }},
			{"GET", "/else", 418, 5, func(h http.Header) bool { return h.Get("Content-Length") == "5" }},
		}
		for _, tt := range tests {
			for range 2 { // the second on the kept connection
				res, text := w.do(tt.method, tt.path, "")
				if res.StatusCode != tt.status || len(text) != tt.size || !tt.check(res.Header) {
					t.Errorf("%s %s: %d, %d bytes, %v", tt.method, tt.path, res.StatusCode, len(text), res.Header)
				}
			}
		}
		if idle := w.status()[serverOf(s)].Idle; idle != 1 {
			t.Errorf("%d idle connections after requests one after another", idle)
		}
	})
}

func TestRoutesChooseTheMostExact(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		name := func(n string) string {
			return serveHandler(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, n) }).URL
		}
		pool := func(n string) upstream.Config { return tableFor(name(n)).Pools["app"] }
		cfg := quiet(front)
		cfg.Table = gateway.Table{
			Pools: map[string]upstream.Config{"any": pool("any"), "a": pool("a"), "deep": pool("deep"), "host": pool("host"), "wild": pool("wild")},
			Routes: []gateway.Route{
				{Path: "/", App: "any", Pool: "any"}, {Path: "/app_a/", App: "a", Pool: "a"}, {Path: "/app_a/deep", App: "deep", Pool: "deep"},
				{Host: "one.example", App: "host", Pool: "host"}, {Host: "*.example", App: "wild", Pool: "wild"},
				{Host: "shut.example", App: "shut", Pool: "any", Maintenance: "Back at <noon>"}, {Host: "part.example", Path: "/in", App: "part", Pool: "any"},
			},
		}
		w := start(t, cfg)
		for request, want := range map[string]string{
			"x /": "any", "x /app_a": "a", "x /app_a/": "a", "x /app_a/x": "a", "x /app_ab": "any", "x /app_a/deep/x": "deep", "x /app_a/deeper": "a",
			"one.example /app_a": "host", "ONE.example:8100 /": "host", "one.example. /": "host", "two.example /": "wild", "a.b.example /": "wild",
			"example /": "any", "part.example /in/x": "any", "part.example /out": "wild",
		} {
			host, path, _ := strings.Cut(request, " ")
			if _, got := w.do("GET", path, "", "Host", host); got != want {
				t.Errorf("%s: %s, want %s", request, got, want)
			}
		}
		res, page := w.do("GET", "/", "", "Host", "shut.example", "Accept", "text/html")
		if res.StatusCode != 503 || !strings.Contains(page, "Back at &lt;noon&gt;") || res.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s", res.StatusCode, page)
		}
		if res, text := w.do("GET", "/", "", "Host", "shut.example"); res.StatusCode != 503 || !strings.Contains(text, "Back at") || strings.Contains(text, "<html") {
			t.Errorf("%d %s", res.StatusCode, text)
		}
		if err := w.Apply(t.Context(), gateway.Table{}); err != nil {
			t.Fatal(err)
		}
		if res, _ := w.do("GET", "/", ""); res.StatusCode != 404 {
			t.Errorf("an empty table: %d", res.StatusCode)
		}
	})
}

func TestCookieLeadsBack(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		one := func(n string) string {
			return serveHandler(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, n) }).URL
		}
		w := start(t, change(quiet(front, one("1"), one("2"), one("3")), func(_ *gateway.Route, p *upstream.Config) { p.Policy, p.CookieKey = upstream.Cookie, "secret" }))
		res, first := w.do("GET", "/", "")
		c := res.Cookies()
		if len(c) != 1 || !c[0].HttpOnly || c[0].Secure || c[0].SameSite != http.SameSiteLaxMode {
			t.Fatalf("%v", c)
		}
		for range 6 {
			res, got := w.do("GET", "/", "", "Cookie", c[0].Name+"="+c[0].Value)
			if got != first || len(res.Cookies()) != 0 {
				t.Errorf("bound to %s, got %s, %v", first, got, res.Cookies())
			}
		}
	})
}

// lines is a place for a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestAccessLogAndMetrics(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		cfg := quiet(front, s.URL)
		cfg.AccessLog = true
		var log lines
		cfg.AccessTo = &log
		w := start(t, cfg)
		w.do("POST", "/x/%C3%A4?secret=1", "hello", "X-Request-Id", "the-id")
		w.do("GET", "/a%2fb", "")
		eventually(t, func() bool { return strings.Count(log.String(), `"msg":"access"`) == 2 })
		var line map[string]any
		for text := range strings.Lines(log.String()) {
			if strings.Contains(text, "the-id") {
				if err := json.Unmarshal([]byte(text), &line); err != nil {
					t.Fatal(err)
				}
			}
		}
		for key, want := range map[string]any{"request": "the-id", "app": "app", "method": "POST", "path": "/x/%C3%A4", "status": 200.0, "from": "127.0.0.1", "server": serverOf(s)} {
			if line[key] != want {
				t.Errorf("%s is %v, want %v", key, line[key], want)
			}
		}
		if strings.Contains(log.String(), "secret") {
			t.Error("the query is in the log")
		}
		text := w.metrics()
		for _, want := range []string{
			`paceline_gateway_requests_total{app="app",status="200"} 1`, `paceline_gateway_requests_total{app="none",status="400"} 1`,
			`paceline_gateway_refused_total 1`, `paceline_gateway_server_ready{pool="app",server="` + serverOf(s) + `"} 1`,
			`paceline_gateway_server_requests_total{pool="app",server="` + serverOf(s) + `"} 1`, `paceline_gateway_request_seconds_count{app="app"} 1`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in the metrics", want)
			}
		}
	})
}

func TestClientThatGoesAwayEndsTheRequest(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		arrived, ended := make(chan struct{}), make(chan struct{})
		s := serveHandler(t, func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			close(arrived)
			<-r.Context().Done()
			close(ended)
		})
		w := start(t, quiet(front, s.URL))
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		go func() {
			<-arrived
			client.CloseIdleConnections()
		}()
		req, _ := http.NewRequest("POST", w.url+"/x", strings.NewReader("x"))
		ctx, cancel := contextUntil(t, arrived)
		defer cancel()
		if _, err := client.Do(req.WithContext(ctx)); err == nil {
			t.Error("an answer came")
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("the server was not told")
		}
		eventually(t, func() bool { return strings.Contains(w.metrics(), `status="499"} 1`) })
	})
}
