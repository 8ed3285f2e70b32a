package http1_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/gateway/http1"
)

func parse(text string) (http1.Head, error) {
	var h http1.Head
	n, _, err := http1.End([]byte(text), 0)
	if err != nil || n == 0 {
		return h, err
	}
	return h, h.ParseRequest([]byte(text)[:n])
}

func TestRequestsAreFramedInOneWay(t *testing.T) {
	const host = "Host: a\r\n"
	tests := []struct {
		name, head string
		err        error
		length     int64
		close      bool
	}{
		{"no body", "GET / HTTP/1.1\r\n" + host + "\r\n", nil, 0, false},
		{"length", "PUT /x?y HTTP/1.1\r\n" + host + "Content-Length: 12\r\n\r\n", nil, 12, false},
		{"chunked", "PUT / HTTP/1.1\r\n" + host + "transfer-encoding: Chunked\r\n\r\n", nil, http1.Chunked, false},
		{"close", "GET / HTTP/1.1\r\n" + host + "Connection: x, Close\r\n\r\n", nil, 0, true},
		{"old", "GET / HTTP/1.0\r\n\r\n", nil, 0, true},
		{"old kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", nil, 0, false},

		{"both lengths", "PUT / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", http1.ErrTwoLengths, 0, false},
		{"both lengths turned", "PUT / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", http1.ErrTwoLengths, 0, false},
		{"length twice", "PUT / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", http1.ErrTwoLengths, 0, false},
		{"signed length", "PUT / HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\n", http1.ErrLength, 0, false},
		{"list of lengths", "PUT / HTTP/1.1\r\n" + host + "Content-Length: 1, 1\r\n\r\n", http1.ErrLength, 0, false},
		{"long length", "PUT / HTTP/1.1\r\n" + host + "Content-Length: 1111111111111111111\r\n\r\n", http1.ErrLength, 0, false},
		{"other coding", "PUT / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", http1.ErrCoding, 0, false},
		{"coding by a trick", "PUT / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n", http1.ErrCoding, 0, false},
		{"chunked in 1.0", "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", http1.ErrCoding, 0, false},
		{"no host", "GET / HTTP/1.1\r\n\r\n", http1.ErrHost, 0, false},
		{"two hosts", "GET / HTTP/1.1\r\n" + host + host + "\r\n", http1.ErrHost, 0, false},
		{"bare LF", "GET / HTTP/1.1\nHost: a\n\n", http1.ErrLineEnd, 0, false},
		{"bare LF inside", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", http1.ErrLineEnd, 0, false},
		{"bare CR inside", "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", http1.ErrField, 0, false},
		{"folded", "GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n", http1.ErrFold, 0, false},
		{"space before the colon", "GET / HTTP/1.1\r\n" + host + "Content-Length : 1\r\n\r\n", http1.ErrField, 0, false},
		{"options without a comma", "GET / HTTP/1.1\r\n" + host + "Connection: x close\r\n\r\n", http1.ErrField, 0, false},
		{"no colon", "GET / HTTP/1.1\r\n" + host + "X\r\n\r\n", http1.ErrField, 0, false},
		{"NUL", "GET / HTTP/1.1\r\n" + host + "X: \x00\r\n\r\n", http1.ErrField, 0, false},
		{"version", "GET / HTTP/2.0\r\n" + host + "\r\n", http1.ErrVersion, 0, false},
		{"extra word", "GET / x HTTP/1.1\r\n" + host + "\r\n", http1.ErrVersion, 0, false},
		{"two spaces", "GET  / HTTP/1.1\r\n" + host + "\r\n", http1.ErrStartLine, 0, false},
		{"raw byte in the path", "GET /\xff HTTP/1.1\r\n" + host + "\r\n", http1.ErrStartLine, 0, false},
		{"empty line first", "\r\nGET / HTTP/1.1\r\n" + host + "\r\n", http1.ErrStartLine, 0, false},
		{"many fields", "GET / HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", http1.MaxFields) + "\r\n", http1.ErrTooMany, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := parse(tt.head)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err == nil && (h.Length != tt.length || h.Close != tt.close) {
				t.Errorf("length %d, close %v", h.Length, h.Close)
			}
		})
	}
}

