package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// findBalancer gives the program, or skips the test without it or the right to run it.
func findBalancer(t *testing.T, name string) string {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil || name == "nginx" && os.Geteuid() != 0 {
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatalf("%s is needed: %v, user %d", name, err, os.Geteuid())
		}
		t.Skipf("%s is needed, nginx as root: test/tools installs it", name)
	}
	return program
}

// balancer starts a real nginx or haproxy on the exported configuration and gives its
// address.
func balancer(t *testing.T, name string, cfg gateway.Config) string {
	t.Helper()
	program := findBalancer(t, name)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen = ln.Addr().String()
	ln.Close()
	var text bytes.Buffer
	if err := gateway.Export(&text, name, cfg); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, name+".conf")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-db", "-f", file}
	if name == "nginx" {
		args = []string{"-c", file, "-p", dir, "-g", "daemon off; master_process off; error_log stderr notice; pid " + dir + "/pid;"}
	}
	var out lines
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Log(out.String())
		}
	})
	eventually(t, func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s\n%s", name, err, out.String(), text.String())
		default:
		}
		c, err := net.Dial("tcp", cfg.Listen)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return cfg.Listen
}

// exported is a configuration that uses what the others can do too.
func exported(pools map[string]upstream.Config) gateway.Config {
	cfg := gateway.Defaults()
	cfg.Proxies = []string{"10.0.0.0/8", "fd00::/8"}
	cfg.Limits.Rate, cfg.Limits.Connections = 10_000, 2000
	cfg.Table = gateway.Table{
		Revision: 3, Pools: pools,
		Routes: []gateway.Route{
			{App: "any", Pool: "main"}, {Path: "/app_a/", App: "a", Pool: "a"}, {Path: "/shut", App: "shut", Pool: "a", Maintenance: `back at "noon" for $5`},
			{Host: "one.example", App: "one", Pool: "a"}, {Host: "*.example", Path: "/in", App: "wild", Pool: "a"},
			{Path: "/off", App: "off", Pool: "main", Replay: gateway.ReplayOff}, {Path: "/keys", App: "keys", Pool: "main", Replay: gateway.ReplayKeys},
		},
	}
	return cfg
}

func TestExportedFilesCarryTraffic(t *testing.T) {
	for _, name := range gateway.Exports {
		t.Run(name, func(t *testing.T) {
			var dying, all atomic.Int64
			main := func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Die") != "" {
					io.Copy(io.Discard, r.Body)
					if all.Add(1); dying.Add(-1) >= 0 {
						breakOff(w, "")
						return
					}
				}
				if r.Header.Get("Upgrade") != "" {
					ws("main")(w, r)
					return
				}
				w.Header().Set("X-Pool", "main")
				echo(w, r)
			}
			other := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Pool", "a")
				echo(w, r)
			})
			gone := serveHandler(t, echo)
			pools := map[string]upstream.Config{
				"main": {Servers: []upstream.ServerConfig{{Address: serverOf(serveHandler(t, main))}, {Address: serverOf(serveHandler(t, main)), Weight: 2}}},
				"a":    {Policy: upstream.IPHash, Servers: []upstream.ServerConfig{{Address: serverOf(other)}, {Address: serverOf(gone), Drain: true}}},
				"t":    {Policy: upstream.Ticket, Servers: []upstream.ServerConfig{{Address: serverOf(other)}}},
				"c":    {Policy: upstream.Cookie, Servers: []upstream.ServerConfig{{Address: serverOf(other)}}}, "none": {},
			}
			cfg := exported(pools)
			cfg.Table.Routes = append(cfg.Table.Routes, gateway.Route{Path: "/t", App: "t", Pool: "t"}, gateway.Route{Path: "/c", App: "c", Pool: "c"})
			w := &world{t: t, url: "http://" + balancer(t, name, cfg), client: &http.Client{Transport: &http.Transport{}}}
			defer w.client.CloseIdleConnections()
			eventually(t, func() bool { res, _ := w.do("GET", "/app_a/", ""); return res.StatusCode == 200 }) // haproxy has probed

			for request, want := range map[string]string{"x /": "main", "x /app_a": "a", "x /app_a/y": "a", "x /app_ab": "main", "one.example /app_b": "a",
				"ONE.example:81 /": "a", "two.example /in/x": "a", "two.example /out": "main", "two.example /t/tickets/5": "a", "x /c": "a"} {
				host, path, _ := strings.Cut(request, " ")
				if res, text := w.do("GET", path, "", "Host", host); res.Header.Get("X-Pool") != want {
					t.Errorf("%s came to %q, want %s: %d %.200s", request, res.Header.Get("X-Pool"), want, res.StatusCode, text)
				}
			}
			if res, text := w.do("GET", "/shut", ""); res.StatusCode != 503 || text != `back at "noon" for $5` {
				t.Errorf("maintenance: %d %s", res.StatusCode, text)
			}
			_, text := w.do("POST", "/x?a=b", "body", "X-Forwarded-For", "6.6.6.6", "X-Forwarded-Proto", "https", "X-Real-IP", "6.6.6.6", "Forwarded", "for=6.6.6.6", "Host", "app:81")
			var e echoed
			if err := json.Unmarshal([]byte(text), &e); err != nil {
				t.Fatal(text)
			}
			if h := e.Header; h.Get("X-Forwarded-For") != "127.0.0.1" || h.Get("X-Real-Ip") != "127.0.0.1" || h.Get("X-Forwarded-Proto") != "http" ||
				h.Get("Forwarded") != "" || h.Get("X-Forwarded-Host") != "app:81" || !strings.HasPrefix(h.Get("Idempotency-Key"), "gw-") ||
				h.Get("X-Request-Id") == "" || e.Host != "app:81" || e.Body != "body" || e.Target != "/x?a=b" {
				t.Errorf("%+v", e)
			}
			for path, want := range map[string]string{"/x": "true 2", "/off": "false 1"} {
				dying.Store(1)
				all.Store(0)
				req, _ := http.NewRequest("POST", w.url+path, strings.NewReader("once"))
				req.Header.Set("X-Die", "1")
				res, err := w.client.Do(req) // haproxy just closes when a kept connection broke
				if err == nil {
					res.Body.Close()
				}
				if got := fmt.Sprint(err == nil && res.StatusCode == 200, all.Load()); got != want {
					t.Errorf("a write to %s when its server dies: %s, want %s", path, got, want)
				}
			}
			c, in := w.dialWS("")
			c.Write(frame(0x81, "hello"))
			expectFrame(t, in, 1, "main hello")
			c.Close()
		})
	}
}

