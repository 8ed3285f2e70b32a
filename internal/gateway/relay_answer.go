package gateway

import (
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/paceline/paceline/internal/gateway/upstream"
)

// oneWrite is how much content goes out in the same buffer as the head. More is not
// copied, but goes out in the same call where the system can do that.
const oneWrite = 8 << 10

func (c *relay) own(v *visit, a ownAnswer) {
	b := appendStatus(c.out[:0], a.status)
	b = append(append(b, "Content-Type: "...), a.kind...)
	b = append(append(b, "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"+requestID+": "...), v.id...)
	if a.retry > 0 {
		b = strconv.AppendInt(append(b, "\r\nRetry-After: "...), int64(a.retry.Seconds()), 10)
	}
	b = appendLength(append(b, "\r\n"...), int64(len(a.text)))
	b = c.endHead(appendDate(b))
	if v.method != http.MethodHead {
		b = append(b, a.text...)
	}
	c.out = b
	c.write(b)
}

func (c *relay) pass(v *visit, resp *upstream.Response, cookie string) {
	bodiless := v.method == http.MethodHead || v.status == http.StatusNotModified
	b, dated := appendStatus(c.out[:0], v.status), false
	for _, f := range resp.Head.Fields {
		if comesBack(resp.Head, f) || bodiless && f.Is("content-length") {
			b = appendField(b, f)
		}
		dated = dated || f.Is("date")
	}
	if !dated {
		b = appendDate(b)
	}
	if cookie != "" {
		b = append(append(append(b, "Set-Cookie: "...), cookie...), "\r\n"...)
	}
	length := resp.Length()
	switch {
	case bodiless || v.status == http.StatusNoContent:
	case length >= 0:
		b = appendLength(b, length)
	case c.head.Minor == 1:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	default:
		v.close = true // which tells the client where the content ends
	}
	c.out = c.endHead(b)
	if content, ok := resp.Held(); ok {
		if c.write(c.out, content) {
			v.bytes = int64(len(content))
		}
		return
	}
	c.stream(v, resp)
}

// stream passes the content on as it comes, behind the head that is in out. An answer that
// stays incomplete breaks the connection, so that the client can tell.
func (c *relay) stream(v *visit, resp *upstream.Response) {
	length := resp.Length()
	chunked := length < 0 && c.head.Minor == 1
	if resp.Events() {
		c.write(c.out) // the first event may be long in coming
		c.out = c.out[:0]
	}
	for !c.broken {
		data, done, err := resp.Next()
		if ended := err != nil && resp.Events() && upstream.Ended(err); ended {
			v.cause, done = err.Error(), true // the client connects again
		} else if err != nil {
			v.cause = err.Error()
			c.abort()
			return
		}
		c.chunk(data, chunked, done)
		v.bytes += int64(len(data))
		if done || c.broken {
			return
		}
		if c.tcp != nil && length >= 0 && resp.Spliceable() {
			n, err := resp.Splice(c.tcp, c.front.gateway.cfg.Limits.WritePause)
			c.writeBy = time.Time{}
			if v.bytes += n; err != nil {
				v.cause = err.Error()
				c.abort()
			}
			return
		}
	}
}

// chunk writes a piece of content behind what is in out.
func (c *relay) chunk(data []byte, framed, last bool) {
	switch {
	case !framed:
		c.write(c.out, data)
		c.out = c.out[:0]
		return
	case len(data) > 0:
		b := append(strconv.AppendInt(c.out, int64(len(data)), 16), "\r\n"...)
		c.out = append(append(b, data...), "\r\n"...)
	}
	if last {
		c.out = append(c.out, "0\r\n\r\n"...)
	}
	c.write(c.out)
	c.out = c.out[:0]
}

// write sends head and content, if any, and says whether the client took them.
func (c *relay) write(head []byte, content ...[]byte) bool {
	if c.broken || len(head) == 0 && len(content) == 0 {
		return !c.broken
	}
	c.mayWrite(c.front.gateway.cfg.Limits.WritePause)
	var err error
	switch {
	case len(content) == 0:
		_, err = c.conn.Write(head)
	case len(content[0]) <= oneWrite || c.tcp == nil:
		c.out = append(head, content[0]...)
		_, err = c.conn.Write(c.out)
	default:
		parts := net.Buffers{head, content[0]}
		_, err = parts.WriteTo(c.tcp)
	}
	c.broken = err != nil
	return err == nil
}

// mayWrite bounds how long the client may take nothing, to about d.
func (c *relay) mayWrite(d time.Duration) {
	if by := time.Now().Add(d); d > 0 && (c.writeBy.Before(by) || c.writeBy.Sub(by) > time.Second) {
		c.writeBy = by.Add(min(d/10, time.Second))
		c.conn.SetWriteDeadline(c.writeBy)
	}
}

// endHead says what becomes of the connection. It is not worth a large body that nobody
// wants.
func (c *relay) endHead(b []byte) []byte {
	c.visit.close = c.visit.close || c.unread() > relayLeft
	switch {
	case c.visit.close:
		b = append(b, "Connection: close\r\n"...)
	case c.head.Minor == 0:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(b, "\r\n"...)
}

func appendStatus(b []byte, status int) []byte {
	if status == http.StatusOK {
		return append(b, "HTTP/1.1 200 OK\r\n"...)
	}
	b = append(strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(status), 10), ' ')
	return append(append(b, http.StatusText(status)...), "\r\n"...)
}

func appendLength(b []byte, n int64) []byte {
	return append(strconv.AppendInt(append(b, "Content-Length: "...), n, 10), "\r\n"...)
}

func appendDate(b []byte) []byte {
	return append(time.Now().UTC().AppendFormat(append(b, "Date: "...), http.TimeFormat), "\r\n"...)
}
