package bus

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/paceline/paceline/internal/errs"
)

// ear is one thing that a client listens for, over all its connections.
type ear struct {
	subject Subject
	heard   func(*nats.Msg)

	mu   sync.Mutex
	sub  *nats.Subscription // nil: the client does not run
	deaf bool               // no new calls
	busy int                // calls under way
	idle chan struct{}      // closed when there are none; nil: nobody waits
}

// Subscribe calls fn for each message on a subject, one after the other, also those that
// this client says itself. A listener that is too slow loses messages. cancel ends it.
func (c *Client) Subscribe(subject Subject, fn func(Message)) (cancel func(), err error) {
	return c.hear(&ear{subject: subject, heard: func(m *nats.Msg) {
		said, from := arrived(m.Subject)
		fn(Message{Subject: said, From: from, payload: m.Data})
	}})
}

func (c *Client) hear(e *ear) (cancel func(), err error) {
	defer errs.Wrap(&err, "bus.Subscribe")
	if err := e.subject.check(true); err != nil {
		return nil, err
	}
	if c.cfg.Lose {
		e.heard = func(*nats.Msg) {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		if err := e.listen(c.conn); err != nil {
			return nil, err
		}
	}
	c.ears[e] = struct{}{}
	return func() {
		c.mu.Lock()
		delete(c.ears, e)
		c.mu.Unlock()
		e.end()
	}, nil
}

// listen begins on a connection.
func (e *ear) listen(conn *nats.Conn) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	sub, err := conn.Subscribe(e.subject.from("*"), e.call)
	if err != nil {
		return away(err)
	}
	e.sub, e.deaf = sub, false
	return sub.SetPendingLimits(mostQueued, mostBytes)
}

func (e *ear) call(m *nats.Msg) {
	if e.begin() {
		defer e.finish()
		e.heard(m)
	}
}

// begin notes a call, unless no new ones are taken.
func (e *ear) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deaf {
		return false
	}
	e.busy++
	return true
}

func (e *ear) finish() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.busy--; e.busy == 0 && e.idle != nil {
		close(e.idle)
		e.idle = nil
	}
}

// end stops listening. Calls under way go on.
func (e *ear) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deaf = true
	if e.sub != nil {
		// It fails only when the connection is closed, which ends it as well.
		_ = e.sub.Unsubscribe()
		e.sub = nil
	}
}

// quiet stops listening and waits for the calls under way.
func (e *ear) quiet(ctx context.Context) error {
	e.end()
	e.mu.Lock()
	if e.busy == 0 {
		e.mu.Unlock()
		return nil
	}
	if e.idle == nil {
		e.idle = make(chan struct{})
	}
	idle := e.idle
	e.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
