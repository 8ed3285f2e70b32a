//go:build !windows

package node

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"testing"

	"github.com/paceline/paceline/apps"
	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/trust"
)

// When every message of the bus is lost, all that was hastened by one happens a little later:
// an app gets to every server, a dead server's place and a dead leader's lease become free,
// what is wanted of a host is done, and the gateway serves.
func TestAClusterWhoseBusLosesEverything(t *testing.T) {
	f := newField(t, dbtest.DSN(t, "postgres"))
	for _, name := range []string{"s1", "s2"} { // as on a machine of its own
		host, err := config.LoadHost(f.hosts[name])
		if err != nil {
			t.Fatal(err)
		}
		host.Listen.Server = f.ready(name, config.RoleServer).Addresses["http"]
		if err := config.SaveHost(f.hosts[name], host); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"b1", "b2", "s1", "s2"} { // the gateway first: it keeps the table
		f.stop(name)
	}
	f.deaf = true
	for name := range f.hosts {
		f.start(name)
	}
	for _, name := range []string{"s1", "s2"} {
		f.ready(name, config.RoleServer)
	}
	f.eventually("the gateway serves", func() bool { status, _ := f.get("/readyz"); return status == http.StatusOK }, func() string { return "" })
	f.appArrives()
	f.silentServer()
	f.silentLeader()
	f.wishIsHeard()
	if status, body := f.get("/readyz"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

// admin is the administrator at one server, reached as a gateway reaches it.
func (f *field) admin(server string) *client.Client {
	f.Helper()
	id, err := trust.Open(f.hosts["b1"])
	if err != nil {
		f.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		f.Fatal(err)
	}
	c, err := client.New(client.Config{
		URL:  "https://" + f.ready(server, config.RoleServer).Addresses["http"],
		HTTP: &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: id.PeerTLS()}},
	})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := c.Login(f.Context(), "admin", adminPassword); err != nil {
		f.Fatal(err)
	}
	return c
}

// appArrives publishes an app at one server and finds it at the other.
func (f *field) appArrives() {
	f.Helper()
	if _, err := f.admin("s1").PublishApp(f.Context(), sampleApp(f.T)); err != nil {
		f.Fatal(err)
	}
	other := f.admin("s2")
	f.eventually("the app is at the other server", func() bool {
		apps, err := other.Apps(f.Context())
		return err == nil && len(apps) == 1
	}, func() string { return f.log("s2", config.RoleServer) })
}

// silentServer ends a server for good; its place expires.
func (f *field) silentServer() {
	f.Helper()
	r := f.ready("s1", config.RoleServer)
	f.kill("s1", config.RoleServer)
	f.eventually("its place is free, and it has another", func() bool {
		nodes, err := cluster.List(f.Context(), f.db)
		if err != nil {
			f.Fatal(err)
		}
		free, again := false, false
		for _, n := range nodes {
			same := n.Number == r.Number && n.Epoch == r.Epoch
			free = free || same && !n.Alive
			again = again || !same && n.Name == r.Node && n.Alive
		}
		return free && again
	}, func() string { return f.log("s1", config.RoleServer) })
	f.ready("s1", config.RoleServer)
}

// silentLeader ends the leading Booster; its lease expires.
func (f *field) silentLeader() {
	f.Helper()
	f.eventually("somebody leads", func() bool { return f.leader().Name != "" }, func() string { return "" })
	was := f.leader()
	f.kill(was.Name[:2], config.RoleBooster)
	f.eventually("somebody leads again", func() bool { return f.leader().Epoch > was.Epoch }, func() string {
		return fmt.Sprint(f.leader(), f.log("b1", config.RoleBooster), f.log("b2", config.RoleBooster))
	})
}

// wishIsHeard has a host drained, and active again.
func (f *field) wishIsHeard() {
	f.Helper()
	c := f.admin("s2")
	for _, w := range []struct {
		wanted string
		state  cluster.State
	}{{"drained", cluster.Draining}, {"active", cluster.Ready}} {
		if _, err := c.WantHost(f.Context(), "s1", w.wanted); err != nil {
			f.Fatal(err)
		}
		f.eventually("s1 is "+string(w.state), func() bool {
			r, alive := agent.Find(f.hosts["s1"], config.RoleServer)
			return alive && r.State == string(w.state)
		}, func() string { return f.log("s1", config.RoleServer) })
	}
}

// sampleApp is a bundle to publish.
func sampleApp(t *testing.T) []byte {
	t.Helper()
	folder, err := apps.Bundle("leave")
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := app.Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := bundle.Zip()
	if err != nil {
		t.Fatal(err)
	}
	return zipped
}
