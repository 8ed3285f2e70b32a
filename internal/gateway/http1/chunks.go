package http1

import "bytes"

// Chunks follows a body in the transfer coding chunked (RFC 9112 section 7.1), however
// its bytes arrive. The zero value is at the first chunk. Trailers are passed over.
type Chunks struct {
	at      part
	left    int64 // of the chunk's data
	trailer int   // bytes of trailers so far
}

type part uint8

const (
	atSize part = iota
	atData
	atDataEnd
	atTrailer
	atEnd
)

// Next takes one piece of the body from the front of b: n bytes, of which data is
// content. n is 0 when b is too short for the next piece: call again with more. done
// says that the body has ended with this piece.
func (c *Chunks) Next(b []byte) (data []byte, n int, done bool, err error) {
	switch c.at {
	case atSize:
		n, err = c.size(b)
	case atData:
		n = int(min(int64(len(b)), c.left))
		data = b[:n]
		if c.left -= int64(n); c.left == 0 {
			c.at = atDataEnd
		}
	case atDataEnd:
		if len(b) > 0 && b[0] != '\r' || len(b) > 1 && b[1] != '\n' {
			return nil, 0, false, ErrChunk
		}
		if len(b) >= 2 {
			n, c.at = 2, atSize
		}
	case atTrailer:
		n, err = c.trailers(b)
	}
	return data, n, c.at == atEnd, err
}

// size reads the line before a chunk's data. Extensions are allowed and mean nothing.
func (c *Chunks) size(b []byte) (n int, err error) {
	line, n, err := chunkLine(b, maxChunkLine, ErrChunk)
	if n == 0 || err != nil {
		return 0, err
	}
	digits, extension, _ := bytes.Cut(line, []byte{';'})
	digits = trim(digits)
	if len(digits) == 0 || len(digits) > 15 || line[0] == ' ' || line[0] == '\t' || !isValue(extension) {
		return 0, ErrChunk
	}
	var size int64
	for _, d := range digits {
		v, ok := hex(d)
		if !ok {
			return 0, ErrChunk
		}
		size = size<<4 | int64(v)
	}
	c.left, c.at = size, atData
	if size == 0 {
		c.at = atTrailer
	}
	return n, nil
}

func (c *Chunks) trailers(b []byte) (n int, err error) {
	line, n, err := chunkLine(b, maxTrailer-c.trailer, ErrTrailerSize)
	if n == 0 || err != nil {
		return 0, err
	}
	if len(line) == 0 {
		c.at = atEnd
		return n, nil
	}
	c.trailer += n
	_, err = parseField(line)
	return n, err
}

// chunkLine takes a line of at most limit bytes; n is 0 while it is not complete.
func chunkLine(b []byte, limit int, tooLong Error) (line []byte, n int, err error) {
	i := bytes.IndexByte(b, '\n')
	switch {
	case i >= limit || i < 0 && len(b) >= limit:
		return nil, 0, tooLong
	case i < 0:
		return nil, 0, nil
	case i == 0 || b[i-1] != '\r':
		return nil, 0, ErrLineEnd
	}
	return b[:i-1], i + 1, nil
}

func hex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// Ended says whether the last chunk and the trailers have been taken.
func (c *Chunks) Ended() bool { return c.at == atEnd }
