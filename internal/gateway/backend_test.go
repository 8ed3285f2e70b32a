package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	backendLedger  = "PACELINE_TEST_BACKEND_LEDGER"
	backendListen  = "PACELINE_TEST_BACKEND_LISTEN"
	backendForgets = "PACELINE_TEST_BACKEND_FORGETS" // set: answers are not kept by key
)

// ledger is the database that the servers of a test share: an effect and the answer under
// its key are one step, as db.Do makes them. mu guards the maps.
type ledger struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string // by key: hash of the request and the answer
	effects map[string]int    // by what the client asked for
	repeats int               // that found their answer stored
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{answers: make(map[string]string), effects: make(map[string]int)}
	l.Server = httptest.NewServer(http.HandlerFunc(l.commit))
	t.Cleanup(l.Close)
	return l
}

func (l *ledger) commit(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	l.mu.Lock()
	defer l.mu.Unlock()
	key, hash := q.Get("key"), q.Get("hash")
	if stored, ok := l.answers[key]; ok && key != "" {
		l.repeats++
		if !strings.HasPrefix(stored, hash) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		io.WriteString(w, stored[len(hash):])
		return
	}
	l.effects[q.Get("what")]++
	answer := fmt.Sprintf("done %s as %d", q.Get("what"), len(l.effects))
	l.answers[key] = hash + answer
	io.WriteString(w, answer)
}

func (l *ledger) effect(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.effects[what]
}

// backend is what a Paceline server is to a gateway: readiness, writes that keep their
// answer by key together with the effect, 409 while the first run of a key goes on.
type backend struct {
	ledger   string
	work     time.Duration // before and again after the effect
	forgets  bool          // keys mean nothing
	draining atomic.Bool
	client   *http.Client

	mu      sync.Mutex
	running map[string]bool // keys
}

func newBackend(ledger string, work time.Duration) *backend {
	return &backend{ledger: ledger, work: work, running: make(map[string]bool),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/readyz":
		if b.draining.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	case r.Method == http.MethodPost:
		b.write(w, r)
	default:
		fmt.Fprintln(w, "hello from", r.Host)
	}
}

func (b *backend) write(w http.ResponseWriter, r *http.Request) {
	what, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if key != "" {
		b.mu.Lock()
		busy := b.running[key]
		b.running[key] = true
		b.mu.Unlock()
		if busy {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusConflict)
			return
		}
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.running, key)
		}()
	}
	<-time.After(b.work)
	if b.forgets {
		key = ""
	}
	sum := sha256.Sum256(what)
	q := url.Values{"key": {key}, "hash": {hex.EncodeToString(sum[:])}, "what": {string(what)}}
	res, err := b.client.Post(b.ledger+"?"+q.Encode(), "", nil)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	<-time.After(b.work)
	w.WriteHeader(res.StatusCode)
	w.Write(answer)
}

// runBackend is a backend as a process: on SIGTERM it says that it is not ready, waits for
// the gateways to see that, and then ends.
func runBackend(ledger string) error {
	b := newBackend(ledger, 4*time.Millisecond)
	b.forgets = os.Getenv(backendForgets) != ""
	ln, err := net.Listen("tcp", os.Getenv(backendListen))
	if err != nil {
		return err
	}
	address := ln.Addr()
	if ln, err = guarded(ln); err != nil {
		return err
	}
	srv := &http.Server{Handler: b}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() {
		<-term
		b.draining.Store(true)
		<-time.After(400 * time.Millisecond)
		ended <- srv.Shutdown(context.Background())
	}()
	fmt.Println("serving", address)
	if err := srv.Serve(ln); err != http.ErrServerClosed {
		return err
	}
	return <-ended
}

// process is a backend in a process of its own, on an address that it keeps when it is
// started again.
type process struct {
	t       *testing.T
	ledger  string
	address string
	cmd     *exec.Cmd
}

func startProcess(t *testing.T, l *ledger) *process {
	t.Helper()
	p := &process{t: t, ledger: l.URL, address: "127.0.0.1:0"}
	p.start()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	return p
}

func (p *process) start() {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(self)
	p.cmd.Env = append(os.Environ(), backendLedger+"="+p.ledger, backendListen+"="+p.address)
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "serving ")
	if !ok {
		p.t.Fatalf("the server ended before it served: %q, %v", line, err)
	}
	p.address = address
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// handler serves h as a ready server on an address of its own.
func serveHandler(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			return
		}
		h(w, r)
	}))
	ln, err := guarded(s.Listener)
	if err != nil {
		t.Fatal(err)
	}
	s.Listener = ln
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// echo answers with the request as it came.
type echoed struct {
	Method, Target, Host string
	Header               http.Header
	Body                 string
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	e := echoed{r.Method, r.RequestURI, r.Host, r.Header, string(body)}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(e)
}

func readEcho(t *testing.T, res *http.Response) echoed {
	t.Helper()
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e echoed
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&e); err != nil {
		t.Fatalf("%d %q: %v", res.StatusCode, text, err)
	}
	return e
}
