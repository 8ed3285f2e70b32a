package gateway

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/gateway/upstream"
)

var (
	errBodyTooLarge = errors.New("the body is too large")
	errBodySlow     = errors.New("the body comes too slowly")
	errBodyBroken   = errors.New("the body could not be read to its end")
)

// content is a request's body as it was received, with what it takes of the rations.
type content struct {
	body         *upstream.Body // nil: none
	length       int64          // -1: only known at its end
	memory, disk int64          // taken
}

// smallBody is kept in memory even when the ration is used up.
const smallBody = 16 << 10

// receive reads the body before any server hears of the request, so that slow clients
// hold no server and a failed server costs nothing: into memory, then to disk. What is
// larger than that, or finds no room, is left to be streamed. The caller discards the
// content when it is no longer needed, also after an error.
func (g *Gateway) receive(v *visit, from client) (c content, err error) {
	length, limits := v.head.Length, g.cfg.Limits
	if length == 0 {
		return c, nil
	}
	limit := v.route.MaxBody
	if limit == 0 {
		limit = limits.Body
	}
	if limit > 0 && length > limit {
		return c, errBodyTooLarge
	}
	src := &slowReader{client: from, limits: limits, limit: limit}
	c.body, c.length = &upstream.Body{Chunks: length < 0}, length
	if length > max(limits.Spool, limits.Memory) {
		c.body.Rest = src // no use in reading some of it ahead
		return c, nil
	}
	room := limits.Memory
	if length > 0 {
		room = min(room, length)
	}
	if room > smallBody {
		if c.memory = g.memory.take(room); c.memory == 0 {
			room = smallBody
		}
	}
	if c.body.Memory, err = readMemory(src, length, room); err != nil {
		return c, err
	}
	if !src.ended {
		if err := g.spool(&c, src); err != nil {
			return c, err
		}
	}
	if src.ended {
		c.length, c.body.Chunks = int64(len(c.body.Memory))+c.body.Size, false
		return c, nil
	}
	c.body.Rest = src
	return c, nil
}

// readMemory reads up to limit bytes. The buffer grows with what came, not with what was
// announced.
func readMemory(src *slowReader, announced, limit int64) ([]byte, error) {
	first := min(max(announced, 512), 32<<10)
	buf := bytes.NewBuffer(make([]byte, 0, first+bytes.MinRead))
	_, err := buf.ReadFrom(io.LimitReader(src, limit))
	return buf.Bytes(), errors.Join(err, src.meetEnd(announced))
}

// spool reads on into a file, as far as there is room on the disk.
func (g *Gateway) spool(c *content, src *slowReader) error {
	room := g.cfg.Limits.Spool - int64(len(c.body.Memory))
	if c.length >= 0 {
		room = min(room, c.length-int64(len(c.body.Memory)))
	}
	if room <= 0 {
		return nil
	}
	if c.disk = g.disk.take(room); c.disk == 0 {
		return nil
	}
	dir := g.cfg.State
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	f, err := os.CreateTemp(dir, "spool-*")
	if err != nil {
		return err
	}
	os.Remove(f.Name()) // where the system allows it, nothing is left behind even after a crash
	c.body.File = f
	if c.body.Size, err = io.Copy(f, io.LimitReader(src, room)); err != nil {
		return err
	}
	return src.meetEnd(c.length)
}

func (g *Gateway) discard(c *content) {
	g.memory.give(c.memory)
	g.disk.give(c.disk)
	if c.body != nil && c.body.File != nil {
		c.body.File.Close()
		os.Remove(c.body.File.Name())
	}
}

// ration is what all requests together may take of something; 0 is no limit.
type ration struct {
	limit int64
	taken atomic.Int64
}

// take gives n, or 0 when that is not there.
func (r *ration) take(n int64) int64 {
	if r.taken.Add(n) > r.limit && r.limit > 0 {
		r.taken.Add(-n)
		return 0
	}
	return n
}

func (r *ration) give(n int64) { r.taken.Add(-n) }

// slowReader bounds a body: its size, the pause between two pieces, and the rate.
type slowReader struct {
	client client
	limits Limits
	limit  int64
	began  time.Time
	armed  time.Time
	size   int64
	ended  bool
}

func (s *slowReader) Read(p []byte) (int, error) {
	now := time.Now()
	if s.began.IsZero() {
		s.began = now
	}
	if d := s.limits.BodyPause; d > 0 && now.Sub(s.armed) > time.Second {
		s.armed = now
		if err := s.client.SetReadDeadline(now.Add(d)); err != nil {
			return 0, err
		}
	}
	n, err := s.client.Read(p)
	s.size += int64(n)
	var late interface{ Timeout() bool }
	switch took := time.Since(s.began); {
	case s.limit > 0 && s.size > s.limit:
		return 0, errBodyTooLarge
	case err == io.EOF:
		s.ended = true
		if err := s.free(); err != nil {
			return n, err
		}
	case errors.As(err, &late) && late.Timeout():
		return n, errBodySlow
	case err != nil:
		return n, errors.Join(errBodyBroken, err)
	case took > s.limits.BodyPause && s.limits.BodyPause > 0 && float64(s.size) < float64(s.limits.BodyRate)*took.Seconds():
		return n, errBodySlow
	}
	return n, err
}

// meetEnd reads the end of a body of which all announced bytes have come.
func (s *slowReader) meetEnd(announced int64) error {
	if s.ended || s.size != announced {
		return nil
	}
	if _, err := io.CopyN(io.Discard, s, 1); err != io.EOF {
		return err
	}
	return nil
}

// free takes the deadline off again: net/http watches the connection while the request
// is served.
func (s *slowReader) free() error {
	if s.armed.IsZero() {
		return nil
	}
	return s.client.SetReadDeadline(time.Time{})
}
