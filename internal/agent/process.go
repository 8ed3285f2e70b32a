package agent

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

// process is a role's process while it lives: one that this Agent started, or one that
// it found alive.
type process struct {
	pid     int
	adopted bool
	began   time.Time
	ended   chan struct{} // closed when it has ended
	how     string        // it ended; after ended
	holds   func() bool   // the process of that number is still ours
}

// lookEvery is how often the Agent looks whether an adopted process lives, whose parent
// it is not.
const lookEvery = 20 * time.Millisecond

// spawn starts the program of a role. Its output goes to a file, not through the Agent,
// so that it can go on when the Agent dies.
func spawn(program []string, env []string, output string) (*process, error) {
	if err := os.MkdirAll(filepath.Dir(output), 0o700); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(output, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{pid: cmd.Process.Pid, began: time.Now(), ended: make(chan struct{}), holds: func() bool { return true }}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended stands in the state
		p.how = cmd.ProcessState.String()
		killGroup(p.pid) // what it had started and left behind
	}()
	return p, nil
}

// adopt takes over a process that holds the lock of the role, if there is one. When
// ctx ends it is no longer looked at.
func adopt(ctx context.Context, dir config.Dir, role config.Role) (*process, bool) {
	path := lockPath(dir, role)
	if !held(path) {
		return nil, false
	}
	// The report is written after the lock was taken.
	var report Report
	for {
		var err error
		if report, err = readReport(dir, role); err == nil && alive(report.PID) {
			break
		}
		if ctx.Err() != nil || !held(path) {
			return nil, false
		}
		pause(ctx, lookEvery)
	}
	p := &process{pid: report.PID, adopted: true, began: report.Started, ended: make(chan struct{})}
	p.holds = func() bool {
		now, err := readReport(dir, role)
		return err == nil && now.PID == p.pid && held(path)
	}
	go func() {
		for held(path) {
			if !pause(ctx, lookEvery) {
				return
			}
		}
		p.how = "ended; its status is unknown, as another Agent had started it"
		killGroup(p.pid)
		close(p.ended)
	}()
	return p, true
}

// signal does something to the process if it is still the one that is meant: the
// handle is opened before that is looked at.
func (p *process) signal(do func(*os.Process) error) error {
	handle, err := os.FindProcess(p.pid)
	if err != nil {
		return err
	}
	defer func() { _ = handle.Release() }()
	select {
	case <-p.ended:
		return nil
	default:
	}
	if !p.holds() {
		return nil
	}
	if err := do(handle); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// kill ends the process and all that it started, at once.
func (p *process) kill() error {
	return p.signal(func(handle *os.Process) error {
		killGroup(p.pid)
		return handle.Kill()
	})
}

// tail reads the end of what a process wrote outside its log: why it crashed, mostly.
func tail(path string, most int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-most), io.SeekStart) // else it is read from its end: nothing
	}
	text, _ := io.ReadAll(io.LimitReader(f, most))
	return string(text)
}

// pause waits; false: ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// errNoProgram says that a role's program cannot be started.
func errNoProgram(role config.Role, err error) error {
	return errs.New(errs.Unavailable, "the %s cannot be started: %v", role, err).WithCure("look whether the program is whole and may be run")
}
