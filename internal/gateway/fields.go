package gateway

import (
	"bytes"
	"strings"

	"github.com/paceline/paceline/internal/gateway/http1"
)

// fields is what a visit's fields say to the gateway, found in one look at them.
type fields struct {
	kinds   []kind // of each field
	id      []byte
	key     []byte // Idempotency-Key; nil: none
	expect  []byte
	upgrade bool // there is an Upgrade field
	cookie  bool // there may be a cookie of ours
}

// kind says what becomes of a field on its way to a server.
type kind uint8

const (
	passes kind = iota
	stays       // of the connection, or written by the gateway itself
	bound       // passes even when Connection names it
)

// kindOf knows the names that mean something in a request.
func kindOf(f http1.Field) kind {
	stay := hopByHop(f)
	switch len(f.Name) {
	case 4:
		stay = f.Is("host")
	case 6:
		stay = f.Is("expect")
	case 9:
		stay = f.Is("x-real-ip") || f.Is("forwarded")
	case 14:
		stay = f.Is("content-length")
	case 15:
		if f.Is("idempotency-key") {
			return bound
		}
	case 19:
		stay = f.Is("proxy-authorization")
	}
	if stay || f.Is("x-request-id") || isForwarded(f) {
		return stays
	}
	return passes
}

// hopByHop says whether the field is one of a connection (RFC 9110 section 7.6.1).
func hopByHop(f http1.Field) bool {
	switch len(f.Name) {
	case 2:
		return f.Is("te")
	case 7:
		return f.Is("trailer") || f.Is("upgrade")
	case 10:
		return f.Is("connection") || f.Is("keep-alive")
	case 16:
		return f.Is("proxy-connection")
	case 17:
		return f.Is("transfer-encoding")
	}
	return false
}

func isForwarded(f http1.Field) bool {
	const prefix = "x-forwarded-"
	return len(f.Name) >= len(prefix) && http1.Field{Name: f.Name[:len(prefix)]}.Is(prefix)
}

// look reads every field once, and finds what is wrong with the request before it is
// routed. The front has seen to its frame.
func (v *visit) look() *refusal {
	v.fields = fields{kinds: v.fields.kinds[:0]}
	for _, f := range v.head.Fields {
		v.fields.kinds = append(v.fields.kinds, kindOf(f))
		if why := v.lookAt(f); why != nil {
			return why
		}
	}
	return v.refused()
}

// lookAt remembers a field that the gateway acts on. It refuses those that are taken to
// mean more on the way behind this gateway than they do here.
func (v *visit) lookAt(f http1.Field) *refusal {
	switch len(f.Name) {
	case 2, 10, 16, 17:
		if v.proto == "HTTP/2.0" {
			return ofAConnection(f)
		}
	case 6:
		if f.Is("expect") {
			v.fields.expect = f.Value
		}
		v.fields.cookie = v.fields.cookie || f.Is("cookie")
	case 7:
		v.fields.upgrade = v.fields.upgrade || f.Is("upgrade")
		if f.Is("trailer") && framesIn(f.Value) {
			return badRequest("a trailer that would frame the message")
		}
	case 12:
		if f.Is("x-request-id") {
			v.fields.id = f.Value
		}
	case 14:
		if f.Is("http2-settings") {
			return badRequest("an upgrade to HTTP/2")
		}
	case 15:
		if f.Is("idempotency-key") {
			if v.fields.key != nil {
				return badRequest("more than one " + idempotencyKey)
			}
			v.fields.key = f.Value
		}
	}
	if bytes.IndexByte(f.Name, '_') >= 0 && trusted(strings.ReplaceAll(string(f.Name), "_", "-")) {
		return badRequest("a field that passes for a trusted one")
	}
	return nil
}

// framesIn says whether a list of trailers names one that may not be (RFC 9110 section
// 6.5.1).
func framesIn(list []byte) (found bool) {
	http1.Options(list, func(option []byte) {
		f := http1.Field{Name: option}
		found = found || f.Is("transfer-encoding") || f.Is("content-length") || f.Is("trailer")
	})
	return found
}

// ofAConnection refuses what HTTP/2 has other means for (RFC 9113 section 8.2.2).
func ofAConnection(f http1.Field) *refusal {
	switch {
	case f.Is("connection"), f.Is("keep-alive"), f.Is("proxy-connection"), f.Is("transfer-encoding"):
		return badRequest(string(f.Name) + " in HTTP/2")
	case f.Is("te") && string(f.Value) != "trailers":
		return badRequest("TE in HTTP/2")
	}
	return nil
}

// field gives the value of the first field with the name, in lower case.
func (v *visit) field(name string) []byte {
	for _, f := range v.head.Fields {
		if f.Is(name) {
			return f.Value
		}
	}
	return nil
}

// list joins the values of all fields with the name.
func (v *visit) list(name string) (joined []byte) {
	for _, f := range v.head.Fields {
		if f.Is(name) {
			if joined != nil {
				joined = append(joined, ", "...)
			}
			joined = append(joined, f.Value...)
		}
	}
	return joined
}

// named says whether a Connection field of the head names the field.
func named(head *http1.Head, name []byte) (found bool) {
	for _, f := range head.Fields {
		if f.Is("connection") {
			http1.Options(f.Value, func(option []byte) { found = found || bytes.EqualFold(option, name) })
		}
	}
	return found
}

// goesOn says whether the field i of the request is sent to the server.
func (v *visit) goesOn(i int) bool {
	switch v.fields.kinds[i] {
	case stays:
		return false
	case bound:
		return true
	}
	return !v.head.Named || !named(v.head, v.head.Fields[i].Name)
}

// comesBack says whether a field of a server's answer goes to the client. The length of
// the content is written by the front.
func comesBack(head *http1.Head, f http1.Field) bool {
	return !hopByHop(f) && !f.Is("content-length") && !f.Is("proxy-authenticate") && !(head.Named && named(head, f.Name))
}
