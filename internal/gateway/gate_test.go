package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// pieces is a connection that brings bytes in pieces of a size.
type pieces struct {
	net.Conn
	in   []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.in)
	p.in = p.in[n:]
	return n, nil
}

func (p *pieces) SetReadDeadline(time.Time) error { return nil }

// through gives what passes a gate.
func through(in []byte, size int) []byte {
	out, _ := io.ReadAll(&gate{Conn: &pieces{in: bytes.Clone(in), size: size}, maxHead: 4096, headTime: time.Hour})
	return out
}

// FuzzGate holds that only whole heads pass, that net/http frames them as the gate does,
// and that it makes no difference in which pieces the bytes come.
func FuzzGate(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\nHost: a\n\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		if size < 1 || len(in) > 8192 || bytes.Contains(bytes.ToLower(in), []byte("upgrade")) {
			return
		}
		out := through(in, len(in)+1)
		if other := through(in, size); !bytes.Equal(out, other) {
			t.Fatalf("%q at once, %q in pieces of %d", out, other, size)
		}
		passed, refusedAtEnd := strings.CutSuffix(string(out), refusedText)
		if !bytes.HasPrefix(in, []byte(passed)) {
			t.Fatalf("%q became %q", in, out)
		}
		heads := 0
		for r := bufio.NewReader(bytes.NewReader(out)); ; heads++ {
			req, err := http.ReadRequest(r)
			if err == io.EOF {
				break
			}
			if err != nil {
				if strings.HasPrefix(err.Error(), "parse ") || strings.Contains(err.Error(), "malformed Host") || strings.Contains(err.Error(), "invalid method") {
					return // net/http refuses more, and that is fine
				}
				t.Fatalf("%q passed as head %d of %q, and net/http says %v", in, heads, out, err)
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return // a body that was cut short
			}
			if req.Method == refusedMethod && refusedAtEnd && r.Buffered() == 0 {
				return
			}
		}
	})
}
