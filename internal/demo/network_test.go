package demo

import (
	"context"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// Hosts of a network reach each other and the outside, but for what is cut.
func TestNetwork(t *testing.T) {
	n, err := NewNetwork(t.Context())
	if errs.Is(err, errs.Unsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	var hosts []Host
	for _, name := range []string{"a", "b"} {
		h := Host{Name: name}
		if h.Space, h.Address, err = n.add(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, h)
	}
	// Where nobody listens, a machine that is reached says so at once.
	reaches := func(to string) bool {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(to, "1"), 300*time.Millisecond)
		if err == nil {
			c.Close()
		}
		timeout, is := err.(net.Error)
		return err == nil || !is || !timeout.Timeout()
	}
	between := func() bool {
		return exec.Command("ip", "netns", "exec", hosts[0].Space, "bash", "-c", "timeout 0.3 bash -c '</dev/tcp/"+hosts[1].Address+"/1'; [ $? != 124 ]").Run() == nil
	}
	for _, step := range []struct {
		what             string
		do               func() error
		between, outside bool // the hosts reach each other; the second is reached from outside
	}{
		{"nothing is cut", func() error { return nil }, true, true},
		{"the hosts are cut", func() error { return n.Cut(t.Context(), "a", "b") }, false, true},
		{"all is healed", func() error { return n.Heal(t.Context()) }, true, true},
		{"one is cut from outside", func() error { return n.Cut(t.Context(), "b", Outside) }, true, false},
		{"one is isolated", func() error { return n.Isolate(t.Context(), "b") }, false, false},
		{"all is healed again", func() error { return n.Heal(t.Context()) }, true, true},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if near, far := between(), reaches(hosts[1].Address); near != step.between || far != step.outside {
			t.Errorf("%s: the hosts reach each other %v, want %v; from outside %v, want %v", step.what, near, step.between, far, step.outside)
		}
	}
}
