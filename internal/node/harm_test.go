//go:build !windows

package node

import (
	"crypto/tls"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/trust"
)

// status asks the Agent of a host.
func (f *field) status(name string) agent.Status {
	f.Helper()
	s, err := agent.Ask(f.Context(), f.hosts[name], agent.Order{Verb: agent.VerbStatus})
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// serverHangs freezes a server: its Agent finds out, and it is served by another one.
func (f *field) serverHangs() {
	f.Helper()
	frozen := f.ready("s1", config.RoleServer)
	if err := syscall.Kill(frozen.PID, syscall.SIGSTOP); err != nil {
		f.Fatal(err)
	}
	if status, body := f.get("/readyz"); status != http.StatusOK {
		f.Errorf("%d %s", status, body)
	}
	f.eventually("the frozen server is replaced", func() bool {
		r, alive := agent.Find(f.hosts["s1"], config.RoleServer)
		return alive && r.PID != frozen.PID && r.State == string(agent.Ready)
	}, func() string { return f.log("s1", config.RoleAgent) })
	if last := f.status("s1").Roles[0].LastExit; last == nil || !strings.Contains(last.Hung, "does not answer") {
		f.Errorf("its end is told as %+v", last)
	}
}

// hostIsRemoved takes a host out of the cluster, while it holds a connection to a server of another one.
func (f *field) hostIsRemoved() {
	f.Helper()
	id, err := trust.Open(f.hosts["s2"])
	if err != nil {
		f.Fatal(err)
	}
	server := f.ready("s1", config.RoleServer).Addresses["http"]
	conn, err := tls.Dial("tcp", server, id.PeerTLS())
	if err != nil {
		f.Fatal(err)
	}
	defer conn.Close()
	f.ready("s2", config.RoleServer)
	removed := time.Now()
	if _, err := join.NewCluster(f.deps()).Remove(f.Context(), org.System("test"), "s2"); err != nil {
		f.Fatal(err)
	}
	if err := conn.SetReadDeadline(removed.Add(5 * time.Second)); err != nil {
		f.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	if took := time.Since(removed); err == nil || took > 2*time.Second {
		f.Errorf("its connection was cut after %v: %v", took, err)
	} else {
		f.Logf("its connection was cut after %v", took)
	}
	again, err := tls.Dial("tcp", server, id.PeerTLS())
	if err == nil {
		_, err = again.Read(make([]byte, 1))
		again.Close()
	}
	if !trust.IsRefusal(err) {
		f.Errorf("it comes back: %v", err)
	}
	var s agent.Status
	f.eventually("its Agent has stopped the server and says so", func() bool {
		s = f.status("s2")
		return strings.Contains(s.Retired, "removed") && s.Roles[0].State == agent.Stopped
	}, func() string { return f.log("s2", config.RoleAgent) })
	f.stop("s2")

	f.start("s2") // by somebody who does not know
	f.eventually("it says so again", func() bool {
		s, err := agent.Ask(f.Context(), f.hosts["s2"], agent.Order{Verb: agent.VerbStatus})
		return err == nil && s.Retired != "" && s.Roles[0].State == agent.Stopped
	}, func() string { return f.log("s2", config.RoleAgent) })
	if status, body := f.get("/readyz"); status != http.StatusOK {
		f.Errorf("%d %s", status, body)
	}
}

// machineDies kills the leading Booster and its Agent, as a power cut would: nobody saw the process end. That the
// machine refuses connections proves it.
func (f *field) machineDies() {
	f.Helper()
	f.ready("b1", config.RoleBooster)
	f.ready("b2", config.RoleBooster)
	f.eventually("somebody leads", func() bool { return f.leader().Name != "" }, func() string { return "" })
	was := f.leader()
	name := was.Name[:2]
	cmd := f.agents[name]
	delete(f.agents, name)
	if err := cmd.Process.Kill(); err != nil {
		f.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	killed := time.Now()
	f.kill(name, config.RoleBooster)
	f.eventually("the other one leads", func() bool { return f.leader().Epoch > was.Epoch }, func() string {
		return f.log("b1", config.RoleBooster) + f.log("b2", config.RoleBooster)
	})
	f.Logf("the lead of a dead machine was taken over after %v", time.Since(killed)) // without the proof it takes the lease's time
	f.start(name)
	f.ready(name, config.RoleBooster)
}
