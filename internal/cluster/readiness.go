package cluster

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/service"
)

// Check is one thing that a node needs to take requests. Run returns the cause when it
// is missing.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// Readiness runs the checks of a node at intervals, each beside the others, and keeps
// what they found: asking costs nothing, and a check that hangs is a cause and holds
// nobody up. It is a service.Service.
type Readiness struct {
	checks []Check
	limit  time.Duration // of one check
	tell   func(Event, string)
	loop   *service.Loop

	looking sync.Mutex // held through a look, so that what is told is told in order

	mu     sync.Mutex // guards the rest
	begun  time.Time  // when the look began that has not ended; zero: none
	causes []error    // of each check; nil: it is good; replaced as a whole
}

// errUnchecked is what is wrong with a check that has not run.
var errUnchecked = errs.New(errs.Unavailable, "not checked yet")

// NewReadiness makes one that tells a member what it finds (Member.Tell): Passed, or
// Failed with the causes.
func NewReadiness(every time.Duration, tell func(Event, string), checks ...Check) *Readiness {
	r := &Readiness{checks: checks, limit: every, tell: tell}
	r.forget()
	r.loop = service.NewLoop(every, r.look)
	return r
}

// Start runs the checks once and then at intervals.
func (r *Readiness) Start(ctx context.Context) error {
	r.look(ctx)
	return r.loop.Start(ctx)
}

// Stop ends the checks. From then on the node is not ready.
func (r *Readiness) Stop(ctx context.Context) error {
	err := r.loop.Stop(ctx)
	r.forget()
	return err
}

func (r *Readiness) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.causes = slices.Repeat([]error{errUnchecked}, len(r.checks))
}

// Names are those of the checks.
func (r *Readiness) Names() []string {
	names := make([]string, len(r.checks))
	for i, c := range r.checks {
		names[i] = c.Name
	}
	return names
}

// Cause is what the check of that name found last; nil: it is good.
func (r *Readiness) Cause(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range r.checks {
		if c.Name == name {
			return r.causes[i]
		}
	}
	return errs.New(errs.NotFound, "there is no check %q", name)
}

// Stuck says whether a look has not come to its end for so long: then a check heeds no limit, and the node hangs.
// What a check finds missing is no such thing.
func (r *Readiness) Stuck(most time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun.IsZero() || time.Since(r.begun) < most {
		return nil
	}
	return errs.New(errs.Unavailable, "its checks have not ended for %v", time.Since(r.begun).Round(time.Second))
}

func (r *Readiness) begin(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = at
}

func (r *Readiness) look(ctx context.Context) {
	r.looking.Lock()
	defer r.looking.Unlock()
	r.begin(time.Now())
	defer r.begin(time.Time{})
	limited, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	found := make([]error, len(r.checks))
	var all sync.WaitGroup
	for i, c := range r.checks {
		all.Go(func() { found[i] = c.Run(limited) })
	}
	all.Wait()
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	r.causes = found
	r.mu.Unlock()
	var text []string
	for i, err := range found {
		if err != nil {
			text = append(text, r.checks[i].Name+": "+err.Error())
		}
	}
	if text == nil {
		r.tell(Passed, "")
		return
	}
	r.tell(Failed, cut(strings.Join(text, "; "), maxCause))
}

// cut bounds text for a column of so many characters.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}

// DatabaseCheck asks the database for a sign of life.
func DatabaseCheck(d *db.DB) Check { return Check{"database", d.Ping} }

// SchemaCheck looks whether the schema is that of this program.
func SchemaCheck(d *db.DB, migrations []db.Migration) Check {
	return Check{"schema", func(ctx context.Context) error { return d.CheckSchema(ctx, migrations) }}
}

// ClockCheck compares the node's clock with the database's. Nothing that must hold
// depends on the node's clock, but what people read does.
func ClockCheck(d *db.DB, now func() time.Time, most time.Duration) Check {
	return Check{"clock", func(ctx context.Context) error {
		sent := now()
		theirs, err := db.Now(ctx, d)
		if err != nil {
			return err
		}
		took := now().Sub(sent)
		skew := sent.Add(took / 2).Sub(db.Time(theirs))
		if skew.Abs() > most+took/2 {
			return errs.New(errs.Unavailable, "the clock is %v off the database's", skew.Round(time.Millisecond)).WithCure("keep the clocks right with NTP")
		}
		return nil
	}}
}

// DiskCheck looks whether the file system of a directory has so many bytes left.
func DiskCheck(dir string, least uint64) Check {
	return Check{"disk", func(context.Context) error {
		free, err := freeBytes(dir)
		if err == nil && free < least {
			err = errs.New(errs.Exhausted, "%d MB are free in %s, and %d are needed", free>>20, dir, least>>20).WithCure("make room")
		}
		return err
	}}
}
