package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/config"
)

// vital is where the process of a role answers its Agent that it lives, and not only runs: a
// socket, which is asked once a second. Each connection gets one answer.
type vital struct {
	listener net.Listener
	busy     sync.WaitGroup

	mu   sync.Mutex // guards the rest
	sign func() error
}

// pulse is its answer.
type pulse struct {
	Hung string `json:"hung,omitempty"` // what of the process stands still
}

func vitalPath(dir config.Dir, role config.Role) string { return runFile(dir, role, ".sock") }

// openVital begins to answer. The caller holds the role's lock, so a socket that is there is that of a process
// that died.
func openVital(dir config.Dir, role config.Role) (*vital, error) {
	path, err := reachable(vitalPath(dir, role))
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	v := &vital{listener: l}
	v.busy.Go(v.accept)
	return v, os.Chmod(path, 0o600)
}

func (v *vital) accept() {
	for {
		conn, err := v.listener.Accept()
		if err != nil {
			return
		}
		v.busy.Go(func() { v.answer(conn) })
	}
}

// answer asks the process for its sign of life. One that blocks is no answer, which tells the Agent enough.
func (v *vital) answer(conn net.Conn) {
	defer conn.Close()
	v.mu.Lock()
	sign := v.sign
	v.mu.Unlock()
	var a pulse
	if sign != nil {
		if err := sign(); err != nil {
			a.Hung = err.Error()
		}
	}
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_ = json.NewEncoder(conn).Encode(a) // who asks no more needs no answer
}

func (v *vital) close() error { return v.listener.Close() }

// errNoVital says that a process has no such socket.
var errNoVital = errors.New("it has not begun to answer the Agent")

// askVital asks the process of a role; nil: it lives.
func askVital(ctx context.Context, dir config.Dir, role config.Role, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	path, err := reachable(vitalPath(dir, role))
	if err != nil {
		return errNoVital
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoVital
	}
	if err != nil {
		return errSilent
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var a pulse
	if err := json.NewDecoder(io.LimitReader(conn, maxOrder)).Decode(&a); err != nil {
		return errSilent
	}
	if a.Hung != "" {
		return errors.New(a.Hung)
	}
	return nil
}

var errSilent = errors.New("it does not answer")

// watch asks a process whether it lives, and tells once why it does not when that has lasted for too long.
// Only looks count: time that the Agent itself has slept through does not.
func (c *child) watch(ctx context.Context, p *process) <-chan string {
	hung := make(chan string, 1)
	if c.pace.Hung < 0 {
		return hung
	}
	every := min(time.Second, c.pace.Hung/5)
	go func() {
		var silent time.Duration
		for last := time.Now(); pause(ctx, every); last = time.Now() {
			err := askVital(ctx, c.dir, c.role, every)
			if ctx.Err() != nil {
				return
			}
			if err == nil || p.adopted && errors.Is(err, errNoVital) { // it may be of an older program
				silent = 0
				c.quiet("", 0)
				continue
			}
			silent += min(time.Since(last), 3*every)
			c.quiet(err.Error(), silent)
			if silent >= c.pace.Hung {
				hung <- err.Error()
				return
			}
		}
	}()
	return hung
}

// quiet notes for the status that the process gives no good answer, and since when.
func (c *child) quiet(why string, silent time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hung = ""
	if silent > c.pace.Hung/5 {
		c.hung = why + " for " + silent.Round(time.Second).String()
	}
}
