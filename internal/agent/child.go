package agent

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/config"
)

// child is one role of the host under supervision. run is its goroutine; the others
// change what is wanted and ring.
type child struct {
	role    config.Role
	dir     config.Dir
	host    string
	program []string
	env     []string
	grace   time.Duration // between the wish to stop and the end by force
	log     *slog.Logger
	exited  func(Exit)
	bell    chan struct{}

	mu       sync.Mutex // guards the rest
	want     bool       // a process is to run
	anew     int        // counts the wishes for another process
	process  *process   // nil: none runs
	pace     pace
	restarts int
	since    time.Time
	next     time.Time
	last     *Exit
	hung     string        // the process of now gives no sign of life, and since when
	changed  chan struct{} // closed and made anew when process changes
}

// outputTail is how much of a crashed process's last words is told, in bytes.
const outputTail = 4 << 10

// run keeps one process of the role alive while it is wanted. When ctx ends the process
// is left alone.
func (c *child) run(ctx context.Context) {
	for ctx.Err() == nil {
		p, ok := adopt(ctx, c.dir, c.role)
		if ok {
			c.log.Info("found the role running", "role", string(c.role), "pid", p.pid)
		} else {
			c.buryLeftover()
			if !c.wanted() {
				c.await(ctx, nil)
				continue
			}
			p = c.spawn()
		}
		if p != nil {
			c.attend(ctx, p)
		}
		c.rest(ctx)
	}
}

// spawn starts a process. nil: it cannot be started.
func (c *child) spawn() *process {
	p, err := spawn(c.program, c.env, c.outputPath())
	if err != nil {
		c.log.Error("cannot start the role", "role", string(c.role), "err", errNoProgram(c.role, err))
		c.mu.Lock()
		defer c.mu.Unlock()
		c.next = time.Now().Add(jitter(c.pace.ended(0)))
		return nil
	}
	c.log.Info("started the role", "role", string(c.role), "pid", p.pid)
	return p
}

func (c *child) outputPath() string {
	return filepath.Join(c.dir.Logs(), string(c.role)+".out")
}

// attend looks after a process until it has ended or ctx has.
func (c *child) attend(ctx context.Context, p *process) {
	anew := c.set(p)
	steady := time.NewTimer(c.pace.Steady)
	defer steady.Stop()
	force := time.NewTimer(time.Hour)
	force.Stop()
	defer force.Stop()
	watched, end := context.WithCancel(ctx)
	defer end()
	hung, why := c.watch(watched, p), ""
	asked := false
	for {
		if !asked && c.unwanted(anew) {
			asked = true
			end() // a process that stops may be silent
			if err := p.signal(func(handle *os.Process) error { return terminate(handle, stopPath(c.dir, c.role)) }); err != nil {
				c.log.Error("cannot ask the role to stop", "role", string(c.role), "pid", p.pid, "err", err)
			}
			force.Reset(c.grace)
		}
		select {
		case <-ctx.Done():
			return
		case <-p.ended:
			c.over(p, asked, why)
			return
		case why = <-hung:
			c.log.Error("the role hangs and is ended by force", "role", string(c.role), "pid", p.pid, "cause", why)
			if err := p.kill(); err != nil {
				c.log.Error("cannot end the role by force", "role", string(c.role), "pid", p.pid, "err", err)
			}
		case <-c.bell:
		case <-steady.C:
			c.mu.Lock()
			c.pace.steady()
			c.mu.Unlock()
		case <-force.C:
			c.log.Warn("the role did not stop in time and is ended by force", "role", string(c.role), "pid", p.pid)
			if err := p.kill(); err != nil {
				c.log.Error("cannot end the role by force", "role", string(c.role), "pid", p.pid, "err", err)
			}
		}
	}
}

// set makes p the process of now, and gives the number of wishes for another one so far.
func (c *child) set(p *process) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process, c.since, c.next = p, p.began, time.Time{}
	c.turn()
	return c.anew
}

// turn lets those go on who wait for a change of the process.
func (c *child) turn() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// unwanted says that the process that was begun after so many wishes is to end.
func (c *child) unwanted(anew int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.want || c.anew != anew
}

