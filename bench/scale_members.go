package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/service"
)

var quiet = slog.New(slog.DiscardHandler)

// models is one definition, for every id.
type models struct{ def *engine.Definition }

func (m models) Definition(context.Context, db.ID) (*engine.Definition, error) { return m.def, nil }

func (m models) Called(context.Context, db.ID, string) (db.ID, error) {
	return 0, errs.New(errs.NotFound, "nothing is called here")
}

// field is a database with simulated nodes: each renews its row, looks at itself every second, and looks for
// jobs. They share the connections of this process.
type field struct {
	server *dbtest.Server
	db     *db.DB
	dsn    string
	run    []service.Service
	count  int
}

func newField(ctx context.Context) (f *field, err error) {
	f = &field{}
	if f.server, err = dbtest.Start("postgres", dbtest.Options{Fsync: true}); err != nil {
		return nil, err
	}
	if f.dsn, _, err = f.server.Create(ctx); err != nil {
		return nil, err
	}
	if f.db, err = db.Open(ctx, db.Config{DSN: f.dsn, MaxConns: 16}); err != nil {
		return nil, err
	}
	return f, f.db.Migrate(ctx, slices.Concat(cluster.Migrations(), process.Migrations()))
}

func (f *field) end() {
	for _, s := range slices.Backward(f.run) {
		_ = s.Stop(context.Background())
	}
	_ = f.db.Close()
	f.server.Stop()
}

// grow starts members until there are so many.
func (f *field) grow(ctx context.Context, to int) error {
	for ; f.count < to; f.count++ {
		name := fmt.Sprintf("host%04d", f.count)
		m := cluster.New(cluster.Config{Name: name + "/server", Roles: []string{"server"}, Version: "bench",
			Address: func() string { return name + ".example.com:8100" }}, f.db, clock, quiet)
		if err := m.Start(ctx); err != nil {
			return err
		}
		ready := cluster.NewReadiness(time.Second, m.Tell, cluster.DatabaseCheck(f.db),
			cluster.SchemaCheck(f.db, slices.Concat(cluster.Migrations(), process.Migrations())), cluster.ClockCheck(f.db, clock, time.Hour))
		jobs := process.New(process.Config{Workers: 1, Lanes: 1}, process.Deps{DB: f.db, NewID: m.NewID, Lease: m, Peers: m.Peers, Definitions: models{}})
		f.run = append(f.run, m)
		for _, s := range []service.Service{ready, jobs} {
			if err := s.Start(ctx); err != nil {
				return err
			}
			f.run = append(f.run, s)
		}
	}
	return nil
}

// scaleMembers measures what members cost the database, the more of them there are, and how long the lead takes
// to go to another node beside them.
func scaleMembers(ctx context.Context, b *strings.Builder, sizes []int) error {
	f, err := newField(ctx)
	if err != nil {
		return err
	}
	defer f.end()
	b.WriteString("### Members: rows renewed, checks, looks for jobs (simulated, in one process)\n\n")
	b.WriteString("| members | statements/s | database CPU us/s | of each | WAL bytes/s | own CPU us/s of each | overview, ms | table, bytes | takeover after silence, s |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, n := range sizes {
		if err := f.grow(ctx, n); err != nil {
			return err
		}
		if err := f.measure(ctx, b); err != nil {
			return err
		}
	}
	b.WriteString("\n")
	return nil
}

func (f *field) measure(ctx context.Context, b *strings.Builder) error {
	const length = 8 * time.Second
	time.Sleep(3 * time.Second) // the newcomers settle
	m := meter{db: f.db, server: f.server}
	before, err := m.read(ctx)
	if err != nil {
		return err
	}
	time.Sleep(length)
	after, err := m.read(ctx)
	if err != nil {
		return err
	}
	used, seconds, n := after.minus(before), length.Seconds(), float64(f.count)
	began := time.Now()
	const looks = 10
	for range looks {
		if _, err := cluster.List(ctx, f.db); err != nil {
			return err
		}
	}
	overview := time.Since(began) / looks
	takeover, err := f.takeover(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "| %d | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f | %d | %s |\n", f.count, float64(used.trips)/seconds,
		float64(used.theirCPU.Microseconds())/seconds, float64(used.theirCPU.Microseconds())/seconds/n, float64(used.wal)/seconds,
		float64(used.ourCPU.Microseconds())/seconds/n, millis(overview), tableBytes(f.count), takeover)
	return nil
}

// tableBytes is the size of the gateways' table with so many servers, as it goes over the bus.
func tableBytes(servers int) int {
	pool := upstream.Config{}
	for i := range servers {
		pool.Servers = append(pool.Servers, upstream.ServerConfig{Address: fmt.Sprintf("host%04d.example.com:8100", i)})
	}
	text, err := json.Marshal(gateway.Table{Revision: 1 << 24, Routes: []gateway.Route{{Path: "/", App: "paceline", Pool: "servers"}}, Pools: map[string]upstream.Config{"servers": pool}})
	if err != nil {
		return 0
	}
	return len(text)
}

