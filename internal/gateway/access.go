package gateway

import (
	"io"
	"os"
	"strconv"
	"sync"
	"time"
)

// accessLog writes a line of JSON for each request. Lines are gathered and written
// together, at most a moment later: a write for each would cost more than the line. mu
// guards all of it.
type accessLog struct {
	mu     sync.Mutex
	out    io.Writer
	lines  []byte
	late   *time.Timer // writes what is gathered; runs while there is something
	second int64       // of stamp
	stamp  []byte      // the date and time of that second
}

const (
	accessPause = 100 * time.Millisecond
	accessBatch = 32 << 10
)

func newAccessLog(out io.Writer) *accessLog {
	if out == nil {
		out = os.Stderr
	}
	l := &accessLog{out: out, lines: make([]byte, 0, accessBatch+4<<10)}
	l.late = time.AfterFunc(accessPause, l.flush)
	return l
}

// flush writes what is gathered.
func (l *accessLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write()
}

// write does so with the lock held. A log that cannot be written is no reason to serve
// nobody.
func (l *accessLog) write() {
	if len(l.lines) > 0 {
		_, _ = l.out.Write(l.lines)
		l.lines = l.lines[:0]
	}
}

// line adds the line of one visit.
func (l *accessLog) line(v *visit, app string, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == 0 {
		l.late.Reset(accessPause)
	}
	b := append(l.time(l.lines, v.began.Add(took)), `","level":"INFO","msg":"access","request":`...)
	b = quote(b, v.id)
	b = quote(append(b, `,"app":`...), app)
	b = quote(append(b, `,"method":`...), v.method)
	b = quote(append(b, `,"host":`...), v.host)
	b = quote(append(b, `,"path":`...), v.path)
	b = quote(append(b, `,"proto":`...), v.proto)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(v.status), 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), v.bytes, 10)
	b = strconv.AppendInt(append(b, `,"took":`...), int64(took), 10)
	b = append(v.client.AppendTo(append(b, `,"from":"`...)), '"')
	if v.server != "" {
		b = quote(append(b, `,"server":`...), v.server)
	}
	if v.tries > 1 {
		b = strconv.AppendInt(append(b, `,"tries":`...), int64(v.tries), 10)
	}
	if v.cause != "" {
		b = quote(append(b, `,"cause":`...), v.cause)
	}
	l.lines = append(b, "}\n"...)
	if len(l.lines) >= accessBatch {
		l.write()
	}
}

// time begins a line. Most lines are of the same second as the one before.
func (l *accessLog) time(b []byte, at time.Time) []byte {
	if second := at.Unix(); second != l.second || l.stamp == nil {
		l.second = second
		l.stamp = at.UTC().AppendFormat(l.stamp[:0], "2006-01-02T15:04:05.")
	}
	b = append(append(b, `{"time":"`...), l.stamp...)
	micros := at.Nanosecond() / 1000
	for div := 100_000; div > 0; div /= 10 {
		b = append(b, byte('0'+micros/div%10))
	}
	return append(b, 'Z')
}

// quote writes a JSON string. What is not visible ASCII is written as the character of
// its byte, so that nothing a client sends can end a line or confuse a terminal.
func quote[T string | []byte](b []byte, s T) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c >= 0x7f:
			b = append(b, `\u00`...)
			b = append(b, hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
