package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/paceline/paceline/internal/gateway/upstream"
)

var (
	errBodyTooLarge = errors.New("the body is too large")
	errBodySlow     = errors.New("the body comes too slowly")
	errBodyBroken   = errors.New("the body could not be read to its end")
)

// receive reads the body before any server hears of the request, so that slow clients
// hold no server and a failed server costs nothing: into memory, then to disk. What is
// larger than that is left to be streamed. The caller calls discard when the body is no
// longer needed.
func (g *Gateway) receive(v *visit, w http.ResponseWriter) (body *upstream.Body, length int64, err error) {
	r, limits := v.r, g.cfg.Limits
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil, 0, nil
	}
	limit := v.route.MaxBody
	if limit == 0 {
		limit = limits.Body
	}
	if limit > 0 && r.ContentLength > limit {
		return nil, 0, errBodyTooLarge
	}
	src := &slowReader{r: r.Body, limits: limits, control: http.NewResponseController(w), limit: limit}
	body = &upstream.Body{}
	if limits.Spool > 0 && r.ContentLength > limits.Spool {
		body.Rest = src // no use in reading some of it ahead
		return body, r.ContentLength, nil
	}
	if body.Memory, err = readMemory(src, r.ContentLength, limits.Memory); err != nil {
		return nil, 0, err
	}
	size := int64(len(body.Memory))
	if src.ended {
		return body, size, nil
	}
	if err := g.spool(body, src, limits.Spool-size); err != nil {
		discard(body)
		return nil, 0, err
	}
	if size += body.Size; src.ended {
		return body, size, nil
	}
	body.Rest, body.Chunks = src, r.ContentLength < 0
	return body, r.ContentLength, nil
}

// readMemory reads up to limit bytes. The buffer grows with what came, not with what was
// announced.
func readMemory(src *slowReader, announced, limit int64) ([]byte, error) {
	first := min(max(announced, 512), 32<<10)
	buf := bytes.NewBuffer(make([]byte, 0, first+bytes.MinRead))
	_, err := buf.ReadFrom(io.LimitReader(src, limit))
	if err == nil && !src.ended && announced >= 0 && int64(buf.Len()) == announced {
		_, err = io.CopyN(io.Discard, src, 1) // meets the end
		if err == io.EOF {
			err = nil
		}
	}
	return buf.Bytes(), err
}

func (g *Gateway) spool(body *upstream.Body, src *slowReader, limit int64) error {
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
	body.File = f
	body.Size, err = io.Copy(f, io.LimitReader(src, max(limit, 0)))
	return err
}

func discard(body *upstream.Body) {
	if body != nil && body.File != nil {
		body.File.Close()
		os.Remove(body.File.Name())
	}
}

// slowReader bounds a body: its size, the pause between two pieces, and the rate.
type slowReader struct {
	r       io.Reader
	limits  Limits
	control *http.ResponseController
	limit   int64
	began   time.Time
	armed   time.Time
	size    int64
	ended   bool
}

func (s *slowReader) Read(p []byte) (int, error) {
	now := time.Now()
	if s.began.IsZero() {
		s.began = now
	}
	if d := s.limits.BodyPause; d > 0 && now.Sub(s.armed) > time.Second {
		s.armed = now
		if err := s.control.SetReadDeadline(now.Add(d)); err != nil {
			return 0, err
		}
	}
	n, err := s.r.Read(p)
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

// free takes the deadline off again: net/http watches the connection while the request
// is served.
func (s *slowReader) free() error {
	if s.armed.IsZero() {
		return nil
	}
	return s.control.SetReadDeadline(time.Time{})
}
