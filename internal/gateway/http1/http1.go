// Package http1 reads the frame of HTTP/1.1 messages (RFC 9112) and nothing else: where
// a head ends, what its fields are, how long the body is.
//
// It is strict, because two parsers that read the same bytes differently are how requests
// are smuggled. What always holds for a head that was accepted:
//
//   - every line ends in CR LF, no line is folded, names are tokens right before the colon;
//   - there is one way to know how long the body is: one Content-Length of digits only, or
//     the transfer coding chunked alone, never both;
//   - a request of HTTP/1.1 has exactly one Host.
//
// It reads no connection, keeps no memory of its own and allocates nothing once its
// slices have grown. Fields point into the caller's bytes.
package http1

import (
	"bytes"
	"strconv"
)

// Bounds of a head that are not the caller's to choose.
const (
	MaxFields    = 128
	maxDigits    = 18   // of a Content-Length
	maxChunkLine = 1024 // of a chunk's size with its extensions
	maxTrailer   = 8 << 10
)

// How long a body is when Length is not a number of bytes.
const (
	Chunked    int64 = -1
	UntilClose int64 = -2 // answers only
)

// Error is what a message broke; it is fit for a log line and for the sender.
type Error string

func (e Error) Error() string { return string(e) }

// The ways to break a message.
const (
	ErrLineEnd     Error = "a line that does not end in CR LF"
	ErrStartLine   Error = "malformed start line"
	ErrVersion     Error = "a version other than HTTP/1.0 and HTTP/1.1"
	ErrField       Error = "malformed header field"
	ErrFold        Error = "folded header field"
	ErrTooMany     Error = "too many header fields"
	ErrHost        Error = "not exactly one Host"
	ErrLength      Error = "malformed Content-Length"
	ErrTwoLengths  Error = "more than one length of the body"
	ErrCoding      Error = "a transfer coding other than chunked"
	ErrChunk       Error = "malformed chunk"
	ErrTrailerSize Error = "trailers that are too large"
)

// Field is one header field. Its name is as it was sent.
type Field struct{ Name, Value []byte }

// Is compares the name as HTTP does; name must be in lower case.
func (f Field) Is(name string) bool { return equalFold(f.Name, name) }

// Head is a parsed head. A Head may be used again for the next message.
type Head struct {
	Method, Target []byte // of a request
	Status         int    // of an answer
	Minor          int    // HTTP/1.Minor
	Fields         []Field

	Length  int64  // bytes of the body, Chunked or UntilClose
	Close   bool   // the sender closes the connection after this message
	Named   bool   // Connection names fields that belong to it, beside Upgrade and Keep-Alive
	Upgrade []byte // the protocol asked for or agreed to; nil unless Connection names it
}

// End looks for the end of a head in b, the bytes received so far. resume is where the
// search goes on when more has come: hand it back as from. It returns the length of the
// head with its empty line, or 0 while that is not there.
func End(b []byte, from int) (n, resume int, err error) {
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return 0, from, nil
		}
		if i == 0 || b[from+i-1] != '\r' {
			return 0, from, ErrLineEnd
		}
		if i == 1 {
			return from + 2, from, nil
		}
		from += i + 1
	}
}

// ParseRequest parses b, one whole head as End found it.
func (h *Head) ParseRequest(b []byte) error {
	line, rest := cut(b)
	method, line, ok := bytes.Cut(line, []byte{' '})
	target, version, ok2 := bytes.Cut(line, []byte{' '})
	if !ok || !ok2 || !isToken(method) || !isTarget(target) {
		return ErrStartLine
	}
	*h = Head{Method: method, Target: target, Fields: h.Fields[:0]}
	if err := h.version(version); err != nil {
		return err
	}
	hosts, err := h.fields(rest)
	if err != nil {
		return err
	}
	if hosts > 1 || hosts == 0 && h.Minor == 1 {
		return ErrHost
	}
	if h.Length == UntilClose {
		h.Length = 0
	}
	return nil
}

// ParseResponse parses b, the head of the answer to a request with the given method.
func (h *Head) ParseResponse(b []byte, method string) error {
	line, rest := cut(b)
	version, line, _ := bytes.Cut(line, []byte{' '})
	code, reason, _ := bytes.Cut(line, []byte{' '})
	status, err := strconv.ParseUint(string(code), 10, 16)
	if err != nil || len(code) != 3 || status < 100 || !isValue(reason) {
		return ErrStartLine
	}
	*h = Head{Status: int(status), Fields: h.Fields[:0]}
	if err := h.version(version); err != nil {
		return err
	}
	if _, err := h.fields(rest); err != nil {
		return err
	}
	if method == "HEAD" || status < 200 || status == 204 || status == 304 {
		h.Length = 0
	}
	return nil
}

