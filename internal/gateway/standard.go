package gateway

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/gateway/http1"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// standard is the client of a request that net/http has read: over HTTP/2, or where the
// configuration asks for it over HTTP/1.1, behind a gate.
type standard struct {
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	pause   time.Duration // that a body may make
	head    http1.Head
	text    []byte // that head points into
	visit   visit
}

var standards = sync.Pool{New: func() any { return new(standard) }}

// ServeHTTP takes over from net/http.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := standards.Get().(*standard)
	defer standards.Put(s)
	s.w, s.r, s.control, s.pause = w, r, http.NewResponseController(w), f.gateway.cfg.Limits.BodyPause
	v := &s.visit
	*v = visit{ctx: r.Context(), head: &s.head, proto: r.Proto, peer: addressOf(r.RemoteAddr), secure: r.TLS != nil, began: time.Now(),
		fields: fields{kinds: v.fields.kinds}}
	if g, ok := r.Context().Value(connKey{}).(*gate); ok {
		v.secure = g.secure
		if r.Method == refusedMethod { // the last on its connection, which the gate made up
			v.refusal = g.refusal.Load()
		}
	}
	if why := s.read(); v.refusal == nil {
		v.refusal = why
	}
	v.arrive()
	f.gateway.serve(v, s)
}

// read puts the request into the form of HTTP/1.1, for there to be one way to look at it.
func (s *standard) read() *refusal {
	r := s.r
	b := append(append(append(s.text[:0], r.Method...), ' '), r.RequestURI...)
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), r.Host...), "\r\n"...)
	for name, values := range r.Header {
		for _, value := range values {
			b = appendField(b, http1.Field{Name: []byte(name), Value: []byte(value)})
		}
	}
	s.text = append(b, "\r\n"...)
	if err := s.head.ParseRequest(s.text); err != nil {
		return badRequest(err.Error())
	}
	s.head.Length = r.ContentLength
	if r.Body == nil || r.Body == http.NoBody {
		s.head.Length = 0
	}
	return nil
}

func (s *standard) Read(p []byte) (int, error)         { return s.r.Body.Read(p) }
func (s *standard) SetReadDeadline(by time.Time) error { return s.control.SetReadDeadline(by) }

func (s *standard) abort() { panic(http.ErrAbortHandler) }

func (s *standard) hijack() (net.Conn, io.Reader, error) {
	c, buffered, err := s.control.Hijack()
	if err != nil {
		return nil, nil, err
	}
	return c, buffered.Reader, nil
}

func (s *standard) own(v *visit, a ownAnswer) {
	h := s.w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.text)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set(requestID, string(v.id))
	if a.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(a.retry.Seconds())))
	}
	s.closing(v)
	if s.head.Length != 0 && s.pause > 0 { // net/http reads on, up to 256 KiB
		_ = s.SetReadDeadline(time.Now().Add(s.pause))
	}
	s.w.WriteHeader(a.status)
	_, _ = s.w.Write(a.text) // a client that is gone needs no answer
}

func (s *standard) closing(v *visit) {
	if v.close && s.r.ProtoMajor == 1 {
		s.w.Header().Set("Connection", "close")
	}
}

func (s *standard) pass(v *visit, resp *upstream.Response, cookie string) {
	s.copyHead(resp)
	if cookie != "" {
		s.w.Header().Add("Set-Cookie", cookie)
	}
	s.closing(v)
	s.w.WriteHeader(v.status)
	if content, ok := resp.Held(); ok {
		n, _ := s.w.Write(content) // a client that is gone needs nothing more
		v.bytes = int64(n)
		return
	}
	s.stream(v, resp)
}

// copyHead takes over the answer's fields but those of the server's connection.
func (s *standard) copyHead(resp *upstream.Response) {
	h, bodiless := s.w.Header(), s.r.Method == http.MethodHead || resp.Head.Status == http.StatusNotModified
	for _, f := range resp.Head.Fields {
		if comesBack(resp.Head, f) || bodiless && f.Is("content-length") {
			name := http.CanonicalHeaderKey(string(f.Name))
			h[name] = append(h[name], string(f.Value))
		}
	}
	if n := resp.Length(); n >= 0 && !bodiless && resp.Head.Status != http.StatusNoContent {
		h["Content-Length"] = []string{strconv.FormatInt(n, 10)}
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // none is none: nothing is guessed here
	}
}

// stream passes the content on as it comes. An answer that stays incomplete breaks the
// client's connection or stream, so that it can tell.
func (s *standard) stream(v *visit, resp *upstream.Response) {
	flush := resp.Length() < 0
	if flush {
		_ = s.control.Flush() // the head of an event stream; a write tells of a client that is gone
	}
	for {
		data, done, err := resp.Next()
		if err != nil {
			v.cause = err.Error()
			if resp.Events() && upstream.Ended(err) {
				return // the end of a stream; its client connects again
			}
			s.abort()
		}
		n, err := s.w.Write(data)
		v.bytes += int64(n)
		if err == nil && flush && len(data) > 0 {
			err = s.control.Flush()
		}
		switch {
		case err != nil && !errors.Is(err, http.ErrBodyNotAllowed):
			v.cause = err.Error()
			return
		case done:
			return
		}
	}
}
