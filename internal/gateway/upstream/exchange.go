package upstream

import (
	"context"
	"errors"
	"time"
)

// journey is one request on its way through the pool's servers.
type journey struct {
	pool     *Pool
	req      *Request
	tried    []*Server
	tries    int
	sent     bool      // a server may have done what the request asks for
	timeouts int       // answers that did not come in time
	busy     int       // answers that ask for the request once more
	until    time.Time // when trying ends; zero: nothing went wrong yet
}

// Do brings the request to a server and gives the head of its answer, and all of it
// when it is small. The answer must be closed. The errors are ErrNoServer, ErrCrowded,
// ErrClosed (nothing was sent), ErrUpstream, ErrTimeout, ErrCanceled and *ClientError.
func (p *Pool) Do(ctx context.Context, req *Request) (*Response, error) {
	j := &journey{pool: p, req: req}
	fresh := false // connect anew to the server whose kept connection turned out to be closed
	var again *Server
	for {
		s := again
		if s == nil {
			s = p.choose(req, j.tried, j.tries > 0)
		}
		if s == nil {
			if err := j.pause(ctx); err != nil {
				return nil, err
			}
			continue
		}
		j.tries++
		resp, failure := j.try(ctx, s, fresh)
		again, fresh = nil, false
		if failure == nil {
			if j.asksAgain(resp) {
				resp.Close()
				if err := j.letFinish(ctx); err != nil {
					return nil, err
				}
				continue
			}
			resp.Tries = j.tries
			return resp, nil
		}
		if failure.stale && j.mayRepeat() {
			again, fresh, j.sent = s, true, true // still counted in
			continue
		}
		p.done(s)
		if err := j.verdict(ctx, s, failure); err != nil {
			return nil, err
		}
	}
}

// failure is what became of one try.
type failure struct {
	err   error
	sent  bool // the server may have acted on the request
	stale bool // a kept connection was closed before it brought a byte
	cut   bool // the server was marked down meanwhile
}

// try sends the request to one server. Where it fails the server stays counted in.
func (j *journey) try(ctx context.Context, s *Server, fresh bool) (*Response, *failure) {
	c := s.take(fresh)
	if !j.req.Repeat {
		c.carries(patient)
	}
	var stop func() bool
	if cl := j.req.Caller; cl != nil {
		c.serves(cl)
	} else if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() { c.cut(ErrCanceled) })
	}
	sent, err := j.exchange(ctx, c)
	if err == nil {
		c.resp.stop = stop
		s.worked()
		return &c.resp, nil
	}
	err = c.cause(err)
	f := &failure{err: err, sent: sent, cut: errors.Is(err, errCut)}
	f.stale = sent && c.reused && c.head.Status == 0 && c.r == c.w && !f.cut && !isTimeout(err) && !errors.Is(err, ErrCanceled)
	if stop != nil {
		stop()
	}
	s.release(c, false)
	return nil, f
}

// exchange sends the request and reads the head of the answer into c.resp, with all of it
// when it is small.
func (j *journey) exchange(ctx context.Context, c *conn) (sent bool, err error) {
	s := c.server
	if s.gone.Load() { // it was chosen just before it went down, and came too late to be cut
		return false, errCut
	}
	if err := ctx.Err(); err != nil {
		return false, ErrCanceled
	}
	if c.net == nil {
		if err := c.dial(ctx, j.req.Timeouts.Connect); err != nil {
			return false, err
		}
	}
	c.r, c.w, c.head.Status = 0, 0, 0
	wrote := c.write(j.req)
	var client *ClientError
	if wrote != nil && errors.As(wrote, &client) {
		return true, wrote
	}
	timeout := j.req.Timeouts.Read
	if wrote != nil { // the server may have answered and closed before it had read all
		timeout = min(timeout, time.Second)
	}
	if err := c.readHead(j.req.Method, timeout); err != nil {
		if wrote != nil {
			err = wrote
		}
		return true, err
	}
	c.resp = Response{Head: &c.head, Server: s, conn: c, timeouts: j.req.Timeouts, broken: wrote != nil}
	if err := c.resp.hold(); err != nil {
		c.resp.dropHeld()
		return true, err
	}
	return true, nil
}

// mayRepeat says whether the request can be sent once more after it was sent.
func (j *journey) mayRepeat() bool { return j.req.Repeat && j.req.Body.again() }

// verdict decides what follows a failed try: nil goes on to the next server.
func (j *journey) verdict(ctx context.Context, s *Server, f *failure) error {
	var client *ClientError
	switch {
	case ctx.Err() != nil || errors.Is(f.err, ErrCanceled):
		return ErrCanceled
	case errors.As(f.err, &client):
		return client
	}
	if !f.cut {
		s.failed()
		j.pool.log.Warn("server failed", "app", j.pool.name, "server", s.address, "method", j.req.Method, "try", j.tries, "sent", f.sent, "err", f.err)
	}
	late := isTimeout(f.err)
	outcome := ErrUpstream
	if late {
		outcome = ErrTimeout
	}
	if f.sent {
		j.sent = true
		if !j.mayRepeat() {
			return outcome
		}
		if !f.cut && !j.pool.spend() {
			j.pool.log.Warn("retry budget used up", "app", j.pool.name)
			return outcome
		}
	}
	if late && f.sent {
		if j.timeouts++; j.timeouts > 1 {
			return outcome
		}
	}
	j.tried = append(j.tried, s)
	return j.begin(outcome)
}

// begin starts the time that trying may take, or says that it is over.
func (j *journey) begin(over error) error {
	now := time.Now()
	if j.until.IsZero() {
		j.until = now.Add(j.pool.config().Hold)
	}
	if now.After(j.until) {
		return over
	}
	return nil
}

// pause waits until there may be a server again, among those tried before too.
func (j *journey) pause(ctx context.Context) error {
	over := ErrNoServer
	if j.sent {
		over = ErrUpstream
	}
	if err := j.begin(over); err != nil {
		return err
	}
	j.tried = nil
	return j.pool.wait(ctx, time.Until(j.until))
}

// asksAgain recognises an answer that wants the same request once more, of a server that knows
// its key and is not done with the first run, or of one that cannot work just now, such as
// one that is starting or whose database is away. When trying is over, the answer is passed on.
func (j *journey) asksAgain(resp *Response) bool {
	if !resp.has("retry-after") {
		return false
	}
	switch resp.Head.Status {
	case 409:
		return j.sent && j.begin(ErrUpstream) == nil
	case 503:
		if !j.mayRepeat() || j.begin(ErrUpstream) != nil {
			return false
		}
		j.sent = true
		return true
	}
	return false
}

// letFinish gives the server time, a little more each time.
func (j *journey) letFinish(ctx context.Context) error {
	d := min(25*time.Millisecond<<min(j.busy, 4), 250*time.Millisecond)
	j.busy++
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ErrCanceled
	}
}
