package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/config"
)

// TestHostsByCommand founds a cluster, runs its first host, and looks after hosts and join tokens through its server.
func TestHostsByCommand(t *testing.T) {
	sh := newShell(t)
	dir := filepath.Join(t.TempDir(), "h") // the Agent's socket stands in it: short
	booster := "127.0.0.1:" + threePorts(t)
	fails(t, sh, failures{
		"status of nothing": {[]string{"status", "--data", dir}, "", exitNotFound, "paceline cluster init"},
		"start of nothing":  {[]string{"start", "--data", dir}, "", exitNotFound, "paceline cluster init"},
		"no such role":      {[]string{"restart", "cook", "--data", dir}, "", exitFailed, "gateway (web)"},
		"no database":       {[]string{"cluster", "init", "--data", dir, "--db", "postgres://u:hidden@127.0.0.1:1/x"}, "", exitAway, "u:***@"},
		"a wrong name":      {[]string{"cluster", "init", "--data", dir, "--name", "Two Words"}, "", exitFailed, "small letters"},
		"no token":          {[]string{"join", "--booster", booster, "--token", "x", "--data", dir}, "", exitFailed, "plj_"},
	})
	var made struct{ Password string }
	sh.json(&made, "cluster", "init", "--data", dir, "--name", "one", "--advertise", booster)
	host := filepath.Join(dir, "host.yaml")
	text, err := os.ReadFile(host)
	check(t, err)
	check(t, os.WriteFile(host, []byte(strings.Replace(string(text), "listen:\n", "listen:\n    server: 127.0.0.1:0\n    booster_health: 127.0.0.1:0\n"+
		"    gateway: 127.0.0.1:0\n    gateway_health: 127.0.0.1:0\n", 1)), 0o600))

	running := sh.command("", "start", "--data", dir)
	check(t, running.Start())
	t.Cleanup(func() {
		sh.must("", "stop", "--data", dir)
		check(t, running.Wait())
		if log, _ := os.ReadFile(filepath.Join(dir, "logs", "server.log")); t.Failed() {
			t.Logf("%s", log)
		}
	})
	var status agent.Status
	address, server := "", ""
	until(t, "the host is ready", func() bool {
		if sh.run("", "status", "--data", dir).code != exitDone {
			return false
		}
		sh.json(&status, "status", "--data", dir)
		ready := 0
		for _, r := range status.Roles {
			if r.State == agent.Ready {
				ready++
			}
			switch {
			case r.Report == nil:
			case r.Role == config.RoleGateway:
				address = "http://" + r.Report.Addresses["http"]
			case r.Role == config.RoleServer:
				server = "http://" + r.Report.Addresses["http"]
			}
		}
		return ready == 3
	})
	if r := sh.run("x\n", "login", server, "-u", "admin"); r.code != exitAway || !strings.Contains(r.err, "gateway") {
		t.Errorf("past the gateway: %+v", r)
	}
	sh.must(made.Password+"\nfour words of the founder\n", "login", address, "-u", "admin")

	if out := sh.must("", "node", "list"); !strings.Contains(out, "one") || !strings.Contains(out, "ready") {
		t.Errorf("node list: %s", out)
	}
	if out := sh.must("", "node", "show", "one"); !strings.Contains(out, "booster") {
		t.Errorf("node show: %s", out)
	}
	sh.must("", "node", "cordon", "one")
	if out := sh.must("", "node", "show", "one"); !strings.Contains(out, "cordon") {
		t.Errorf("a cordoned host: %s", out)
	}
	sh.must("", "node", "undrain", "one")

	var token client.JoinToken
	sh.json(&token, "token", "create", "--role", "gateway", "--uses", "2")
	if out := sh.must("", "token", "list"); !strings.Contains(out, token.ID) || strings.Contains(out, token.Token) {
		t.Errorf("token list: %s", out)
	}
	sh.must("", "join", "--booster", booster, "--token", token.Token, "--data", dir+"2", "--name", "two")
	sh.must("", "token", "revoke", token.ID)
	fails(t, sh, failures{
		"a revoked token": {[]string{"join", "--booster", booster, "--token", token.Token, "--data", dir + "3", "--name", "three"}, "", exitDenied, "revoked"},
		"gone twice":      {[]string{"token", "revoke", "nothing"}, "", exitNotFound, "token list"},
		"for nobody":      {[]string{"token", "create", "--uses", "0"}, "", exitFailed, "1 to 1000"},
		"no such host":    {[]string{"node", "drain", "nobody"}, "", exitNotFound, "node list"},
	})
	sh.must("", "node", "remove", "two")
	if out := sh.must("", "node", "list"); strings.Contains(out, "two") {
		t.Errorf("after it was removed: %s", out)
	}
}
