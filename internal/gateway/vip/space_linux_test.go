package vip

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the gateways and the client, each in a network namespace.
const playing = "PACELINE_TEST_VIP"

func TestMain(m *testing.M) {
	switch os.Getenv(playing) {
	case "":
		os.Exit(m.Run())
	case "gateway":
		beGateway(os.Args[1], os.Args[2], os.Args[3])
	case "client":
		beClient(os.Args[1])
	}
}

// beGateway shares an address until it is told to stop, and says its name to who connects.
func beGateway(name, address, leader string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", ":8080")
	fail(err)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(conn, name)
			conn.Close()
		}
	}()
	k, err := New(Config{Address: address, Interface: "eth0"}, Deps{
		Host: name, Able: func() bool { return true }, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Ask: func(ctx context.Context, q Question) (a Answer, err error) {
			err = askOver(ctx, leader, name, q, &a)
			return a, err
		},
	})
	fail(err)
	fail(k.Start(ctx))
	<-ctx.Done()
	fail(k.Stop(context.Background()))
}

// beClient connects to the address again and again, and prints who answered.
func beClient(address string) {
	for {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(address, "8080"), 100*time.Millisecond)
		if err == nil {
			_ = conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
			name, _ := io.ReadAll(conn)
			fmt.Print(string(name))
			conn.Close()
		}
		time.Sleep(10 * time.Millisecond) // the pace of a client, and nothing that is waited for
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// claim is what a gateway sends to the leader of these tests.
type claim struct {
	Host     string
	Question Question
}

func askOver(ctx context.Context, socket, host string, q Question, a *Answer) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if err := json.NewEncoder(conn).Encode(claim{host, q}); err != nil {
		return err
	}
	return json.NewDecoder(conn).Decode(a)
}

// leader says who holds the address: who asks first, for TTL.
type leader struct {
	socket string
	ln     net.Listener

	mu      sync.Mutex
	holder  string
	expires time.Time
}

func (l *leader) lead(t *testing.T) {
	ln, err := net.Listen("unix", l.socket)
	if err != nil {
		t.Fatal(err)
	}
	l.ln = ln
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			var c claim
			if json.NewDecoder(conn).Decode(&c) == nil {
				_ = json.NewEncoder(conn).Encode(l.answer(c))
			}
			conn.Close()
		}
	}()
}

func (l *leader) answer(c claim) Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	switch {
	case c.Question.GiveBack && l.holder == c.Host:
		l.holder = ""
	case c.Question.GiveBack:
	case l.holder == "" || l.holder == c.Host || now.After(l.expires):
		l.holder, l.expires = c.Host, now.Add(TTL)
	}
	return Answer{l.holder}
}

// free is the proof that the holder is dead.
func (l *leader) free() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holder = ""
}

// world is a bridge with three namespaces at it: two gateways and a client.
type world struct {
	*testing.T
	prefix  string
	address string
	shared  string // with its length
	leader  leader
	procs   map[string]*exec.Cmd

	mu      sync.Mutex
	seen    string // who answered the client last
	at      time.Time
	both    time.Duration // for how long both had the address on their interface
	watched sync.WaitGroup
	ended   chan struct{}
}

var networks = map[int]struct{ net, shared, length string }{
	4: {"10.99.0.", "10.99.0.100", "/24"},
	6: {"fd99::", "fd99::100", "/64"},
}

