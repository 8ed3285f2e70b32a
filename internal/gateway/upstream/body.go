package upstream

import (
	"fmt"
	"io"
	"os"
)

// Body is the content of a request: what is in memory, then what is in a file, then
// what still has to be read from the client. With a Rest it can be sent only once.
type Body struct {
	Memory []byte
	File   *os.File
	Size   int64     // of the file
	Rest   io.Reader // nil: all of it is here
	Chunks bool      // the head announces chunks, because the length is not known

	started bool
}

// again says whether the whole body can be sent (once more).
func (b *Body) again() bool { return b == nil || b.Rest == nil || !b.started }

// small bodies go out in one write with the head.
func (b *Body) small() bool {
	return b.File == nil && b.Rest == nil && len(b.Memory) <= 16<<10
}

// send writes the body. A *ClientError is the client's failure, any other the server's.
func (b *Body) send(w io.Writer) error {
	b.started = true
	out := w
	if b.Chunks {
		out = chunkWriter{w}
	}
	if len(b.Memory) > 0 {
		if _, err := out.Write(b.Memory); err != nil {
			return err
		}
	}
	if b.File != nil {
		if err := copyBody(out, io.NewSectionReader(b.File, 0, b.Size)); err != nil {
			return err
		}
	}
	if b.Rest != nil {
		if err := copyBody(out, b.Rest); err != nil {
			return err
		}
	}
	if b.Chunks {
		_, err := io.WriteString(w, "0\r\n\r\n")
		return err
	}
	return nil
}

func copyBody(w io.Writer, r io.Reader) error {
	buf := buffers.Get().(*[bufSize]byte)
	defer buffers.Put(buf)
	for {
		n, err := r.Read(buf[:])
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return &ClientError{err}
		}
	}
}

// chunkWriter puts each write into a chunk.
type chunkWriter struct{ w io.Writer }

func (c chunkWriter) Write(b []byte) (int, error) {
	if _, err := fmt.Fprintf(c.w, "%x\r\n", len(b)); err != nil {
		return 0, err
	}
	if _, err := c.w.Write(b); err != nil {
		return 0, err
	}
	_, err := io.WriteString(c.w, "\r\n")
	return len(b), err
}
