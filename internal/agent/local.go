package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

// local is the Agent's door for those on the same machine who may read its data
// directory: a socket in it. A connection carries one order and its answer, as a line of
// JSON each.
type local struct {
	path string
	do   func(context.Context, Order) (Status, error)
	log  *slog.Logger

	mu       sync.Mutex // guards the rest
	listener net.Listener
	cancel   context.CancelFunc
	busy     sync.WaitGroup
}

// answer is what goes back: a status, or what is wrong.
type answer struct {
	Status  *Status   `json:"status,omitempty"`
	Kind    errs.Kind `json:"kind,omitempty"`
	Message string    `json:"message,omitempty"`
	Cure    string    `json:"cure,omitempty"`
}

const (
	maxOrder     = 4 << 10         // bytes
	maxAnswer    = 1 << 20         // bytes
	orderPause   = 5 * time.Second // for the line to arrive
	maxSocketLen = 100             // characters of the path; systems allow 104 to 108
)

func socketPath(dir config.Dir) string { return filepath.Join(string(dir), "agent.sock") }

func newLocal(path string, do func(context.Context, Order) (Status, error), log *slog.Logger) *local {
	return &local{path: path, do: do, log: log}
}

// Start opens the door. The caller holds the Agent's lock, so a socket that is there is
// that of an Agent that died.
func (l *local) Start(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	path, err := reachable(l.path)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(err, ln.Close())
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.listener, l.cancel = ln, cancel
	l.busy.Go(func() { l.accept(own, ln) })
	return nil
}

// reachable gives a path that is short enough for a socket: relative to the working
// directory if that helps.
func reachable(path string) (string, error) {
	if len(path) <= maxSocketLen {
		return path, nil
	}
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil && len(rel) <= maxSocketLen {
			return rel, nil
		}
	}
	return "", errs.New(errs.Unsupported, "the path %s is too long for a socket", path).WithCure("use a data directory with a shorter path")
}

// Stop closes the door, and waits for the answers under way.
func (l *local) Stop(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener == nil {
		return nil
	}
	err := l.listener.Close() // removes the socket
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		l.busy.Wait()
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	l.cancel()
	<-idle
	l.listener = nil
	return err
}

func (l *local) accept(ctx context.Context, ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				l.log.Error("the Agent's socket does not take connections any more", "err", err)
			}
			return
		}
		l.busy.Go(func() { l.serve(ctx, conn) })
	}
}

func (l *local) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_ = conn.SetReadDeadline(time.Now().Add(orderPause))
	line, err := bufio.NewReader(io.LimitReader(conn, maxOrder)).ReadBytes('\n')
	if err != nil {
		l.log.Debug("no order came", "err", err)
		return
	}
	if err := json.NewEncoder(conn).Encode(l.answer(ctx, line)); err != nil {
		l.log.Debug("an answer did not arrive", "err", err)
	}
}

func (l *local) answer(ctx context.Context, line []byte) answer {
	var order Order
	if err := json.Unmarshal(line, &order); err != nil {
		return answer{Kind: errs.Invalid, Message: fmt.Sprintf("not an order: %v", err)}
	}
	status, err := l.do(ctx, order)
	if err != nil {
		a := answer{Kind: errs.KindOf(err), Message: err.Error()}
		var e *errs.Error
		if errors.As(err, &e) {
			a.Cure = e.Cure
		}
		return a
	}
	return answer{Status: &status}
}

// Ask has the Agent of a data directory carry out an order. Without an Agent the error
// is errs.Unavailable.
func Ask(ctx context.Context, dir config.Dir, o Order) (s Status, err error) {
	defer errs.Wrap(&err, "agent.Ask")
	if !Runs(dir) {
		return s, noAgent(dir)
	}
	path, err := reachable(socketPath(dir))
	if err != nil {
		return s, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return s, errs.New(errs.Unavailable, "the Agent of %s does not answer: %w", dir, err).WithCure("try again in a moment; else look into its log")
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(o); err != nil {
		return s, err
	}
	var a answer
	switch err := json.NewDecoder(io.LimitReader(conn, maxAnswer)).Decode(&a); {
	case ctx.Err() != nil:
		return s, ctx.Err()
	case err != nil:
		return s, errs.New(errs.Unavailable, "the Agent of %s gave no answer: %w", dir, err).WithCure("look with paceline status")
	case a.Status == nil:
		failed := errs.New(a.Kind, "%s", a.Message)
		failed.Cure = a.Cure
		return s, failed
	}
	return *a.Status, nil
}

// Runs says whether an Agent looks after the data directory.
func Runs(dir config.Dir) bool {
	_, alive := Find(dir, config.RoleAgent)
	return alive
}

func noAgent(dir config.Dir) error {
	return errs.New(errs.Unavailable, "no Agent runs on %s", dir).WithCure("start it with paceline start --data %s", dir)
}
