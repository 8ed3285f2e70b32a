package vip

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// TestTheAddressMoves plays the ways in which a holder goes, over IPv4 and IPv6. Both
// namespaces are looked at all the time: the address is never in both.
func TestTheAddressMoves(t *testing.T) {
	t.Parallel()
	for family, name := range map[int]string{4: "IPv4", 6: "IPv6"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, family)
			w.gateway("a")
			t.Log("first taken after", w.reaches("a", 5*time.Second))
			w.gateway("b")

			w.signal("a", syscall.SIGTERM)
			t.Log("given back: the other is reached after", w.reaches("b", 3*time.Second))

			_ = w.procs["a"].Wait() // it has drained, and its port is free
			w.gateway("a")
			w.signal("b", syscall.SIGKILL)
			_ = w.procs["b"].Wait()
			t.Log("kill -9, host lost: the other is reached after", w.reaches("a", 3*TTL))

			w.gateway("b")
			w.stays("a", time.Second)
			w.signal("a", syscall.SIGKILL)
			_ = w.procs["a"].Wait()
			w.leader.free()
			w.gateway("a") // as the Agent starts it again, which removes what was left
			t.Log("kill -9, started again: somebody is reached after", w.reaches("", TTL))
			w.neverBoth()
		})
	}
}

// TestAFrozenHolderLosesTheAddress freezes the holder: its kernel takes the address away, and
// when it wakes up it does not take it back.
func TestAFrozenHolderLosesTheAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	w.gateway("a")
	w.reaches("a", 5*time.Second)
	w.gateway("b")
	w.signal("a", syscall.SIGSTOP)
	t.Log("frozen: the other is reached after", w.reaches("b", 3*TTL))
	w.signal("a", syscall.SIGCONT)
	w.stays("b", time.Second)
	w.neverBoth()
}

// TestNobodyLeads ends the leader: the holder keeps the address, and when it dies as well the
// other one takes it after a long silence.
func TestNobodyLeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	w.gateway("a")
	w.reaches("a", 5*time.Second)
	w.gateway("b")
	w.stays("a", 500*time.Millisecond)
	if err := w.leader.ln.Close(); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(w.leader.socket)
	w.stays("a", TTL+quietAlone+time.Second)
	w.signal("a", syscall.SIGKILL)
	_ = w.procs["a"].Wait()
	t.Log("no leader, kill -9: the other is reached after", w.reaches("b", TTL+quietAlone+3*time.Second))
	w.neverBoth()
}
