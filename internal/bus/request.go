package bus

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/paceline/paceline/internal/errs"
)

const (
	askWithin  = 5 * time.Second        // a question whose context has no end
	settle     = 300 * time.Millisecond // until it is known on all Boosters who listens
	settleStep = 20 * time.Millisecond
	mostAtOnce = 64 // questions of one subject that are being answered
)

// answer is what goes back to who asked: a value, or what an errs.Error says.
type answer struct {
	Value   json.RawMessage `json:"value,omitempty"`
	Failed  bool            `json:"failed,omitempty"`
	Kind    errs.Kind       `json:"kind,omitempty"`
	Message string          `json:"message,omitempty"`
	Cure    string          `json:"cure,omitempty"`
}

// Request asks who handles a subject and decodes the answer into out, which may be nil. The
// handler's error comes back with its kind, message and cure. Nobody there, and no answer
// in time (5 s when ctx says nothing), are errs.Unavailable; in the second case the question
// may have been heard.
func (c *Client) Request(ctx context.Context, subject Subject, in, out any) (err error) {
	defer errs.Wrap(&err, "bus.Request")
	if err := subject.check(false); err != nil {
		return err
	}
	payload, err := encode(in)
	if err != nil {
		return err
	}
	conn, err := c.connection()
	if err != nil {
		return err
	}
	if c.cfg.Lose {
		return away(nats.ErrNoResponders)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askWithin)
		defer cancel()
	}
	m, err := ask(ctx, conn, subject.from(c.Name()), payload)
	if err != nil {
		return errs.New(errs.Unavailable, "no answer on %s: %w", subject, err)
	}
	return read(m.Data, out)
}

// ask sends a question, again for a moment while nobody listens: right after a connection
// was made the Boosters have not told each other yet who does.
func ask(ctx context.Context, conn *nats.Conn, wire string, payload []byte) (*nats.Msg, error) {
	for end := time.Now().Add(settle); ; {
		m, err := conn.RequestWithContext(ctx, wire, payload)
		if !errors.Is(err, nats.ErrNoResponders) || time.Now().After(end) {
			return m, err
		}
		pause := time.NewTimer(settleStep)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil, ctx.Err()
		case <-pause.C:
		}
	}
}

func read(payload []byte, out any) error {
	var a answer
	if err := json.Unmarshal(payload, &a); err != nil {
		return errs.New(errs.Internal, "the answer cannot be read: %w", err)
	}
	if a.Failed {
		failed := errs.New(a.Kind, "%s", a.Message)
		failed.Cure = a.Cure
		return failed
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(a.Value, out)
}

// Handle answers the questions on a subject, several at a time. fn's context ends with
// cancel, and when the client stops, which waits for the answers under way.
func (c *Client) Handle(subject Subject, fn func(context.Context, Message) (any, error)) (cancel func(), err error) {
	ctx, end := context.WithCancel(context.Background())
	room := make(chan struct{}, mostAtOnce)
	e := &ear{subject: subject}
	e.heard = func(m *nats.Msg) {
		room <- struct{}{}
		if !e.begin() { // it was told to end while this waited for room
			<-room
			return
		}
		go func() {
			defer e.finish()
			defer func() { <-room }()
			c.answer(ctx, m, fn)
		}()
	}
	stop, err := c.hear(e)
	if err != nil {
		end()
		return nil, err
	}
	return func() { end(); stop() }, nil
}

func (c *Client) answer(ctx context.Context, m *nats.Msg, fn func(context.Context, Message) (any, error)) {
	said, from := arrived(m.Subject)
	v, err := fn(ctx, Message{Subject: said, From: from, payload: m.Data})
	if m.Reply == "" {
		return
	}
	payload, err := reply(v, err)
	if err == nil {
		err = m.Respond(payload)
	}
	if err != nil {
		c.log.Warn("bus: a question could not be answered", "subject", said, "from", from, "err", err)
	}
}

func reply(v any, failed error) ([]byte, error) {
	if failed == nil {
		value, err := json.Marshal(v)
		if err == nil {
			return encode(answer{Value: value})
		}
		failed = err
	}
	a := answer{Failed: true, Kind: errs.KindOf(failed), Message: failed.Error()}
	var e *errs.Error
	if errors.As(failed, &e) {
		a.Cure = e.Cure
	}
	return encode(a)
}