func (h *Head) version(b []byte) error {
	switch string(b) {
	case "HTTP/1.1":
		h.Minor = 1
	case "HTTP/1.0":
		h.Close = true
	default:
		return ErrVersion
	}
	return nil
}

// fields parses the lines after the first, and what they say about the frame.
func (h *Head) fields(b []byte) (hosts int, err error) {
	h.Length = UntilClose
	var upgrade []byte
	var switching bool
	for {
		var line []byte
		if line, b = cut(b); len(line) == 0 {
			break
		}
		f, err := parseField(line)
		if err != nil {
			return 0, err
		}
		if len(h.Fields) == MaxFields {
			return 0, ErrTooMany
		}
		h.Fields = append(h.Fields, f)
		switch len(f.Name) {
		case len("host"):
			if f.Is("host") {
				hosts++
			}
		case len("upgrade"):
			if f.Is("upgrade") {
				upgrade = f.Value
			}
		case len("connection"):
			if f.Is("connection") {
				var upgrading bool
				upgrading, err = h.connection(f.Value)
				switching = switching || upgrading
			}
		case len("content-length"):
			if f.Is("content-length") {
				err = h.length(f.Value)
			}
		case len("transfer-encoding"):
			if f.Is("transfer-encoding") {
				err = h.coding(f.Value)
			}
		}
		if err != nil {
			return 0, err
		}
	}
	if switching {
		h.Upgrade = upgrade
	}
	return hosts, nil
}

func (h *Head) length(v []byte) error {
	if h.Length != UntilClose {
		return ErrTwoLengths
	}
	if len(v) == 0 || len(v) > maxDigits {
		return ErrLength
	}
	var n int64
	for _, c := range v {
		if c < '0' || c > '9' {
			return ErrLength
		}
		n = n*10 + int64(c-'0')
	}
	h.Length = n
	return nil
}

func (h *Head) coding(v []byte) error {
	switch {
	case h.Length != UntilClose:
		return ErrTwoLengths
	case h.Minor == 0 || !equalFold(v, "chunked"):
		return ErrCoding
	}
	h.Length = Chunked
	return nil
}

// connection reads the options of a Connection field and says whether Upgrade is one.
func (h *Head) connection(v []byte) (upgrade bool, err error) {
	Options(v, func(option []byte) {
		switch {
		case !isToken(option): // some would find two options in "x close"
			err = ErrField
		case equalFold(option, "close"):
			h.Close = true
		case equalFold(option, "keep-alive"):
			h.Close = h.Close && h.Minor == 1
		case equalFold(option, "upgrade"):
			upgrade = true
		default:
			h.Named = true
		}
	})
	return upgrade, err
}

// Options calls visit for each member of a list such as the value of Connection.
func Options(v []byte, visit func([]byte)) {
	for len(v) > 0 {
		var option []byte
		option, v, _ = bytes.Cut(v, []byte{','})
		if option = trim(option); len(option) > 0 {
			visit(option)
		}
	}
}

func parseField(line []byte) (Field, error) {
	if line[0] == ' ' || line[0] == '\t' {
		return Field{}, ErrFold
	}
	i := bytes.IndexByte(line, ':')
	if i <= 0 || !isToken(line[:i]) {
		return Field{}, ErrField
	}
	f := Field{line[:i:i], trim(line[i+1:])}
	if !isValue(f.Value) {
		return Field{}, ErrField
	}
	return f, nil
}

// cut takes one line, without its end, from a head whose line ends End has seen.
func cut(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 1 {
		return nil, nil
	}
	return b[:i-1], b[i+1:]
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// tokens are the characters of a token (RFC 9110 section 5.6.2).
var tokens = func() (t [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		t[c] = true
	}
	return t
}()

func isToken(b []byte) bool {
	for _, c := range b {
		if !tokens[c] {
			return false
		}
	}
	return len(b) > 0
}

// isTarget says whether b may be a request target: visible ASCII only.
func isTarget(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(b) > 0
}

// isValue says whether b may be a field's value: no control character but the tab.
func isValue(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
