package gateway

import (
	"bytes"
	"net/http"
	"net/netip"
	"strings"
)

// refusal is why a request goes no further, and the status that says so.
type refusal struct {
	status int
	why    string
}

var tooLarge = &refusal{http.StatusRequestHeaderFieldsTooLarge, "the head of the request is too large"}

func badRequest(why string) *refusal { return &refusal{http.StatusBadRequest, why} }

// refused finds what is wrong with the request beside its fields.
func (v *visit) refused() *refusal {
	switch {
	case v.method == "CONNECT" || v.method == "TRACE" || v.method == refusedMethod:
		return &refusal{http.StatusMethodNotAllowed, v.method + " is not served"}
	case bytes.IndexByte(v.query, '#') >= 0:
		return badRequest("malformed target")
	case !plainPath(v.path):
		return badRequest("a path that is not in its plain form")
	case len(v.host) == 0 || len(v.host) > 255 || !isHost(v.host):
		return badRequest("malformed Host")
	case v.fields.upgrade && !v.isWebSocket():
		return badRequest("an Upgrade other than websocket")
	case v.fields.expect != nil && !bytes.EqualFold(v.fields.expect, []byte("100-continue")):
		return &refusal{http.StatusExpectationFailed, "an expectation other than 100-continue"}
	}
	return nil
}

// trusted says whether servers believe a field because the gateway wrote it.
func trusted(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "x-forwarded-") || name == "x-real-ip" || name == "forwarded" ||
		name == "idempotency-key" || name == "x-request-id" || name == "content-length" || name == "transfer-encoding"
}

// isWebSocket says whether the request is a complete handshake and nothing else.
func (v *visit) isWebSocket() bool {
	upgrades := 0
	for _, f := range v.head.Fields {
		if f.Is("upgrade") {
			upgrades++
		}
	}
	return v.method == "GET" && v.proto == "HTTP/1.1" && upgrades == 1 && bytes.EqualFold(v.head.Upgrade, []byte("websocket")) &&
		len(v.field("sec-websocket-key")) > 0 && v.head.Length == 0
}

// plainPath says whether a path, as sent, means the same to everybody: it has no empty,
// "." or ".." segment, no backslash, and nothing percent-encoded that would make one, end
// it or be a control character. Two servers that clean paths differently then still agree
// on who is asked for what.
func plainPath(path []byte) bool {
	if len(path) == 0 || path[0] != '/' {
		return false
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c <= ' ' || c >= 0x7f || c == '\\' || c == '#':
			return false
		case c == '/':
			if rest := path[i+1:]; len(rest) > 0 && (rest[0] == '/' || rest[0] == '.' && dots(rest)) {
				return false
			}
		case c == '%':
			if i+2 >= len(path) || !plainByte(unhex(path[i+1]), unhex(path[i+2])) {
				return false
			}
			i += 2
		}
	}
	return true
}

// dots says whether a path begins with a segment of one or two dots.
func dots(rest []byte) bool {
	segment, _, _ := bytes.Cut(rest, []byte{'/'})
	return string(segment) == "." || string(segment) == ".."
}

// plainByte says whether a byte may be percent-encoded in a path.
func plainByte(high, low int) bool {
	c := high<<4 | low
	return high >= 0 && low >= 0 && c > ' '-1 && c != 0x7f && c != '.' && c != '/' && c != '\\'
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func visible(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(b) > 0
}

// isHost says whether b is a name or an address with or without a port, and nothing else.
func isHost(b []byte) bool {
	name, port := b, []byte(nil)
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return false
		}
		a, err := netip.ParseAddr(string(b[1:end]))
		if err != nil || !a.Is6() || a.Zone() != "" {
			return false
		}
		name, port = nil, b[end+1:]
		if len(port) > 0 && port[0] != ':' {
			return false
		}
	} else if i := bytes.IndexByte(b, ':'); i >= 0 {
		name, port = b[:i], b[i:]
	}
	for _, c := range name {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	for _, c := range bytes.TrimPrefix(port, []byte{':'}) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(port) <= len(":65535") && (len(name) > 0 || b[0] == '[')
}

// mayBeHost says whether b has only characters of a URI's host (RFC 3986 section 3.2.2): a
// Host that does not count has to be one nevertheless.
func mayBeHost(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && strings.IndexByte("!$%&'()*+,-.:;=[]_~", c) < 0 {
			return false
		}
	}
	return true
}
