//go:build !windows

package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/process"
)

// The test binary is also the processes of a cluster's hosts: the variable names the role.
const playing = "PACELINE_TEST_ROLE"

// deaf in the environment makes each message of the bus get lost.
const deaf = "PACELINE_TEST_DEAF"

const adminPassword = "the administrator's"

func TestMain(m *testing.M) {
	role, plays := os.LookupEnv(playing)
	if !plays {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := play(ctx, config.Dir(os.Args[1]), config.Role(role)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// play is the process of an Agent, or of a role that an Agent runs.
func play(ctx context.Context, dir config.Dir, role config.Role) (err error) {
	file, err := agent.OpenLog(filepath.Join(dir.Logs(), string(role)+".log"), agent.LogSize, agent.LogKeep)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(file, nil))
	if role == config.RoleAgent {
		a, err := NewAgent(AgentConfig{
			Data: dir, Version: "test", Log: log, LoseBus: os.Getenv(deaf) != "",
			Program: func(role config.Role) []string {
				return []string{"/usr/bin/env", playing + "=" + string(role), os.Args[0], string(dir)}
			},
			Pacing: agent.Pacing{First: 300 * time.Millisecond},
		})
		if err != nil {
			return err
		}
		return a.Run(ctx, func() {})
	}
	cfg, err := ForHost(dir, role)
	if err != nil {
		return err
	}
	cfg.LoseBus, cfg.Admin.Password = os.Getenv(deaf) != "", adminPassword
	cfg.Log, cfg.Version, cfg.Org.Password = log, "test", org.PasswordConfig{Memory: 64, Time: 1}
	if cfg.Life, err = agent.Begin(dir, role, "test"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cfg.Life.End()) }()
	n, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	return n.Run(ctx, func() {})
}

// field is a cluster of hosts on this machine.
type field struct {
	*testing.T
	dsn    string
	db     *db.DB
	hosts  map[string]config.Dir
	agents map[string]*exec.Cmd
	deaf   bool // what is started from now on hears nothing
}

// newField makes a cluster of two Boosters and two servers, one of the hosts with a
// gateway beside its Booster. When it returns, all run.
func newField(t *testing.T, dsn string) *field {
	f := &field{T: t, dsn: dsn, hosts: map[string]config.Dir{}, agents: map[string]*exec.Cmd{}}
	f.db = dbtest.OpenDSN(t, dsn)
	if err := f.db.Migrate(t.Context(), migrations()); err != nil {
		t.Fatal(err)
	}
	deps := f.deps()
	ports := freePorts(t, 6)
	first := "127.0.0.1:" + strconv.Itoa(ports)
	_, err := join.Found(t.Context(), deps, join.Founding{Data: f.dir("b1"), DSN: dsn, Name: "b1", Advertise: first, Roles: []config.Role{config.RoleBooster, config.RoleGateway}})
	if err != nil {
		t.Fatal(err)
	}
	f.settle("b1")
	f.start("b1")
	t.Cleanup(f.end)
	for name, roles := range map[string][]config.Role{"b2": {config.RoleBooster}, "s1": {config.RoleServer}, "s2": {config.RoleServer}} {
		_, token, err := join.NewCluster(deps).CreateToken(t.Context(), org.System("test"), join.TokenDraft{Roles: roles})
		if err != nil {
			t.Fatal(err)
		}
		advertise := "127.0.0.1"
		if name == "b2" {
			advertise += ":" + strconv.Itoa(ports+3)
		}
		f.eventually("b1 lets "+name+" in", func() bool {
			_, err = join.Enter(t.Context(), join.Entry{Boosters: []string{first}, Token: token, Data: f.dir(name), Name: name, Advertise: advertise})
			return err == nil
		}, func() string { return fmt.Sprint(err, f.log("b1", config.RoleBooster)) })
		f.settle(name)
		f.start(name)
	}
	f.ready("b1", config.RoleBooster)
	f.ready("b2", config.RoleBooster)
	f.ready("s1", config.RoleServer)
	f.ready("s2", config.RoleServer)
	f.ready("b1", config.RoleGateway)
	return f
}

func (f *field) deps() join.Deps {
	audit := func(context.Context, *db.Tx, *org.Actor, string, string, any) error { return nil }
	return join.Deps{DB: f.db, Audit: audit, Ring: func(string, string) {}, Now: time.Now}
}

// dir makes the data directory of a host; its socket does not fit into t.TempDir everywhere.
func (f *field) dir(name string) config.Dir {
	if dir, ok := f.hosts[name]; ok {
		return dir
	}
	dir, err := os.MkdirTemp("", "host")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { os.RemoveAll(dir) })
	f.hosts[name] = config.Dir(dir)
	return config.Dir(dir)
}

