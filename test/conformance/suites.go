package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/gateway"
)

const h2specModule = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"

// accepted are the cases of h2spec that Go's net/http fails, which serves HTTP/2 here: two
// wait for a window to open that it opened before, two get 400 where the suite wants the
// stream or the connection reset.
const accepted = 4

var (
	h2specSum  = regexp.MustCompile(`(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed`)
	h2specCase = regexp.MustCompile(`(?m)^\s*\x{00d7} (\d+: .*)$`)
)

// h2spec is summerwind's suite for HTTP/2 (RFC 7540, RFC 7541).
func h2spec(ctx context.Context, front gateway.Front) row {
	return withGateway(ctx, front, "", func(g *gateway.Gateway) row {
		_, port, _ := net.SplitHostPort(g.TLSAddr().String())
		out, err := exec.CommandContext(ctx, "go", "run", h2specModule, "-h", "127.0.0.1", "-p", port, "-t", "-k", "-P", "/x", "-o", "3").CombinedOutput()
		sum := h2specSum.FindStringSubmatch(string(out))
		if sum == nil {
			return skipped(fmt.Sprintf("%s cannot be had: %v", h2specModule, err))
		}
		r := row{suite: "h2spec 2.2.1", result: fmt.Sprintf("%s of %s", sum[2], sum[1])}
		seen := map[string]bool{}
		for _, c := range h2specCase.FindAllStringSubmatch(string(out), -1) {
			if name := strings.TrimSpace(c[1]); !seen[name] {
				seen[name] = true
				r.remarks = append(r.remarks, name)
			}
		}
		r.failed = len(seen) > accepted
		return r
	})
}

//go:embed vtc/*.vtc
var scripts embed.FS

// varnishtest runs our scripts: a client and a server that say byte for byte what they
// send and expect.
func varnishtest(ctx context.Context, front gateway.Front) row {
	program, err := find("varnishtest", "varnish")
	if err != nil {
		return skipped(err.Error())
	}
	names, err := scripts.ReadDir("vtc")
	if err != nil {
		return broken(err)
	}
	r := row{suite: "varnishtest, our scripts"}
	passed := 0
	for _, name := range names {
		if out, err := vtc(ctx, program, front, name.Name()); err != nil {
			r.failed = true
			r.remarks = append(r.remarks, name.Name()+": "+firstFault(out))
			fmt.Fprintf(os.Stderr, "%s\n%s\n", name.Name(), out)
		} else {
			passed++
		}
	}
	r.result = fmt.Sprintf("%d of %d", passed, len(names))
	return r
}

// vtc runs one script with a gateway of its own. The scripts' servers serve one connection
// after another, so the gateway's probes are answered before them.
func vtc(ctx context.Context, program string, front gateway.Front, name string) ([]byte, error) {
	text, err := scripts.ReadFile("vtc/" + name)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vtc-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	backend := free.Addr().String()
	free.Close()
	shim, err := newShim(backend)
	if err != nil {
		return nil, err
	}
	defer shim.Close()
	var out []byte
	withGateway(ctx, front, shim.Addr().String(), func(g *gateway.Gateway) row {
		cmd := exec.CommandContext(ctx, program, "-t", "20", "-D", "front="+strings.Replace(g.Addr().String(), ":", " ", 1),
			"-D", "backend="+strings.Replace(backend, ":", " ", 1), file)
		out, err = cmd.CombinedOutput()
		return row{}
	})
	return out, err
}

var vtcFault = regexp.MustCompile(`(?m)^-{4}\s+(.*)$`)

func firstFault(out []byte) string {
	if m := vtcFault.FindSubmatch(out); m != nil {
		return string(m[1])
	}
	return "see the output"
}

// testssl looks at protocols, ciphers and known weaknesses of TLS.
func testssl(ctx context.Context, front gateway.Front) row {
	program, err := find("testssl", "testssl.sh")
	if err != nil {
		return skipped(err.Error())
	}
	return withGateway(ctx, front, "", func(g *gateway.Gateway) row {
		dir, err := os.MkdirTemp("", "testssl-")
		if err != nil {
			return broken(err)
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, "out.json")
		out, err := exec.CommandContext(ctx, program, "--quiet", "--color", "0", "--warnings", "off", "-p", "-s", "-f", "-U", "--jsonfile", file, g.TLSAddr().String()).CombinedOutput()
		text, readErr := os.ReadFile(file)
		if readErr != nil {
			return broken(fmt.Errorf("%w: %s", err, bytes.TrimSpace(out)))
		}
		var findings []struct{ ID, Severity, Finding string }
		if err := json.Unmarshal(text, &findings); err != nil {
			return broken(err)
		}
		r := row{suite: "testssl 3.0, protocols, ciphers, forward secrecy, weaknesses"}
		good := 0
		for _, f := range findings {
			switch f.Severity {
			case "OK", "INFO":
				good++
			case "LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL":
				r.remarks = append(r.remarks, f.ID+": "+f.Finding)
				r.failed = r.failed || f.Severity != "LOW"
			}
		}
		r.result = fmt.Sprintf("%d good or neutral, %d not", good, len(r.remarks))
		return r
	})
}

var slowEnd = regexp.MustCompile(`service available:(?:\x1b\[[0-9;]*m|\s)*(YES|NO)`) // in colours

// slowhttptest keeps hundreds of slow connections open: heads, bodies and reading. The
// gateway has to answer others meanwhile.
func slowhttptest(ctx context.Context, front gateway.Front) row {
	program, err := find("slowhttptest", "slowhttptest")
	if err != nil {
		return skipped(err.Error())
	}
	r := row{suite: "slowhttptest, 800 connections"}
	passed := 0
	kinds := []struct {
		name string
		args []string
	}{
		{"slow heads", []string{"-H", "-i", "3"}},
		{"slow bodies", []string{"-B", "-i", "3", "-s", "8192"}},
		{"slow readers", []string{"-X", "-w", "10", "-y", "20", "-n", "2", "-z", "32", "-k", "1"}},
	}
	for _, kind := range kinds {
		one := withGateway(ctx, front, "", func(g *gateway.Gateway) row {
			url := "http://" + g.Addr().String() + "/large"
			args := append(kind.args, "-c", "800", "-r", "400", "-l", "12", "-p", "2", "-u", url)
			cmd := exec.CommandContext(ctx, program, args...)
			ended := make(chan struct{})
			var out []byte
			go func() {
				defer close(ended)
				out, _ = cmd.CombinedOutput() // it exits with 1 when its connections are closed
			}()
			longest, failures := besideIt("http://"+g.Addr().String()+"/x", ended)
			said := slowEnd.FindAllSubmatch(out, -1)
			ok := failures == 0 && len(said) > 0 && string(said[len(said)-1][1]) == "YES"
			return row{result: fmt.Sprintf("%s: others waited at most %d ms, %d failed", kind.name, longest.Milliseconds(), failures), failed: !ok}
		})
		r.remarks = append(r.remarks, one.result)
		if r.failed = r.failed || one.failed; !one.failed {
			passed++
		}
	}
	r.result = fmt.Sprintf("%d of %d", passed, len(kinds))
	return r
}

// besideIt asks as others would, on a new connection each time, until ended.
func besideIt(url string, ended <-chan struct{}) (longest time.Duration, failures int) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return longest, failures
		case <-tick.C:
		}
		began := time.Now()
		res, err := client.Get(url)
		if err != nil {
			failures++
			continue
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			failures++
		}
		longest = max(longest, time.Since(began))
	}
}
