package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

// Report is what the process of a role tells of itself. It stands in a file, so that
// whoever looks after the process died, and be it an Agent that was not there then,
// knows exactly who is dead.
type Report struct {
	Role    config.Role `json:"role"`
	PID     int         `json:"pid"`
	Version string      `json:"version"`
	Started time.Time   `json:"started"`

	Node   string `json:"node,omitempty"`   // its name among the cluster's nodes
	Number int64  `json:"number,omitempty"` // of the node; 0: it has none
	Epoch  int64  `json:"epoch,omitempty"`  // of the number
	Lease  int64  `json:"lease,omitempty"`  // epoch in which it leads or led last

	State     string            `json:"state"`               // waiting, ready, draining
	Waits     string            `json:"waits,omitempty"`     // for what
	Addresses map[string]string `json:"addresses,omitempty"` // where it listens, by purpose
}

// Life is a role's process as its Agent sees it: a lock that it holds while it lives,
// and the report. It is for the process of the role.
type Life struct {
	dir  config.Dir
	role config.Role
	lock interface{ Close() error }
	stop chan struct{}

	vital *vital // nil: of an Agent

	mu     sync.Mutex // guards the rest, and the file
	report Report
	told   bool
}

// Begin makes this process the one that has the role in the data directory. While
// another process is, the error is errs.Conflict.
func Begin(dir config.Dir, role config.Role, version string) (l *Life, err error) {
	defer errs.Wrap(&err, "agent.Begin")
	f, err := lockPatiently(lockPath(dir, role))
	if errors.Is(err, errHeld) {
		err := errs.New(errs.Conflict, "another process is the %s of %s", role, dir).WithCure("see paceline status; stop it first, or use another data directory")
		if last, found := readReport(dir, role); found == nil {
			err = err.WithDetails(errs.Detail{Place: "pid", Message: itoa(last.PID)})
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	l = &Life{dir: dir, role: role, lock: f, stop: make(chan struct{})}
	l.report = Report{Role: role, PID: os.Getpid(), Version: version, Started: time.Now().UTC(), State: "starting"}
	if err := l.Tell(func(*Report) {}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if role != config.RoleAgent {
		if l.vital, err = openVital(dir, role); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	watchStop(stopPath(dir, role), l.stop)
	return l, nil
}

// Tell changes the report. What it says of who leads must be told before it is acted
// on, for the report is what proves the death of exactly that leader.
func (l *Life) Tell(change func(*Report)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, err := json.Marshal(l.report)
	if err != nil {
		return err
	}
	change(&l.report)
	text, err := json.Marshal(l.report)
	if err != nil || l.told && string(text) == string(old) {
		return err
	}
	if err := replace(reportPath(l.dir, l.role), text); err != nil {
		return errs.New(errs.Unavailable, "the report for the Agent cannot be written: %v", err)
	}
	l.told = true
	return nil
}

// Sign has the Agent told, whenever it asks, what sign gives: nil while the process does its work, or waits for
// something; else what of it stands still. A sign that blocks says that as well.
func (l *Life) Sign(sign func() error) {
	l.vital.mu.Lock()
	defer l.vital.mu.Unlock()
	l.vital.sign = sign
}

// Report is what was told last.
func (l *Life) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.report
}

// StopAsked ends when the Agent wants the process to stop, where the system has no
// signal for that.
func (l *Life) StopAsked() <-chan struct{} { return l.stop }

// End gives the role back. The report stays: the Agent reads from it who has ended.
func (l *Life) End() error {
	var closed error
	if l.vital != nil {
		closed = l.vital.close()
	}
	return errors.Join(closed, l.lock.Close())
}

// Find gives what the process that has a role in a data directory told of itself last, and
// whether there is one. It needs no Agent; RoleAgent finds the Agent itself.
func Find(dir config.Dir, role config.Role) (r Report, alive bool) {
	path := lockPath(dir, role)
	if _, err := os.Stat(path); err != nil || !held(path) {
		return r, false
	}
	r, err := readReport(dir, role)
	return r, err == nil
}

// readReport reads what the process of a role told last.
func readReport(dir config.Dir, role config.Role) (r Report, err error) {
	text, err := os.ReadFile(reportPath(dir, role))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}

// forget removes the report of a process whose end has been told.
func forget(dir config.Dir, role config.Role) error {
	err := os.Remove(reportPath(dir, role))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// replace puts a text in the place of another one. It need not outlive the machine.
func replace(path string, text []byte) error {
	next := path + ".next"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