// settle gives a host free ports for what is not in its address.
func (f *field) settle(name string) {
	f.Helper()
	dir := f.hosts[name]
	host, err := config.LoadHost(dir)
	if err != nil {
		f.Fatal(err)
	}
	const free = "127.0.0.1:0"
	host.Listen.Server, host.Listen.Gateway, host.Listen.BoosterHealth, host.Listen.GatewayHealth = free, free, free, free
	host.Hung = 3 * time.Second
	if err := config.SaveHost(dir, host); err != nil {
		f.Fatal(err)
	}
}

// start starts the Agent of a host.
func (f *field) start(name string) {
	f.Helper()
	cmd := exec.Command(os.Args[0], string(f.hosts[name]))
	cmd.Env = append(os.Environ(), playing+"="+string(config.RoleAgent))
	if f.deaf {
		cmd.Env = append(cmd.Env, deaf+"=1")
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.agents[name] = cmd
}

// stop has the Agent of a host stop everything.
func (f *field) stop(name string) {
	f.Helper()
	cmd := f.agents[name]
	if cmd == nil {
		return
	}
	delete(f.agents, name)
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may be dead
	if err := cmd.Wait(); err != nil {
		f.Errorf("%s: %v", name, err)
	}
}

func (f *field) end() {
	for name := range f.hosts {
		f.stop(name)
	}
	for name, dir := range f.hosts {
		for _, role := range config.Roles {
			if r, alive := agent.Find(dir, role); alive {
				f.Errorf("the %s of %s outlives the test", role, name)
				_ = syscall.Kill(r.PID, syscall.SIGKILL) // it may have ended just now
			}
		}
		if f.Failed() {
			f.Logf("%s: %s", name, f.log(name, config.RoleAgent))
		}
	}
}

// ready waits for a role, and gives its report.
func (f *field) ready(name string, role config.Role) agent.Report {
	f.Helper()
	var r agent.Report
	f.eventually("the "+string(role)+" of "+name+" is ready", func() bool {
		var alive bool
		r, alive = agent.Find(f.hosts[name], role)
		return alive && r.State == string(agent.Ready)
	}, func() string { return fmt.Sprintf("%+v\n%s", r, f.log(name, role)) })
	return r
}

// kill ends a role as a defect would.
func (f *field) kill(name string, role config.Role) agent.Report {
	f.Helper()
	r, alive := agent.Find(f.hosts[name], role)
	if !alive {
		f.Fatalf("%s has no %s", name, role)
	}
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil {
		f.Fatal(err)
	}
	return r
}

func (f *field) eventually(what string, so func() bool, or func() string) {
	f.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			f.Fatalf("not within 30 s: %s\n%s", what, or())
		}
	}
}

// log is the end of what a role has logged.
func (f *field) log(name string, role config.Role) string {
	text, _ := os.ReadFile(filepath.Join(f.hosts[name].Logs(), string(role)+".log"))
	out, _ := os.ReadFile(filepath.Join(f.hosts[name].Logs(), string(role)+".out"))
	return string(text[max(0, len(text)-3000):]) + string(out)
}

// leader reads who leads.
func (f *field) leader() cluster.Leader {
	var l cluster.Leader
	err := f.db.QueryRow(f.Context(), "SELECT holder, epoch FROM cluster_lease WHERE role = ?", "center").Scan(&l.Name, &l.Epoch)
	if err != nil {
		f.Fatal(err)
	}
	return l
}