// takeover kills the leader without a word, three times, and waits for the next.
func (f *field) takeover(ctx context.Context) (string, error) {
	d, err := db.Open(ctx, db.Config{DSN: f.dsn, MaxConns: 4})
	if err != nil {
		return "", err
	}
	defer d.Close()
	var all []string
	for range 3 {
		leader, _, err := newChild(ctx, part{Role: "lease", DSN: f.dsn, Name: "first"})
		if err != nil {
			return "", err
		}
		next, err := cluster.NewLease(cluster.LeaseConfig{Name: "second", Profile: cluster.Fast}, d, quiet)
		if err != nil {
			return "", err
		}
		if err := next.Start(ctx); err != nil {
			return "", err
		}
		time.Sleep(time.Second) // it has seen who leads
		leader.kill()
		killed := time.Now()
		for next.Epoch() == 0 {
			if time.Since(killed) > time.Minute {
				return "", fmt.Errorf("nobody leads a minute after the leader died")
			}
			time.Sleep(time.Millisecond)
		}
		all = append(all, fmt.Sprintf("%.2f", time.Since(killed).Seconds()))
		if err := next.Stop(ctx); err != nil {
			return "", err
		}
	}
	return strings.Join(all, " "), nil
}

// beLeader leads until it is killed.
func (p part) beLeader(ctx context.Context) error {
	d, err := db.Open(ctx, db.Config{DSN: p.DSN, MaxConns: 4})
	if err != nil {
		return err
	}
	l, err := cluster.NewLease(cluster.LeaseConfig{Name: p.Name, Profile: cluster.Fast}, d, quiet)
	if err != nil {
		return err
	}
	if err := l.Start(ctx); err != nil {
		return err
	}
	for l.Epoch() == 0 {
		time.Sleep(time.Millisecond)
	}
	return serveLines("leads", func() any { return nil })
}

// workModel is a process with one piece of work.
const workModel = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:paceline="https://paceline.dev/bpmn/1.0" targetNamespace="bench">
<process id="p" isExecutable="true"><startEvent id="start"/><serviceTask id="work" paceline:type="work"/><endEvent id="end"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="work"/><sequenceFlow id="f2" sourceRef="work" targetRef="end"/></process></definitions>`

// scaleJobs measures how long jobs of 20 ms take that one node makes, when it is alone and when two others help.
func scaleJobs(ctx context.Context, b *strings.Builder) error {
	file, err := bpmn.Parse([]byte(workModel))
	if err != nil {
		return err
	}
	def, err := engine.Compile(file, "p")
	if err != nil {
		return err
	}
	const jobs = 3000
	fmt.Fprintf(b, "### %d jobs of 20 ms that one node makes\n\n| nodes | done in, s | jobs/s | database CPU us per job | done by the others |\n|--:|--:|--:|--:|--:|\n", jobs)
	for _, nodes := range []int{1, 3} {
		f, err := newField(ctx)
		if err != nil {
			return err
		}
		err = f.work(ctx, b, models{def}, nodes, jobs)
		f.end()
		if err != nil {
			return err
		}
	}
	b.WriteString("\n")
	return nil
}

func (f *field) work(ctx context.Context, b *strings.Builder, defs models, nodes, jobs int) error {
	done := make(chan int, jobs)
	var all []*process.Runtime
	for i := range nodes {
		m := cluster.New(cluster.Config{Name: fmt.Sprint("n", i)}, f.db, clock, quiet)
		r := process.New(process.Config{}, process.Deps{
			DB: f.db, NewID: m.NewID, Lease: m, Definitions: defs,
			Handlers: map[string]process.Handler{"work": func(context.Context, process.Job) (feel.Vars, error) {
				time.Sleep(20 * time.Millisecond)
				done <- i
				return nil, nil
			}},
			Ring: func(topic, key string) {
				for _, other := range all {
					if topic == process.TopicJob && i == 0 && other != all[0] {
						other.Hear(key)
					}
				}
			},
		})
		all = append(all, r)
		for _, s := range []service.Service{m, r} {
			if err := s.Start(ctx); err != nil {
				return err
			}
			f.run = append(f.run, s)
		}
	}
	m := meter{db: f.db, server: f.server}
	before, err := m.read(ctx)
	if err != nil {
		return err
	}
	began, others := time.Now(), 0
	l := load{Clients: 64, For: time.Minute}
	left := make(chan struct{}, jobs)
	for range jobs {
		left <- struct{}{}
	}
	_, err = l.drive(ctx, func(ctx context.Context) error {
		select {
		case <-left:
			_, err := all[0].Submit(ctx, process.Command{Definition: 1, Event: engine.Start{}})
			return err
		default:
			return errNothingLeft
		}
	})
	if err != nil {
		return err
	}
	for range jobs {
		if <-done > 0 {
			others++
		}
	}
	took := time.Since(began)
	after, err := m.read(ctx)
	fmt.Fprintf(b, "| %d | %.2f | %.0f | %.0f | %.0f %% |\n", nodes, took.Seconds(), float64(jobs)/took.Seconds(),
		float64(after.minus(before).theirCPU.Microseconds())/float64(jobs), 100*float64(others)/float64(jobs))
	return err
}

// dirOf makes a directory in another.
func dirOf(parent, name string) (string, error) {
	dir := filepath.Join(parent, name)
	return dir, os.MkdirAll(dir, 0o700)
}
