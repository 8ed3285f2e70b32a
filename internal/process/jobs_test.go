package process_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

const service = `<serviceTask id="work" camunda:type="external" camunda:topic="work"/>`

// handles gives a node a handler for jobs of type work.
func handles(h process.Handler) func(*process.Config, *process.Deps) {
	return func(_ *process.Config, d *process.Deps) { d.Handlers = map[string]process.Handler{"work": h} }
}

func TestJobRunsAfterTheCommit(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		var seen process.Job
		n := w.node(handles(func(_ context.Context, j process.Job) (feel.Vars, error) {
			seen = j
			return feel.Vars{"done": true}, nil
		}))
		id := n.start(w.define(sequence("p", service)), engine.Start{Vars: feel.Vars{"who": "ann"}})
		w.ends(id, process.Completed)
		if seen.Type != "work" || seen.Instance != id || seen.Vars["who"] != "ann" || seen.Node.ID != "work" || seen.Key == "" {
			t.Errorf("the handler saw %+v", seen)
		}
		_, state, err := w.query.State(t.Context(), id)
		must(t, err)
		if state.Vars()["done"] != true {
			t.Errorf("the variables are %v", state.Vars())
		}
		if left := w.count("job"); left != 0 {
			t.Errorf("%d job rows are left", left)
		}
	})
}

func TestFailedJobIsTriedAgainThenAnIncident(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var calls atomic.Int32
		var healthy atomic.Bool
		n := w.node(handles(func(context.Context, process.Job) (feel.Vars, error) {
			calls.Add(1)
			if healthy.Load() {
				return nil, nil
			}
			return nil, errors.New("mail server away")
		}))
		id := n.start(w.define(sequence("p", service)), engine.Start{})
		w.until("there is an incident", func() bool {
			w.clock.add(time.Second) // past the next attempt
			n.Wake()
			return w.count("incident") == 1
		})
		if calls.Load() != 3 {
			t.Errorf("%d attempts, want 3", calls.Load())
		}
		incidents, err := w.query.IncidentsOf(t.Context(), id)
		must(t, err)
		if incidents[0].Message != "mail server away" || incidents[0].Node != "work" {
			t.Errorf("the incident is %+v", incidents[0])
		}
		if left := w.count("job"); left != 0 {
			t.Errorf("%d job rows are left", left)
		}

		healthy.Store(true)
		must(t, n.submit(id, engine.VariablesSet{Vars: feel.Vars{"server": "b"}}))
		must(t, n.submit(id, engine.Retry{Incident: engine.ID(incidents[0].ID)}))
		w.ends(id, process.Completed)
		if left := w.count("incident"); left != 0 {
			t.Errorf("%d incidents are left", left)
		}
	})
}

func TestErrorsOfHandlers(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		var fail func() error
		n := w.node(handles(func(context.Context, process.Job) (feel.Vars, error) { return nil, fail() }))
		def := w.define(`<error id="e" errorCode="TOO_MUCH"/>
			<process id="p" isExecutable="true"><startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="work"/>` + service + `
			<sequenceFlow id="f2" sourceRef="work" targetRef="end"/><endEvent id="end"/>
			<boundaryEvent id="caught" attachedToRef="work"><errorEventDefinition errorRef="e"/></boundaryEvent>
			<sequenceFlow id="f3" sourceRef="caught" targetRef="other"/><endEvent id="other"/></process>`)

		fail = func() error { return &process.BPMNError{Code: "TOO_MUCH", Message: "over the limit"} }
		id := n.start(def, engine.Start{})
		w.ends(id, process.Completed)
		if !slices.Contains(w.moments(id), "completed caught") {
			t.Errorf("the error was not caught: %v", w.moments(id))
		}

		for name, f := range map[string]func() error{
			"permanent": func() error { return process.Permanent(errors.New("no such account")) },
		} {
			fail = f
			id := n.start(def, engine.Start{})
			w.until(name+" is an incident at once", func() bool { return w.count("incident WHERE instance = "+id.String()) == 1 })
		}
		fail = func() error { panic("nil map") }
		id = n.start(def, engine.Start{})
		w.until("a panic is an incident in the end", func() bool {
			w.clock.add(time.Second)
			n.Wake()
			return w.count("incident WHERE instance = "+id.String()) == 1
		})
	})
}

func (w *world) moments(id interface{ String() string }) []string {
	w.t.Helper()
	var all []string
	entries, err := w.query.History(w.t.Context(), dbID(w.t, id), 0, 100)
	must(w.t, err)
	for _, e := range entries {
		for _, m := range e.Moments {
			all = append(all, m.What+" "+m.Node)
		}
	}
	return all
}

// What a handler brings back is too much for the instance: a person has to look, and nothing hangs.
func TestResultThatIsTooLarge(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node(handles(func(context.Context, process.Job) (feel.Vars, error) {
			return feel.Vars{"report": strings.Repeat("x", 9<<20)}, nil
		}))
		id := n.start(w.define(sequence("p", service)), engine.Start{})
		w.until("there is an incident", func() bool { return w.count("incident WHERE instance = "+id.String()) == 1 })
		_, err := n.Submit(t.Context(), process.Command{Definition: 1, Event: engine.Start{Vars: feel.Vars{"x": strings.Repeat("x", 10<<20)}}})
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("a command of 10 MB: %v", err)
		}
	})
}

