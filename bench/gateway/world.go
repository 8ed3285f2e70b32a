package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	proxyCore = "0"
	otherCore = "1" // of the load and the servers
)

// world is the servers and the proxies, all running. Those that are not measured are idle.
type world struct {
	options
	dir     string
	servers [2]string // addresses
	backend *exec.Cmd
	proxies []*proxy
}

// proxy is one program under test.
type proxy struct {
	name          string
	clear, secure string // addresses
	cmd           *exec.Cmd
	log           *os.File
}

func newWorld(o options) (*world, error) {
	w := &world{options: o}
	if err := w.begin(); err != nil {
		w.end()
		return nil, err
	}
	return w, nil
}

func (w *world) begin() (err error) {
	if w.dir, err = os.MkdirTemp("", "bench-gateway-"); err != nil {
		return err
	}
	if err := os.Chmod(w.dir, 0o755); err != nil { // nginx's workers are nobody
		return err
	}
	if err := writeCertificate(w.dir); err != nil {
		return err
	}
	for i := range w.servers {
		w.servers[i] = freeAddress()
	}
	for name, size := range map[string]int{"small": 1 << 10, "large": 100 << 10, "readyz": 2} {
		if err := os.WriteFile(filepath.Join(w.dir, name), bytes.Repeat([]byte("x"), size), 0o644); err != nil {
			return err
		}
	}
	if w.backend, err = w.start(otherCore, "servers", w.serverConfig(), nginx); err != nil {
		return err
	}
	for _, s := range w.setups() {
		if s.program != "" && find(s.program) == "" {
			fmt.Fprintf(os.Stderr, "SKIPPED: %s: %s is not here (apt-get install %s)\n", s.name, s.program, s.program)
			continue
		}
		p := &proxy{name: s.name, clear: freeAddress(), secure: freeAddress()}
		if p.log, err = os.Create(filepath.Join(w.dir, strconv.Itoa(len(w.proxies))+".log")); err != nil {
			return err
		}
		w.proxies = append(w.proxies, p)
		if p.cmd, err = w.start(proxyCore, p.log.Name(), s.config(w, p), s.command); err != nil {
			return err
		}
		if err := answers(p); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// start runs a program on one processor, with its configuration in a file.
func (w *world) start(core, name, config string, command func(w *world, file string) []string) (*exec.Cmd, error) {
	file := filepath.Join(w.dir, filepath.Base(name)+".conf")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(file+".out", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command("taskset", append([]string{"-c", core}, command(w, file)...)...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd, cmd.Start()
}

// answers waits until a proxy gives what the servers have, over both doors.
func answers(p *proxy) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	var last error
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); {
		last = nil
		for _, url := range []string{"http://" + p.clear + "/small", "https://" + p.secure + "/small"} {
			res, err := client.Get(url)
			if err != nil {
				last = err
				continue
			}
			res.Body.Close()
			if res.StatusCode != 200 || res.ContentLength != 1<<10 {
				last = fmt.Errorf("%s: %s", url, res.Status)
			}
		}
		if last == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return last
}

// measure runs the load once; up to three times when it came to nothing, as it may on a
// machine with much else to do.
func (w *world) measure(ctx context.Context, p *proxy, path string, secure bool) (r result, err error) {
	for range 3 {
		if r, err = w.round(ctx, p, path, secure); err == nil || ctx.Err() != nil {
			break
		}
	}
	return r, err
}

func (w *world) round(ctx context.Context, p *proxy, path string, secure bool) (result, error) {
	url := "http://" + p.clear + path
	if secure {
		url = "https://" + p.secure + path
	}
	wrk := func(length time.Duration) (string, error) {
		out, err := exec.CommandContext(ctx, "taskset", "-c", otherCore, "wrk", "-t1", "-c"+strconv.Itoa(w.clients),
			"-d"+strconv.Itoa(max(1, int(length.Seconds())))+"s", "--latency", url).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("wrk: %w: %s", err, out)
		}
		return string(out), err
	}
	if _, err := wrk(time.Second); err != nil { // warm up
		return result{}, err
	}
	before := usage(p.cmd.Process.Pid)
	text, err := wrk(w.length)
	if err != nil {
		return result{}, err
	}
	after := usage(p.cmd.Process.Pid)
	r, count, err := parseWrk(text)
	r.cpu = float64(after.cpu-before.cpu) / float64(time.Microsecond) / count
	r.memory = float64(after.memory) / (1 << 20)
	return r, errors.Join(err, p.log.Truncate(0))
}

// parseWrk reads what wrk prints.
func parseWrk(text string) (r result, count float64, err error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "Requests/sec:":
			r.rate, err = strconv.ParseFloat(f[1], 64)
		case len(f) == 2 && f[0] == "99%":
			var d time.Duration
			d, err = time.ParseDuration(f[1])
			r.p99 = float64(d) / float64(time.Millisecond)
		case len(f) > 3 && f[1] == "requests" && f[2] == "in":
			count, err = strconv.ParseFloat(f[0], 64)
		case strings.HasPrefix(strings.TrimSpace(line), "Non-2xx"), strings.HasPrefix(strings.TrimSpace(line), "Socket errors"):
			return r, 1, errors.New(strings.TrimSpace(line))
		}
		if err != nil {
			return r, 1, err
		}
	}
	if count == 0 {
		return r, 1, fmt.Errorf("no requests: %s", text)
	}
	return r, count, nil
}

// used is what a proxy took of the machine.
type used struct {
	cpu    time.Duration
	memory int64
}

// usage adds up all processes of the group that a proxy is. The scheduler's own count is in
// nanoseconds, and threads that ended meanwhile are few.
func usage(group int) (u used) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return u
	}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest)
		if len(f) < 22 || f[2] != strconv.Itoa(group) {
			continue
		}
		pages, _ := strconv.ParseInt(f[21], 10, 64)
		u.memory += pages * int64(os.Getpagesize())
		tasks, _ := filepath.Glob(filepath.Dir(stat) + "/task/*/schedstat")
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if err != nil {
				continue
			}
			ran, _, _ := strings.Cut(string(text), " ")
			ns, _ := strconv.ParseInt(ran, 10, 64)
			u.cpu += time.Duration(ns)
		}
	}
	return u
}

// versions says what was measured.
func (w *world) versions() []string {
	var all []string
	for _, p := range [][]string{{"nginx", "-v"}, {"haproxy", "-v"}} {
		if path := find(p[0]); path != "" {
			out, _ := exec.Command(path, p[1]).CombinedOutput()
			line, _, _ := strings.Cut(string(out), "\n")
			line = strings.TrimPrefix(line, "nginx version: ")
			if f := strings.Fields(line); p[0] == "haproxy" && len(f) > 2 {
				line = "HAProxy " + f[2]
			}
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

func (w *world) end() {
	all := []*exec.Cmd{w.backend}
	for _, p := range w.proxies {
		all = append(all, p.cmd)
		p.log.Close()
	}
	for _, cmd := range all {
		if cmd != nil && cmd.Process != nil {
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			cmd.Wait()
		}
	}
	os.RemoveAll(w.dir)
}

func freeAddress() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0"
	}
	defer ln.Close()
	return ln.Addr().String()
}

// writeCertificate makes one for all proxies.
func writeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	return errors.Join(os.WriteFile(filepath.Join(dir, "cert.pem"), certPEM, 0o644), os.WriteFile(filepath.Join(dir, "key.pem"), keyPEM, 0o600),
		os.WriteFile(filepath.Join(dir, "both.pem"), append(certPEM, keyPEM...), 0o600))
}
