package process

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
)

// Command wants one event to happen to one instance.
type Command struct {
	Instance   db.ID // for a Start: the id it gets, 0 to draw one
	Definition db.ID // for a Start
	Event      engine.Event
	Actor      db.ID  // who wants it, for the history; 0 for the system
	By         string // the actor's name as people know it
	Note       string // a remark for the history

	// With adds rows to the transaction that belong to this command. Like Deps.Project it may run
	// again, and only appends. An error refuses the command.
	With func(*Transition, *db.Change) error
	// Answer makes what the caller is told, and told again when he repeats the command with
	// the same key. It is kept as JSON.
	Answer func(*Transition) any
}

// Result of a command that took effect.
type Result struct {
	Instance db.ID           `json:"instance"`
	Version  int64           `json:"version"`
	Answer   json.RawMessage `json:"answer,omitempty"`
	Replayed bool            `json:"-"` // it had taken effect before, under the same key
}

// Submit does a command and returns when it is durable. The errors:
//
//	Conflict     the event does not fit the state: the task is over, its version is another,
//	             the instance has ended (the cause is an *engine.Refused); or db.ErrKeyBusy
//	NotFound     no such instance or definition
//	Invalid      db.ErrKeyReused
//	Exhausted    the lane's queue is full; come back after Retry
//	Unavailable  the database is away or the runtime stops; with a key, repeating is safe
//
// When ctx ends first the command may still happen.
func (r *Runtime) Submit(ctx context.Context, cmd Command) (res Result, err error) {
	defer errs.Wrap(&err, "process.Submit")
	c, err := r.newCall(ctx, cmd)
	if err != nil {
		return Result{}, err
	}
	if len(c.event) > commandMost {
		return Result{}, errs.New(errs.Invalid, "the command carries %d KB of variables, at most %d are taken", len(c.event)>>10, commandMost>>10).
			WithCure("attach large data as a file")
	}
	if once, ok := db.OnceFrom(ctx); ok {
		release, err := r.deps.DB.Hold(once.Key)
		if err != nil {
			return Result{}, err
		}
		c.once, c.ended = once, release
	}
	return r.do(ctx, c)
}

// call is a Command on its way through a lane.
type call struct {
	Command
	ctx   context.Context
	once  db.Once // its key is claimed; empty for none
	event []byte  // the encoded Event
	root  db.ID   // of a Start: the ticket
	drop  db.ID   // the outbox row that ends with this command; 0 for none

	derived bool // follows from the command before it in its unit; nobody waits for it
	machine bool // not a person's: it waits behind those
	alone   bool // to be committed by itself: a group with it was refused, or it is a migration
	fresh   bool // refused by a state that may have been old; the next look is the last
	tries   int  // commits that were stale

	reply chan reply // takes exactly one
	ended func()     // called before the reply
}

type reply struct {
	Result
	err error
}

// commandMost bounds an encoded event of a caller, and with it a history row: one variable of the largest size
// and what comes with it.
const commandMost = partMost + 1<<20

// eventMost bounds what a message or signal carries: it is written for each of its receivers.
const eventMost = 1 << 20

func (r *Runtime) newCall(ctx context.Context, cmd Command) (*call, error) {
	if start, ok := cmd.Event.(engine.Start); ok {
		if cmd.Instance == 0 {
			cmd.Instance = r.deps.NewID()
		}
		start.Instance = engine.ID(cmd.Instance)
		cmd.Event = start
	}
	alone := false
	if moved, ok := cmd.Event.(engine.Migrate); ok {
		var err error
		if moved.To, err = r.deps.Definitions.Definition(ctx, db.ID(moved.Target)); err != nil {
			return nil, err
		}
		cmd.Event = moved
		alone = true // its rows are of another version of the app
	}
	event, err := engine.EncodeEvent(cmd.Event)
	if err != nil {
		return nil, errs.New(errs.Invalid, "the event cannot be kept: %w", err)
	}
	return &call{Command: cmd, ctx: ctx, event: event, alone: alone, reply: make(chan reply, 1), ended: func() {}}, nil
}

// do queues a call and waits for its reply.
func (r *Runtime) do(ctx context.Context, c *call) (Result, error) {
	if err := r.laneOf(c.Instance).add(c); err != nil {
		c.ended()
		return Result{}, err
	}
	select {
	case got := <-c.reply:
		return got.Result, got.err
	case <-ctx.Done():
		return Result{}, errs.New(errs.Unavailable, "the caller has gone before the answer: %w", ctx.Err()).
			WithCure("the command may still happen; repeat it with the same key to learn its outcome")
	}
}

func (c *call) answer(res Result) {
	c.ended()
	c.reply <- reply{Result: res}
}

func (c *call) fail(err error) {
	c.ended()
	c.reply <- reply{err: err}
}

// Recall gives the result of the command that ctx's key stands for, when it has taken effect
// already; ok is false when it has not, or ctx has no key. A use case asks it before it checks
// what the command itself has changed. Another request under the key is db.ErrKeyReused.
func (r *Runtime) Recall(ctx context.Context) (res Result, ok bool, err error) {
	once, ok := db.OnceFrom(ctx)
	if !ok {
		return Result{}, false, nil
	}
	kept, err := r.kept(ctx, once)
	if err != nil || kept == nil {
		return Result{}, false, err
	}
	res, err = readResult(kept)
	return res, err == nil, err
}

// kept finds the answer that is stored under a key; nil when there is none.
func (r *Runtime) kept(ctx context.Context, once db.Once) ([]byte, error) {
	var hash string
	var answer []byte
	err := r.deps.DB.QueryRow(ctx, "SELECT hash, answer FROM command WHERE command_key = ?", once.Key).Scan(&hash, &answer)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case hash != once.Hash:
		return nil, db.ErrKeyReused
	}
	return answer, nil
}

func readResult(kept []byte) (Result, error) {
	var res Result
	if err := json.Unmarshal(kept, &res); err != nil {
		return Result{}, errs.New(errs.Internal, "the answer kept under the key is damaged: %w", err)
	}
	res.Replayed = true
	return res, nil
}

// refused is the answer to an event that does not fit: Conflict, unless the
// command's key shows that it has taken effect before.
func (l *lane) refused(ctx context.Context, c *call, why error) {
	if c.once.Key != "" {
		answer, err := l.r.kept(ctx, c.once)
		switch {
		case err != nil:
			c.fail(err)
			return
		case answer != nil:
			c.replay(answer)
			return
		}
	}
	var refused *engine.Refused
	if errors.As(why, &refused) {
		cure := "read the ticket again; somebody may have been faster"
		if refused.Suspended {
			cure = "wait until an operator resumes the ticket"
		}
		why = errs.New(errs.Conflict, "%w", why).WithCure("%s", cure)
	}
	c.fail(why)
}

// replay answers with what was kept under the command's key.
func (c *call) replay(kept []byte) {
	res, err := readResult(kept)
	if err != nil {
		c.fail(err)
		return
	}
	c.answer(res)
}
