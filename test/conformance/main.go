// Command conformance runs suites that others wrote against the gateway, with both of its
// fronts, and our own scripts for varnishtest: h2spec, varnishtest, testssl, slowhttptest.
// What is not installed and cannot be had is reported as SKIPPED, with the reason.
//
//	conformance             writes its table into docs/reliability.md
//	conformance -out ""     prints it only
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// row is what one suite said.
type row struct {
	suite, front, result string
	remarks              []string
	failed               bool
}

func main() {
	out := flag.String("out", "docs/reliability.md", "file whose section is replaced; empty: print only")
	only := flag.String("only", "", "suites whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	rows := run(ctx, *only)
	text := table(rows)
	fmt.Print(text)
	if *out != "" {
		if err := replaceSection(*out, "conformance", text); err != nil {
			fmt.Fprintln(os.Stderr, "conformance:", err)
			os.Exit(1)
		}
	}
	for _, r := range rows {
		if r.failed {
			os.Exit(1)
		}
	}
}

func run(ctx context.Context, only string) (rows []row) {
	suites := []struct {
		name   string
		fronts []gateway.Front
		run    func(context.Context, gateway.Front) row
	}{
		{"h2spec", []gateway.Front{gateway.FrontStandard}, h2spec},
		{"varnishtest", []gateway.Front{gateway.FrontRelay, gateway.FrontStandard}, varnishtest},
		{"testssl", []gateway.Front{gateway.FrontRelay}, testssl},
		{"slowhttptest", []gateway.Front{gateway.FrontRelay, gateway.FrontStandard}, slowhttptest},
	}
	for _, s := range suites {
		if !strings.Contains(s.name, only) {
			continue
		}
		for _, front := range s.fronts {
			fmt.Fprintln(os.Stderr, "==", s.name, front)
			r := s.run(ctx, front)
			r.suite, r.front = cmp.Or(r.suite, s.name), string(front)
			rows = append(rows, r)
		}
	}
	return rows
}

func table(rows []row) string {
	var b strings.Builder
	b.WriteString("| suite | front | result | remarks |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.suite, r.front, r.result, strings.ReplaceAll(strings.Join(r.remarks, "; "), "|", "/"))
	}
	return b.String()
}

// skipped says why a suite could not be run.
func skipped(why string) row { return row{result: "SKIPPED", remarks: []string{why}} }

func broken(err error) row {
	return row{result: "FAILED", remarks: []string{err.Error()}, failed: true}
}

// withGateway runs a gateway before a server that answers everything, or before the one
// at the address, while use does.
func withGateway(ctx context.Context, front gateway.Front, server string, use func(g *gateway.Gateway) row) row {
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return broken(err)
	}
	defer os.RemoveAll(dir)
	if server == "" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return broken(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: time.Minute}
		defer srv.Close()
		go srv.Serve(ln)
		server = ln.Addr().String()
	}
	cfg := gateway.Defaults()
	cfg.Listen, cfg.Admin, cfg.AccessLog, cfg.Front, cfg.State = "127.0.0.1:0", "", false, front, dir
	cfg.TLS = gateway.TLS{Listen: "127.0.0.1:0", SelfSigned: true}
	cfg.Table = gateway.Table{Routes: []gateway.Route{{App: "app", Pool: "app"}},
		Pools: map[string]upstream.Config{"app": {Servers: []upstream.ServerConfig{{Address: server}}}}}
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		return broken(err)
	}
	if err := g.Start(ctx); err != nil {
		return broken(err)
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = g.Stop(stopping) // those that suites leave hanging are cut off
	}()
	return use(g)
}

// large is more than the buffers on the way hold.
var large = make([]byte, 1<<20)

func answer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/plain")
	if strings.HasPrefix(r.URL.Path, "/large") {
		_, _ = w.Write(large)
		return
	}
	_, _ = io.WriteString(w, "hello")
}

// find gives the path of a program, or why there is none.
func find(program, pkg string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is not installed (apt-get install %s)", program, pkg)
	}
	return path, nil
}

// replaceSection puts text between the comments <!-- name --> and <!-- /name --> of a file.
func replaceSection(file, name, text string) error {
	whole, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	from, to := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, ok := strings.Cut(string(whole), from)
	_, after, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no section between %q and %q", file, strings.TrimSpace(from), to)
	}
	return os.WriteFile(file, []byte(before+from+text+to+after), 0o644)
}