// A node dies while it does jobs, and with it what it has in memory. Another takes them over, and what the
// dead one still says is not counted again.
func TestJobsOfADeadNodeAreTakenOver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const jobs = 20
		stuck := make(chan struct{})
		var mu sync.Mutex
		done := map[string]int{}
		a := w.node(handles(func(ctx context.Context, j process.Job) (feel.Vars, error) {
			select { // never answers before it dies
			case <-stuck:
				return nil, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}))
		def := w.define(sequence("p", service))
		var ids []dbid
		for range jobs {
			ids = append(ids, a.start(def, engine.Start{}))
		}
		b := w.node(handles(func(_ context.Context, j process.Job) (feel.Vars, error) {
			mu.Lock()
			defer mu.Unlock()
			done[j.Key]++
			return nil, nil
		}))
		b.Wake()
		if n := w.count("job WHERE owner = 1"); n != jobs {
			t.Fatalf("%d jobs are held by the first node, want %d", n, jobs)
		}
		a.lease.die()
		for _, id := range ids {
			w.ends(id, process.Completed)
		}
		close(stuck) // the dead node was only slow, and answers now
		w.until("the first node has noticed that nobody waits", func() bool { return w.count("job") == 0 })
		for key, n := range done {
			if n != 1 {
				t.Errorf("job %s was done %d times", key, n)
			}
		}
		for _, id := range ids {
			if in := w.instance(id); in.Seq != 2 {
				t.Errorf("instance %s has %d transitions, want 2", id, in.Seq)
			}
		}
	})
}

// A runtime that stops in the middle leaves its work to the next.
func TestStopAndStartAgain(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		block := make(chan struct{})
		entered := make(chan struct{})
		a := w.node(handles(func(ctx context.Context, _ process.Job) (feel.Vars, error) {
			close(entered)
			select {
			case <-block:
			case <-ctx.Done():
			}
			return nil, ctx.Err()
		}))
		id := a.start(w.define(sequence("p", service)), engine.Start{})
		<-entered
		must(t, a.Stop(t.Context()))
		b := w.node(handles(func(context.Context, process.Job) (feel.Vars, error) { return nil, nil }))
		b.Wake()
		w.ends(id, process.Completed)
	})
}

func TestSuspendedInstanceKeepsItsJobs(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		entered, leave := make(chan struct{}), make(chan struct{})
		n := w.node(handles(func(context.Context, process.Job) (feel.Vars, error) {
			close(entered)
			<-leave
			return feel.Vars{"x": "kept"}, nil
		}))
		id := n.start(w.define(sequence("p", service)), engine.Start{})
		<-entered
		must(t, n.submit(id, engine.Suspend{}))
		close(leave)
		must(t, n.submit(id, engine.Resume{}))
		w.until("the result is taken after all", func() bool {
			w.clock.add(time.Second)
			n.Wake()
			return w.instance(id).Status == process.Completed
		})
	})
}

// The nodes of a cluster are told apart by their members' rows: when one is given up, its jobs go
// to another.
func TestMembersHoldTheJobs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		member := func(name string) *cluster.Member {
			m := cluster.New(cluster.Config{Name: name}, w.db, time.Now, slog.New(slog.DiscardHandler))
			must(t, m.Start(t.Context()))
			t.Cleanup(func() { must(t, m.Stop(context.WithoutCancel(t.Context()))) })
			return m
		}
		with := func(m *cluster.Member, h process.Handler) *node {
			return w.node(handles(h), func(_ *process.Config, d *process.Deps) { d.Lease, d.NewID = m, m.NewID })
		}
		first := member("a")
		a := with(first, func(ctx context.Context, _ process.Job) (feel.Vars, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		id := a.start(w.define(sequence("p", service)), engine.Start{})
		with(member("b"), func(context.Context, process.Job) (feel.Vars, error) { return nil, nil })
		must(t, first.Stop(t.Context()))
		w.ends(id, process.Completed)
	})
}

func TestSkippingWhatFailed(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node(handles(func(context.Context, process.Job) (feel.Vars, error) {
			return nil, process.Permanent(errors.New("no such account"))
		}))
		id := n.start(w.define(sequence("p", service, `<userTask id="after"/>`)), engine.Start{})
		w.until("there is an incident", func() bool { return w.count("incident") == 1 })
		must(t, n.submit(id, engine.Jump{From: "work", To: "after"}))
		if left := w.count("incident"); left != 0 {
			t.Errorf("%d incidents are left", left)
		}
		n.complete(id)
		w.ends(id, process.Completed)
	})
}

// A service that says when to come back is not asked before.
func TestNextAttemptWaitsAsLongAsTheCauseSays(t *testing.T) {
	quick(t, func(t *testing.T, w *world) {
		n := w.node(handles(func(context.Context, process.Job) (feel.Vars, error) {
			return nil, errs.New(errs.Unavailable, "too many requests").RetryAfter(10 * time.Minute)
		}))
		id := n.start(w.define(sequence("p", service)), engine.Start{})
		var jobs []process.PendingJob
		w.until("the attempt has failed", func() bool {
			var err error
			jobs, err = w.query.JobsOf(t.Context(), id)
			must(t, err)
			return len(jobs) == 1 && jobs[0].Error != ""
		})
		if want := w.clock.Now().Add(10 * time.Minute); !jobs[0].Due.Equal(want) {
			t.Errorf("the next attempt is due at %v, want %v", jobs[0].Due, want)
		}
	})
}
