package intake

import (
	"encoding/json"
	"time"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/process"
)

// ScheduleSpec is a schedule as people write it. Expressions of its target see due, the due time in its zone, and
// name.
type ScheduleSpec struct {
	Name  string `yaml:"name" json:"name,omitempty"`
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
	// Cycle is cron with five fields, or with seconds and years as Quartz has it, or an ISO 8601 repetition such as
	// R/2026-01-05T09:00:00+08:00/P1W.
	Cycle    string `yaml:"cycle" json:"cycle"`
	Zone     string `yaml:"zone,omitempty" json:"zone,omitempty" doc:"Of a cron: Asia/Taipei; left out: that of the calendar, else UTC."`
	Calendar string `yaml:"calendar,omitempty" json:"calendar,omitempty" doc:"Business calendar."`
	// Off is what happens to a due time on a day without work in the calendar.
	Off    string `yaml:"off,omitempty" json:"off,omitempty" enum:",skip,next" doc:"skip, the default, or next: the next day of work at the same time."`
	Missed string `yaml:"missed,omitempty" json:"missed,omitempty" enum:",skip,once,all" doc:"What was due while nothing ran: skip; once, the default: the last of it; all, up to most."`
	Most   int    `yaml:"most,omitempty" json:"most,omitempty" minimum:"0" maximum:"1000" doc:"How many missed due times all catches up; 10."`
	Target `yaml:",inline"`
}

// The ways to deal with missed due times and days off.
const (
	missedSkip = "skip"
	missedOnce = "once"
	missedAll  = "all"
	offSkip    = "skip"
	offNext    = "next"
)

const (
	// punctual is how long after its due time a schedule counts as on time.
	punctual = time.Minute
	// maxWalk bounds the due times that one look walks over.
	maxWalk = 10_000
	// defaultMost is Most where it is not said.
	defaultMost = 10
)

// ParseSchedule reads a schedule of an app's bundle. The error is errs.Invalid with all that is wrong.
func ParseSchedule(src []byte) (s ScheduleSpec, err error) {
	if err := decode(src, &s); err != nil {
		return s, err
	}
	return s, s.check()
}

func (s *ScheduleSpec) check() error {
	var w wrong
	w.name(s.Name)
	if s.Zone != "" {
		if _, err := time.LoadLocation(s.Zone); err != nil || s.Zone == "Local" {
			w.add("zone", "there is no time zone %q", clip(s.Zone, 60))
		}
	}
	if _, err := s.cycle(nil); err != nil {
		w.add("cycle", "%v", err)
	}
	if s.Off != "" && s.Off != offSkip && s.Off != offNext {
		w.add("off", "write skip or next")
	}
	if s.Missed != "" && s.Missed != missedSkip && s.Missed != missedOnce && s.Missed != missedAll {
		w.add("missed", "write skip, once or all")
	}
	if s.Most < 0 || s.Most > 1000 {
		w.add("most", "a number from 1 to 1000")
	}
	w.target(&s.Target)
	return w.err("schedule", s.Name)
}

// cursor is a place in the due times of a schedule. Base is what the cycle counts from, Due is when it is due in
// truth: they differ where a day off moves it.
type cursor struct {
	Base, Due time.Time
	Left      int32 // due times after it; -1: for ever
}

// cycle is what gives the due times of a schedule.
type cycle struct {
	spec *ScheduleSpec
	cron *calendar.Cron
	iso  *calendar.Repetition
	cal  *calendar.Calendar
	zone *time.Location
}

func (s *ScheduleSpec) cycle(cal *calendar.Calendar) (*cycle, error) {
	c := &cycle{spec: s, cal: cal, zone: cal.Zone()}
	if s.Zone != "" {
		zone, err := time.LoadLocation(s.Zone)
		if err != nil {
			return nil, err
		}
		c.zone = zone
	}
	if calendar.IsRepetition(s.Cycle) {
		r, err := calendar.ParseRepetition(s.Cycle)
		c.iso = &r
		return c, err
	}
	cron, err := calendar.ParseCron(s.Cycle)
	if err == nil {
		_, err = cron.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), c.zone)
	}
	c.cron = &cron
	return c, err
}

// first is the first due time after now; false when there is none.
func (c *cycle) first(now time.Time) (cursor, bool) {
	if c.cron != nil {
		return c.next(cursor{Base: now, Left: -1})
	}
	due, left, err := c.iso.First(c.cal, now)
	if err != nil || due.Before(now) {
		return cursor{}, false
	}
	return c.settle(cursor{Base: due, Left: left})
}

// next is the due time after another; false when there is none.
func (c *cycle) next(at cursor) (cursor, bool) {
	if c.cron != nil {
		due, err := c.cron.Next(at.Base, c.zone)
		if err != nil {
			return cursor{}, false
		}
		return c.settle(cursor{Base: due, Left: -1})
	}
	if at.Left == 0 {
		return cursor{}, false
	}
	if at.Left > 0 {
		at.Left--
	}
	at.Base = c.iso.After(c.cal, at.Base)
	return c.settle(at)
}