func newWorld(t *testing.T, family int) *world {
	if _, err := exec.LookPath("ip"); err != nil || os.Geteuid() != 0 {
		t.Skip("network namespaces need root and the program ip")
	}
	n := networks[family]
	w := &world{T: t, prefix: fmt.Sprintf("vip%d-%s-", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-")), address: n.shared, shared: n.shared + n.length, procs: map[string]*exec.Cmd{}, ended: make(chan struct{})}
	if out, err := exec.Command("ip", "netns", "add", w.prefix+"bridge").CombinedOutput(); err != nil {
		t.Skipf("network namespaces are not permitted here: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", w.prefix+"bridge").Run() })
	w.ip("-n", w.prefix+"bridge", "link", "add", "name", "br", "type", "bridge", "mcast_snooping", "0")
	w.ip("-n", w.prefix+"bridge", "link", "set", "dev", "br", "up")
	for i, name := range []string{"a", "b", "client"} {
		space := w.prefix + name
		w.ip("netns", "add", space)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", space).Run() })
		w.ip("-n", w.prefix+"bridge", "link", "add", "name", name, "type", "veth", "peer", "name", "eth0", "netns", space)
		w.ip("-n", w.prefix+"bridge", "link", "set", "dev", name, "master", "br", "up")
		own := []string{"-n", space, "address", "add", fmt.Sprint(n.net, i+1, n.length), "dev", "eth0"}
		if family == 6 {
			own = append(own, "nodad")
		}
		w.ip(own...)
		w.ip("-n", space, "link", "set", "eth0", "up")
		w.ip("-n", space, "link", "set", "lo", "up")
	}
	w.leader.socket = filepath.Join(t.TempDir(), "leader")
	w.leader.lead(t)
	w.watched.Go(w.watch)
	t.Cleanup(func() { close(w.ended); w.watched.Wait() })
	w.client()
	return w
}

func (w *world) ip(args ...string) {
	w.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		w.Fatalf("ip %s: %s", strings.Join(args, " "), out)
	}
}

func (w *world) run(space, role string, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", w.prefix + space, os.Args[0]}, args...)...)
	cmd.Env = append(os.Environ(), playing+"="+role)
	return cmd
}

// gateway starts one.
func (w *world) gateway(name string) {
	cmd := w.run(name, "gateway", name, w.shared, w.leader.socket)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.procs[name] = cmd
	w.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if w.Failed() {
			w.Logf("%s:\n%s", name, log.String())
		}
	})
}

func (w *world) signal(name string, s syscall.Signal) {
	w.Helper()
	if err := w.procs[name].Process.Signal(s); err != nil {
		w.Fatal(err)
	}
}

// client notes who answers.
func (w *world) client() {
	cmd := w.run("client", "client", w.address)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.Fatal(err)
	}
	w.watched.Go(func() {
		for {
			var name string
			if _, err := fmt.Fscanln(out, &name); err != nil {
				_ = cmd.Wait() // it was killed
				return
			}
			w.mu.Lock()
			w.seen, w.at = name, time.Now()
			w.mu.Unlock()
		}
	})
	w.Cleanup(func() { _ = cmd.Process.Kill() })
}

// watch measures for how long the address is on both interfaces.
func (w *world) watch() {
	var since time.Time
	for {
		select {
		case <-w.ended:
			return
		case <-time.After(30 * time.Millisecond):
		}
		a, b := w.has("a"), w.has("b")
		switch {
		case !a || !b:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		default:
			w.mu.Lock()
			w.both = max(w.both, time.Since(since))
			w.mu.Unlock()
		}
	}
}

func (w *world) has(name string) bool {
	out, _ := exec.Command("ip", "-n", w.prefix+name, "-o", "address", "show", "dev", "eth0").Output()
	return strings.Contains(string(out), " "+w.address+"/")
}

// reaches waits until the client gets to a gateway, any if name is empty, and says how long
// that took.
func (w *world) reaches(name string, within time.Duration) time.Duration {
	w.Helper()
	began := time.Now()
	for time.Since(began) < within {
		w.mu.Lock()
		seen, at := w.seen, w.at
		w.mu.Unlock()
		if (name == "" || seen == name) && at.After(began) {
			return at.Sub(began)
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.Fatalf("the client does not reach %s within %v; it reached %q last", name, within, w.seen)
	return 0
}

// stays checks that the client reaches a gateway, and no other, for a while.
func (w *world) stays(name string, d time.Duration) {
	w.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.reaches(name, time.Second)
		w.mu.Lock()
		seen := w.seen
		w.mu.Unlock()
		if seen != name {
			w.Fatalf("the client reaches %s, not %s", seen, name)
		}
	}
}

// neverBoth checks that the address was never on both interfaces for longer than one look.
func (w *world) neverBoth() {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.both > 0 {
		w.Errorf("both held the address for %v", w.both)
	}
}
