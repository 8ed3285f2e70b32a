package gateway

import (
	"net/http"
	"strings"
)

// refusal is why a request goes no further, and the status that says so.
type refusal struct {
	status int
	why    string
}

func badRequest(why string) refusal { return refusal{http.StatusBadRequest, why} }

// refused finds what is wrong with a request before it is routed; path is its path as
// sent. net/http and the gate have seen to its frame.
func refused(r *http.Request, path string) (refusal, bool) {
	switch {
	case r.Method == refusedMethod:
		if g, ok := r.Context().Value(connKey{}).(*gate); ok {
			if why := g.refusal.Load(); why != nil {
				return *why, true
			}
		}
		return refusal{http.StatusMethodNotAllowed, "method not allowed"}, true
	case r.Method == http.MethodConnect || r.Method == http.MethodTrace:
		return refusal{http.StatusMethodNotAllowed, r.Method + " is not served"}, true
	case !isToken(r.Method):
		return badRequest("malformed method"), true
	case !visible(r.RequestURI) || strings.Contains(r.RequestURI, "#"):
		return badRequest("malformed target"), true
	case !plainPath(path):
		return badRequest("a path that is not in its plain form"), true
	case r.Host == "" || len(r.Host) > 255 || strings.ContainsFunc(r.Host, notHost):
		return badRequest("malformed Host"), true
	}
	return refusedHeader(r)
}

// refusedHeader finds fields that are taken to mean more on the way behind this gateway
// than they do here.
func refusedHeader(r *http.Request) (refusal, bool) {
	for name, values := range r.Header {
		switch name {
		case "Upgrade":
			if r.ProtoMajor != 1 || !isWebSocket(r) {
				return badRequest("an Upgrade other than websocket"), true
			}
		case "Http2-Settings":
			return badRequest("an upgrade to HTTP/2"), true
		case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding":
			if r.ProtoMajor == 2 {
				return badRequest(name + " in HTTP/2"), true
			}
		case "Te":
			if r.ProtoMajor == 2 && (len(values) != 1 || values[0] != "trailers") {
				return badRequest("TE in HTTP/2"), true
			}
		case idempotencyKey:
			if len(values) > 1 {
				return badRequest("more than one " + idempotencyKey), true
			}
		default:
			if strings.IndexByte(name, '_') >= 0 && trusted(strings.ReplaceAll(name, "_", "-")) {
				return badRequest("a field that passes for a trusted one"), true
			}
		}
	}
	return refusal{}, false
}

// trusted says whether servers believe a field because the gateway wrote it.
func trusted(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "x-forwarded-") || name == "x-real-ip" || name == "forwarded" ||
		name == "idempotency-key" || name == "x-request-id" || name == "content-length" || name == "transfer-encoding"
}

func isWebSocket(r *http.Request) bool {
	up := r.Header["Upgrade"]
	return r.Method == http.MethodGet && len(up) == 1 && strings.EqualFold(up[0], "websocket") &&
		r.Header.Get("Sec-Websocket-Key") != "" && r.ContentLength == 0 && hasOption(r.Header["Connection"], "upgrade")
}

func hasOption(values []string, option string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), option) {
				return true
			}
		}
	}
	return false
}

// plainPath says whether a path, as sent, means the same to everybody: it has no empty,
// "." or ".." segment, no backslash, and nothing percent-encoded that would make one, end
// it or be a control character. Two servers that clean paths differently then still agree
// on who is asked for what.
func plainPath(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c <= ' ' || c >= 0x7f || c == '\\' || c == '#':
			return false
		case c == '/':
			rest := path[i+1:]
			if strings.HasPrefix(rest, "/") || dots(rest) {
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
func dots(rest string) bool {
	segment, _, _ := strings.Cut(rest, "/")
	return segment == "." || segment == ".."
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

func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}

func notHost(c rune) bool {
	return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("-._:[]", c)
}