// settle finds when a place in the cycle is due in truth: days off are passed over, or move it.
func (c *cycle) settle(at cursor) (cursor, bool) {
	at.Due = at.Base
	if c.cal.Works(at.Due) {
		return at, true
	}
	if c.spec.Off != offNext {
		return c.next(at)
	}
	local := at.Base.In(c.cal.Zone())
	for days := 1; days < 3660; days++ {
		if at.Due = local.AddDate(0, 0, days); c.cal.Works(at.Due) {
			at.Due = at.Due.UTC()
			return at, true
		}
	}
	return cursor{}, false
}

// plan says what is to be done of the due times from at up to now, the rest of which is skipped, and where the
// cycle goes on; false when it does not.
func (c *cycle) plan(at cursor, now time.Time) (do, skip []time.Time, next cursor, more bool) {
	var due []time.Time
	more = true
	for walked := 0; more && !at.Due.After(now); walked++ {
		if walked == maxWalk { // too long ago to count them all
			due = due[len(due)-maxWalk/2:]
			walked = maxWalk / 2
		}
		if n := len(due); n == 0 || !due[n-1].Equal(at.Due) {
			due = append(due, at.Due)
		}
		at, more = c.next(at)
	}
	keep := 0
	switch n := len(due); {
	case n == 0:
	case c.spec.Missed == missedAll:
		if keep = c.spec.Most; keep == 0 {
			keep = defaultMost
		}
		keep = min(keep, n)
	case c.spec.Missed != missedSkip, now.Sub(due[n-1]) <= punctual:
		keep = 1
	}
	return due[len(due)-keep:], due[:len(due)-keep], at, more
}

// scheduleTable has one row for each schedule.
var scheduleTable = &db.Table{
	Name: "schedule",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "name", Type: db.Text, Size: 130},
		{Name: "app", Type: db.Text, Size: 63}, // whose bundle it came with; empty: made by itself
		{Name: "spec", Type: db.Long},          // JSON of ScheduleSpec
		{Name: "paused", Type: db.Int},
		{Name: "base", Type: db.BigInt}, // of the cursor
		{Name: "due", Type: db.BigInt},  // of the cursor; process.Never: not any more, or paused
		{Name: "remaining", Type: db.BigInt},
		{Name: "author", Type: db.Text, Size: 250},
		{Name: "changed", Type: db.BigInt},
		{Name: "version", Type: db.BigInt},
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "schedule_name", Columns: []string{"name"}, Unique: true},
		{Name: "schedule_next", Columns: []string{"due"}},
		{Name: "schedule_app", Columns: []string{"app"}},
	},
	Rewritten: true,
}

// dueTable has one row for each due time: its key is what makes it happen once.
var dueTable = &db.Table{
	Name: "schedule_due",
	Columns: []db.Column{
		{Name: "schedule", Type: db.BigInt},
		{Name: "due", Type: db.BigInt},
		{Name: "state", Type: db.Text, Size: 10}, // of the Outcome
		{Name: "at", Type: db.BigInt},            // while pending: not to be done before
		{Name: "tries", Type: db.Int},
		{Name: "ticket", Type: db.BigInt},
		{Name: "instance", Type: db.BigInt},
		{Name: "reason", Type: db.Text, Size: 1000},
	},
	Key: []string{"schedule", "due"},
	Indexes: []db.Index{
		{Name: "schedule_due_pending", Columns: []string{"at"}, Where: "state = 'pending'"},
		{Name: "schedule_due_due", Columns: []string{"due"}},
	},
}

// Schedule is a schedule with where it stands.
type Schedule struct {
	ScheduleSpec
	App     string    `json:"app,omitempty" doc:"The app whose bundle it came with."`
	Paused  bool      `json:"paused"`
	Next    time.Time `json:"next,omitzero" doc:"Absent: it is paused, or not due any more."`
	Author  string    `json:"author"`
	Changed time.Time `json:"changed"`

	id      db.ID
	cursor  cursor
	version int64
}

const selectSchedule = "SELECT id, name, app, spec, paused, base, due, remaining, author, changed, version FROM schedule "

func scanSchedule(row db.Scanner) (s Schedule, err error) {
	var name, spec string
	var paused, base, due, left, changed int64
	if err = row.Scan(&s.id, &name, &s.App, &spec, &paused, &base, &due, &left, &s.Author, &changed, &s.version); err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(spec), &s.ScheduleSpec); err != nil {
		return s, errs.New(errs.Internal, "the schedule %s is damaged: %w", name, err)
	}
	s.Name, s.Paused, s.Changed = name, paused != 0, db.Time(changed)
	s.cursor = cursor{Base: db.Time(base), Left: int32(left)}
	if due != process.Never {
		s.cursor.Due, s.Next = db.Time(due), db.Time(due)
	}
	return s, nil
}
