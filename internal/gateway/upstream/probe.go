package upstream

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// prober asks one server whether it is ready, on a connection of its own. It belongs to
// the server's loop, which calls it at intervals and whenever something went wrong.
type prober struct {
	server *Server
	conn   *conn
	misses int
}

// probe asks once. A refused connection is asked for twice and then proves that the
// process is gone; silence proves nothing and needs several misses.
func (p *prober) probe(ctx context.Context) {
	s := p.server
	s.trim()
	s.pool.mu.Lock()
	event, cfg := s.event, s.pool.config().Probe
	s.pool.mu.Unlock()

	status, err := p.ask(ctx, cfg)
	if refused(err) {
		status, err = p.ask(ctx, cfg)
	}
	switch {
	case ctx.Err() != nil:
	case refused(err):
		p.misses = cfg.Misses
		s.is(Down, "connection refused", event, true)
	case err != nil:
		if p.misses++; p.misses >= cfg.Misses {
			s.is(Down, err.Error(), event, false)
		} else {
			s.loop.Ring() // the next miss decides; no need to wait for it
		}
	case status >= 200 && status < 400:
		p.misses = 0
		s.is(Ready, "", event, false)
	default:
		p.misses = 0
		s.is(Draining, fmt.Sprintf("%s answers %d", cfg.Path, status), event, false)
	}
}

// ask sends one probe; when the server closed the connection between two probes, on a
// new one.
func (p *prober) ask(ctx context.Context, cfg Probe) (status int, err error) {
	fresh := p.conn == nil
	if status, err = p.once(ctx, cfg); err != nil && !fresh && !isTimeout(err) {
		status, err = p.once(ctx, cfg)
	}
	return status, err
}

func (p *prober) once(ctx context.Context, cfg Probe) (status int, err error) {
	defer func() {
		if err != nil || !p.conn.reusable() {
			p.close()
		}
	}()
	by := time.Now().Add(cfg.Timeout)
	if p.conn == nil {
		p.conn = &conn{server: p.server, buf: buffers.Get().(*[bufSize]byte)}
		if err := p.conn.dial(ctx, cfg.Timeout); err != nil {
			return 0, err
		}
	}
	c := p.conn
	stop := context.AfterFunc(ctx, func() { c.cut(ErrClosed) })
	defer stop()
	c.net.SetDeadline(by)
	c.readBy = by
	c.out = fmt.Appendf(c.out[:0], "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: paceline-gateway\r\n\r\n", cfg.Path, c.server.address)
	if _, err := c.net.Write(c.out); err != nil {
		return 0, err
	}
	if err := c.readHead("GET", time.Until(by)); err != nil {
		return 0, err
	}
	status = c.head.Status
	for size := 0; ; {
		data, done, err := c.next()
		if err != nil {
			return 0, err
		}
		if size += len(data); done || size > Held {
			return status, nil
		}
	}
}

func (p *prober) close() {
	if p.conn != nil {
		p.conn.close()
		p.conn = nil
	}
}

func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