// TestIPHashAgreesWithNginx gives many clients to a real nginx and to us.
func TestIPHashAgreesWithNginx(t *testing.T) {
	var servers []upstream.ServerConfig
	for i, weight := range []int{1, 2, 1, 5} {
		s := serveHandler(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, i) })
		servers = append(servers, upstream.ServerConfig{Address: serverOf(s), Weight: weight})
	}
	cfg := quiet(gateway.FrontRelay)
	cfg.Proxies = []string{"127.0.0.1"}
	cfg.Table.Pools["app"] = upstream.Config{Policy: upstream.IPHash, Servers: servers, SlowStart: -1}
	ours := start(t, cfg)
	for _, s := range servers {
		ours.await(s.Address, upstream.Ready)
	}
	theirs := &world{t: t, url: "http://" + balancer(t, "nginx", cfg), client: ours.client}
	for i := range 120 {
		client := fmt.Sprintf("%d.%d.%d.%d", 1+i*37%220, i*91%256, i*53%256, i)
		if i%4 == 0 {
			client = fmt.Sprintf("2001:db8:%x::%x", i*7919%65536, i)
		}
		_, a := ours.do("GET", "/", "", "X-Forwarded-For", client)
		_, b := theirs.do("GET", "/", "", "X-Forwarded-For", client)
		if a != b {
			t.Errorf("%s: ours goes to %s, nginx's to %s", client, a, b)
		}
	}
}

// TestExportedFilesWithTLSAreAccepted has the programs check what the test above leaves out.
func TestExportedFilesWithTLSAreAccepted(t *testing.T) {
	dir := t.TempDir()
	cfg := exported(map[string]upstream.Config{"main": {Policy: upstream.RoundRobin}, "a": {Policy: upstream.Cookie, MaxFails: -1, SlowStart: -1}})
	cfg.Listen, cfg.Proxies = ":8100", nil
	cfg.TLS = gateway.TLS{Listen: "[::]:8443", Cert: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "c.pem.key")}
	writeCert(t, cfg.TLS.Cert, cfg.TLS.Key, "x")
	for _, name := range gateway.Exports {
		program, args := findBalancer(t, name), []string{"-c", "-f"}
		if name == "nginx" {
			args = []string{"-t", "-g", "pid " + dir + "/pid;", "-c"}
		}
		var text bytes.Buffer
		if err := gateway.Export(&text, name, cfg); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name+".conf")
		if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(program, append(args, file)...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", name, err, out, text.String())
		}
	}
}

func TestExportRefuses(t *testing.T) {
	cfg := exported(map[string]upstream.Config{"main": {}, "a": {}})
	if err := gateway.Export(io.Discard, "apache", cfg); !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
	cfg.TLS = gateway.TLS{Listen: ":1", SelfSigned: true}
	if err := gateway.Export(io.Discard, "nginx", cfg); !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
	cfg.TLS.Cert, cfg.TLS.Key = "/c", "/k"
	cfg.Table.Pools["main"] = upstream.Config{TicketAfter: []string{`x" {`}, Probe: upstream.Probe{Path: "/x;", Timeout: time.Second}}
	if err := gateway.Export(io.Discard, "nginx", cfg); !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
}