func (c *child) wanted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.want
}

// over takes in that the process has ended, and tells. hung is why it was ended by force; empty: it was not.
func (c *child) over(p *process, asked bool, hung string) {
	exit := Exit{Host: c.host, How: p.how, Hung: hung, At: time.Now().UTC(), Wanted: asked, Output: tail(c.outputPath(), outputTail)}
	// A process that ended before it had begun its life has left no report, or that of
	// another one, whose end was told then.
	if report, err := readReport(c.dir, c.role); err == nil && report.PID == p.pid {
		exit.Report = report
	} else {
		exit.Report = Report{Role: c.role, PID: p.pid, Started: p.began}
	}
	c.mu.Lock()
	c.process, c.since, c.hung = nil, time.Now(), ""
	if !asked {
		c.restarts++
		c.next = time.Now().Add(jitter(c.pace.ended(time.Since(p.began))))
		exit.Looping = c.pace.looping()
	}
	c.last = &exit
	c.turn()
	c.mu.Unlock()
	c.tell(exit)
}

// buryLeftover tells the end of a process that nobody has told: it died while there was
// no Agent.
func (c *child) buryLeftover() {
	report, err := readReport(c.dir, c.role)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.log.Warn("the report of the role's last process cannot be read", "role", string(c.role), "err", err)
		}
		return
	}
	c.tell(Exit{Host: c.host, Report: report, How: "ended while no Agent was there", At: time.Now().UTC()})
}

func (c *child) tell(exit Exit) {
	log := c.log.With("role", string(c.role), "pid", exit.PID, "node", exit.Node, "epoch", exit.Epoch, "how", exit.How)
	switch {
	case exit.Wanted:
		log.Info("the role has stopped")
	case exit.Hung != "":
		log.Error("the role was hung", "cause", exit.Hung)
	case exit.Looping:
		log.Error("the role ends again and again", "output", exit.Output)
	default:
		log.Warn("the role has ended", "output", exit.Output)
	}
	c.exited(exit)
	if err := forget(c.dir, c.role); err != nil {
		c.log.Warn("a report that has been told cannot be removed", "role", string(c.role), "err", err)
	}
}

// rest waits until the role may be started again, or somebody wants that now.
func (c *child) rest(ctx context.Context) {
	for {
		c.mu.Lock()
		left, want := time.Until(c.next), c.want
		c.mu.Unlock()
		if left <= 0 || !want || ctx.Err() != nil {
			return
		}
		timer := time.NewTimer(left)
		c.await(ctx, timer.C)
		timer.Stop()
	}
}

func (c *child) await(ctx context.Context, timer <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-c.bell:
	case <-timer:
	}
}

// wish changes what is wanted: a process or none, and another one than that of now.
func (c *child) wish(want, another bool) {
	c.mu.Lock()
	c.want, c.next = want, time.Time{}
	if another {
		c.anew++
	}
	if want && c.process == nil {
		c.pace.steady() // somebody has looked after it
	}
	c.mu.Unlock()
	select {
	case c.bell <- struct{}{}:
	default:
	}
}

// current is the process of now, and a channel that is closed when that changes.
func (c *child) current() (*process, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process, c.changed
}

// until waits for the process of now to be so.
func (c *child) until(ctx context.Context, so func(*process) bool) error {
	for {
		p, changed := c.current()
		if so(p) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// status is how the role is now.
func (c *child) status() RoleStatus {
	c.mu.Lock()
	s := RoleStatus{Role: c.role, State: Stopped, Since: c.since, Restarts: c.restarts, Looping: c.pace.looping(), LastExit: c.last, Hung: c.hung}
	p, want, next := c.process, c.want, c.next
	c.mu.Unlock()
	switch {
	case p != nil:
		s.State = Starting
		if report, err := readReport(c.dir, c.role); err == nil && report.PID == p.pid {
			s.State, s.Report = State(report.State), &report
		}
		if f, ok := figures(p.pid); ok {
			s.Figures = &f
		}
	case want:
		s.State = Resting
		if !next.IsZero() {
			s.Next = &next
		}
	}
	return s
}