// get asks through the gateway.
func (f *field) get(path string) (status int, body string) {
	f.Helper()
	r := f.ready("b1", config.RoleGateway)
	client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + r.Addresses["http"] + path)
	if err != nil {
		f.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		f.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// freePorts finds so many free ports in a row.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		base := 20000 + rand.IntN(10000) // below the ports that the system gives to connections
		var all []net.Listener
		for i := range n {
			if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(base+i)); err == nil {
				all = append(all, l)
			}
		}
		for _, l := range all {
			l.Close()
		}
		if len(all) == n {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

// A cluster of real processes: what dies is replaced at once, proof of death hastens what
// would have to expire, and with every Booster dead requests are served.
func TestACluster(t *testing.T) {
	f := newField(t, dbtest.DSN(t, "postgres"))
	if status, body := f.get("/readyz"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	f.serverDies()
	f.leaderDies()
	f.machineDies()
	f.secondAgent()
	f.anyOrder()
	f.serverHangs()
	f.hostIsRemoved()
	f.withoutBoosters()
}

// serverDies shows that the place of a dead server is free at once.
func (f *field) serverDies() {
	f.Helper()
	r := f.ready("s1", config.RoleServer)
	// A timer that is due in an hour, in the hands of the server that is going to die.
	due := time.Now().Add(time.Hour).UnixMicro()
	if err := f.db.Insert(f.Context(), db.Row{Table: process.Jobs, Values: []any{4711, 4711, 4711, 4711, 3, "", "", r.Number, r.Epoch, due, 3, due, []byte("{}"), ""}}); err != nil {
		f.Fatal(err)
	}
	killed := time.Now()
	f.kill("s1", config.RoleServer)
	f.eventually("its place is free", func() bool {
		nodes, err := cluster.List(f.Context(), f.db)
		if err != nil {
			f.Fatal(err)
		}
		for _, n := range nodes {
			if n.Number == r.Number && n.Epoch == r.Epoch {
				return !n.Alive
			}
		}
		return false
	}, func() string { return f.log("s2", config.RoleServer) })
	if took := time.Since(killed); took > soon {
		f.Errorf("that took %v", took)
	} else {
		f.Logf("free after %v", took)
	}
	f.eventually("its jobs are taken over", func() bool {
		var owner, epoch int64
		if err := f.db.QueryRow(f.Context(), "SELECT owner, epoch FROM job WHERE id = 4711").Scan(&owner, &epoch); err != nil {
			f.Fatal(err)
		}
		return owner != r.Number // one that is due in an hour need not be held by anybody
	}, func() string { return f.log("s2", config.RoleServer) })
	if took := time.Since(killed); took > soon {
		f.Errorf("its jobs were taken over after %v", took)
	} else {
		f.Logf("its jobs were taken over after %v", took)
	}
	if status, body := f.get("/livez"); status != http.StatusOK {
		f.Errorf("%d %s", status, body)
	}
	if again := f.ready("s1", config.RoleServer); again.PID == r.PID {
		f.Error("it was not started again")
	}
}

// soon is well before the row of a silent node expires, which takes seven seconds.
const soon = 3 * time.Second

// leaderDies shows that a dead leader is replaced at once.
func (f *field) leaderDies() {
	f.Helper()
	f.eventually("the hosts know both Boosters", func() bool {
		for _, dir := range f.hosts {
			if host, err := config.LoadHost(dir); err != nil || len(host.Boosters) < 2 {
				return false
			}
		}
		return true
	}, func() string { return "" })
	f.eventually("somebody leads", func() bool { return f.leader().Name != "" }, func() string { return "" })
	// A holder renews its lease so often that it never has less than that left: who takes over sooner had the proof.
	const left = 700 * time.Millisecond
	const attempts = 8 // on a busy machine the news may take long
	for range attempts {
		was := f.leader()
		name := was.Name[:2]
		f.eventually("the Agent knows", func() bool {
			r, _ := agent.Find(f.hosts[name], config.RoleBooster)
			return r.Lease == was.Epoch
		}, func() string { return "" })
		f.ready("b1", config.RoleBooster)
		f.ready("b2", config.RoleBooster)
		killed := time.Now()
		f.kill(name, config.RoleBooster)
		f.eventually("somebody leads again", func() bool { return f.leader().Epoch > was.Epoch }, func() string {
			return fmt.Sprint(f.leader(), f.log("b1", config.RoleBooster), f.log("b2", config.RoleBooster))
		})
		took := time.Since(killed)
		f.Logf("the lead was taken over after %v", took)
		if took < left {
			return
		}
	}
	f.Errorf("a lease that is proven free was waited for, %d times", attempts)
}

// secondAgent shows that a copy of a host is refused.
func (f *field) secondAgent() {
	f.Helper()
	f.ready("b1", config.RoleBooster)
	dir := f.dir("copy")
	defer delete(f.hosts, "copy")
	if err := os.CopyFS(string(dir)+"/d", os.DirFS(string(f.hosts["s1"]))); err != nil && !errors.Is(err, os.ErrInvalid) {
		f.Log(err) // the socket is not copied
	}
	host, err := config.LoadHost(f.hosts["s1"])
	if err != nil {
		f.Fatal(err)
	}
	copied := dir + "/d"
	if err := errors.Join(os.CopyFS(copied.PKI(), os.DirFS(f.hosts["s1"].PKI()))); err != nil && !errors.Is(err, os.ErrExist) {
		f.Fatal(err)
	}
	if err := config.SaveHost(copied, host); err != nil {
		f.Fatal(err)
	}
	a, err := NewAgent(AgentConfig{Data: copied, Version: "test", Log: slog.New(slog.DiscardHandler), Program: func(config.Role) []string { return []string{"/bin/false"} }})
	if err != nil {
		f.Fatal(err)
	}
	// Right after a Booster's death the Boosters may not hear each other yet: then it is
	// the watch that finds the double.
	err = a.Run(f.Context(), func() { f.Log("it ran until the Boosters heard each other") })
	if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "another machine") {
		f.Errorf("%v", err)
	}
}

// anyOrder stops everything and starts it from the wrong end.
func (f *field) anyOrder() {
	f.Helper()
	for _, name := range []string{"b1", "b2", "s1", "s2"} {
		f.stop(name)
	}
	for _, name := range []string{"s2", "s1", "b2", "b1"} {
		f.start(name)
	}
	f.ready("s1", config.RoleServer)
	f.ready("b2", config.RoleBooster)
	if status, body := f.get("/readyz"); status != http.StatusOK {
		f.Errorf("%d %s", status, body)
	}
}

// withoutBoosters ends both and starts the gateway anew: it serves its last table.
func (f *field) withoutBoosters() {
	f.Helper()
	f.ready("s1", config.RoleServer)
	f.stop("b2")
	for _, o := range []agent.Order{{Verb: agent.VerbStop, Role: config.RoleBooster}, {Verb: agent.VerbRestart, Role: config.RoleGateway}} {
		if _, err := agent.Ask(f.Context(), f.hosts["b1"], o); err != nil {
			f.Fatal(err)
		}
	}
	if status, body := f.get("/livez"); status != http.StatusOK {
		f.Errorf("%d %s", status, body)
	}
	if status, body := f.get("/readyz"); status != http.StatusOK {
		f.Errorf("%d %s", status, body)
	}
}

// A node may start before its database does: it says what it waits for, in its log, on
// /readyz and to the Agent, and goes on when that is there.
func TestANodeWaitsForItsDatabase(t *testing.T) {
	dir := config.Dir(t.TempDir())
	life, err := agent.Begin(dir, config.RoleServer, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer life.End()
	cfg := testConfig(t, string(dir))
	server := dbtest.Own(t, "postgres", dbtest.Options{})
	dsn, _, err := server.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Life, cfg.DB.DSN = life, dsn
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	n, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- n.Run(ctx, func() { close(ready) }) }()
	eventually(t, "it says that it waits", func() bool { return life.Report().State == string(agent.Waiting) })
	if r := life.Report(); !strings.Contains(r.Waits, "the database") || r.Addresses["http"] == "" {
		t.Errorf("it tells the Agent %+v", r)
	}
	if status, body := get(t, n, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "it waits for the database") {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, _ := get(t, n, "/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d", status)
	}
	if status, _ := get(t, n, "/api/v1/me"); status != http.StatusServiceUnavailable {
		t.Errorf("a request: %d", status)
	}
	if err := server.Thaw(); err != nil {
		t.Fatal(err)
	}
	<-ready
	eventually(t, "it is ready", func() bool { return life.Report().State == string(agent.Ready) })
	if r := life.Report(); r.Waits != "" || r.Number == 0 || r.Epoch == 0 || r.Node != cfg.Name {
		t.Errorf("it tells the Agent %+v", r)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Who was told to stop while it waited has nothing to complain about.
func TestANodeThatWaitsIsStopped(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.DB.DSN = "postgres://nobody@127.0.0.1:1/nothing"
	n, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx, func() { t.Error("it serves") }) }()
	eventually(t, "it waits", func() bool { return n.waits.cause(ctx) != nil })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Each role of the table names services that there are.
func TestRolesNameServices(t *testing.T) {
	for role, names := range roles {
		for _, name := range names {
			if services[name] == nil {
				t.Errorf("%s: %s", role, name)
			}
		}
	}
}

func TestTheTableHasTheServersAsTheirRowsSay(t *testing.T) {
	now := time.Now()
	server := func(name, address string, state cluster.State, started, expires time.Duration) cluster.Node {
		return cluster.Node{Name: name, Roles: []string{"server"}, Address: address, State: state,
			Started: now.Add(started), Expires: now.Add(expires), Alive: expires > 0}
	}
	nodes := []cluster.Node{
		server("a", "a:1", cluster.Ready, -time.Hour, time.Second),
		server("b", "b:1", cluster.Draining, -time.Hour, time.Second),
		server("silent", "c:1", cluster.Lost, -time.Hour, -time.Minute),
		server("gone", "d:1", cluster.Lost, -time.Hour, -time.Hour),
		server("stopped", "e:1", cluster.Stopped, -time.Hour, -time.Second),
		server("moved", "f:1", cluster.Lost, -time.Hour, -time.Second),
		server("moved", "f:2", cluster.Ready, -time.Minute, time.Second),
		{Name: "b1/booster", Roles: []string{"booster"}, Address: "g:1", Alive: true},
	}
	nodes = append(nodes, server("removed/server", "r:1", cluster.Ready, -time.Hour, time.Second))
	nodes = append(nodes, server("cordoned/server", "x:1", cluster.Ready, -time.Hour, time.Second))
	wants := map[string]join.Wanted{"cordoned": join.Cordoned}
	for _, name := range []string{"a", "b", "silent", "gone", "stopped", "moved", "b1"} {
		wants[name] = join.Active
	}
	table := tableOf(nodes, wants, now)
	if err := table.Check(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range table.Pools[serverPool].Servers {
		got = append(got, fmt.Sprint(s.Address, s.Drain, s.Cordon, s.Host))
	}
	if want := []string{"a:1false falsea", "b:1true falseb", "c:1false falsesilent", "f:2false falsemoved", "x:1false truecordoned"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var l lead
	count := uint64(0)
	if !l.adopt(table, 1<<24, &count) || l.adopt(tableOf(nodes, wants, now), 1<<24, &count) || l.current().Revision != 1<<24+1 {
		t.Errorf("revision %d", l.current().Revision)
	}
	if !l.adopt(tableOf(nodes[:1], wants, now), 1<<24, &count) || l.current().Revision != 1<<24+2 {
		t.Errorf("revision %d", l.current().Revision)
	}
}