func TestAnswersAreFramedInOneWay(t *testing.T) {
	tests := []struct {
		name, method, head string
		err                error
		length             int64
	}{
		{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", nil, 7},
		{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 7\r\n\r\n", nil, 7},
		{"of HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", nil, 0},
		{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", nil, 0},
		{"until close", "GET", "HTTP/1.1 200 OK\r\n\r\n", nil, http1.UntilClose},
		{"both", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n", http1.ErrTwoLengths, 0},
		{"status", "GET", "HTTP/1.1 20 OK\r\n\r\n", http1.ErrStartLine, 0},
		{"signed status", "GET", "HTTP/1.1 +20 OK\r\n\r\n", http1.ErrStartLine, 0},
		{"not HTTP", "GET", "SSH-2.0-x 200 y\r\n\r\n", http1.ErrVersion, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h http1.Head
			err := h.ParseResponse([]byte(tt.head), tt.method)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err == nil && h.Length != tt.length {
				t.Errorf("length %d", h.Length)
			}
		})
	}
}

func TestUpgradeNeedsConnectionToNameIt(t *testing.T) {
	for head, want := range map[string]string{
		"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n": "websocket",
		"Upgrade: h2c\r\nConnection: upgrade\r\n":                   "h2c",
		"Upgrade: websocket\r\nConnection: keep-alive\r\n":          "",
	} {
		h, err := parse("GET / HTTP/1.1\r\nHost: a\r\n" + head + "\r\n")
		if err != nil || string(h.Upgrade) != want {
			t.Errorf("%q: %q, %v", head, h.Upgrade, err)
		}
	}
}

// decode runs the bytes through Chunks in pieces of the given size.
func decode(in []byte, piece int) (content []byte, consumed int, done bool, err error) {
	var c http1.Chunks
	var buf []byte
	for len(in) > 0 || len(buf) > 0 {
		data, n, end, err := c.Next(buf)
		content, consumed, buf = append(content, data...), consumed+n, buf[n:]
		if err != nil || end {
			return content, consumed, end, err
		}
		if n == 0 {
			if len(in) == 0 {
				return content, consumed, false, nil
			}
			more := min(piece, len(in))
			buf, in = append(buf, in[:more]...), in[more:]
		}
	}
	return content, consumed, false, nil
}

func TestChunks(t *testing.T) {
	tests := []struct {
		name, in, want string
		done           bool
		err            error
	}{
		{"two", "5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n", "hello!", true, nil},
		{"trailer", "0\r\nX: y\r\n\r\n", "", true, nil},
		{"upper case", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789", true, nil},
		{"cut off", "5\r\nhel", "hel", false, nil},
		{"bare LF", "5\nhello\r\n", "", false, http1.ErrLineEnd},
		{"bare LF in the extension", "5;\nhello\r\n", "", false, http1.ErrLineEnd},
		{"no end of data", "5\r\nhelloX\r\n", "hello", false, http1.ErrChunk},
		{"sign", "+5\r\nhello\r\n", "", false, http1.ErrChunk},
		{"prefix", "0x5\r\nhello\r\n", "", false, http1.ErrChunk},
		{"space first", " 5\r\nhello\r\n", "", false, http1.ErrChunk},
		{"no size", "\r\nhello\r\n", "", false, http1.ErrChunk},
		{"huge", "1000000000000000\r\n", "", false, http1.ErrChunk},
		{"long extension", "5;" + strings.Repeat("x", 2000) + "\r\n", "", false, http1.ErrChunk},
		{"long trailer", "0\r\n" + strings.Repeat("X: "+strings.Repeat("y", 500)+"\r\n", 20) + "\r\n", "", false, http1.ErrTrailerSize},
		{"folded trailer", "0\r\n x\r\n\r\n", "", false, http1.ErrFold},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, piece := range []int{1, 3, 4096} {
				got, _, done, err := decode([]byte(tt.in), piece)
				if string(got) != tt.want || done != tt.done || !errors.Is(err, tt.err) {
					t.Errorf("in pieces of %d: %q, %v, %v", piece, got, done, err)
				}
			}
		})
	}
}

func TestParsingAllocatesNothing(t *testing.T) {
	head := []byte("POST /a/b HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n")
	var h http1.Head
	if n := testing.AllocsPerRun(100, func() {
		if err := h.ParseRequest(head); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzRequest holds that what is accepted keeps its promises.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add([]byte("POST /x HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		n, _, err := http1.End(in, 0)
		if err != nil || n == 0 {
			return
		}
		var h http1.Head
		if h.ParseRequest(in[:n]) != nil {
			return
		}
		if bytes.Contains(bytes.ReplaceAll(in[:n], []byte("\r\n"), nil), []byte("\n")) || h.Length < http1.Chunked {
			t.Errorf("accepted %q", in[:n])
		}
		lengths := 0
		for _, f := range h.Fields {
			if f.Is("content-length") || f.Is("transfer-encoding") {
				lengths++
			}
		}
		if lengths > 1 {
			t.Errorf("accepted %d lengths: %q", lengths, in[:n])
		}
	})
}

// FuzzChunks holds that pieces of any size decode alike.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\nX: y\r\n\r\nrest"), 2)
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		if piece < 1 || len(in) > 4096 {
			return
		}
		whole, n, done, err := decode(in, len(in)+1)
		parts, m, done2, err2 := decode(in, piece)
		if !bytes.Equal(whole, parts) || done != done2 || (err == nil) != (err2 == nil) || n != m {
			t.Errorf("%q in pieces of %d: %q %d %v %v, at once: %q %d %v %v", in, piece, parts, m, done2, err2, whole, n, done, err)
		}
	})
}
