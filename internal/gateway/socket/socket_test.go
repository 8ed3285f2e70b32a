package socket_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/gateway/socket"
)

// pair is a wrapped connection and its other side.
func pair(t *testing.T) (wrapped, other net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if other, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); other.Close() })
	return socket.Wrap(c), other
}

// TestBytesGoBothWaysAtOnce sends more than the system's buffers hold, so that both ways
// have to wait.
func TestBytesGoBothWaysAtOnce(t *testing.T) {
	c, other := pair(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<19)
	var all sync.WaitGroup
	for _, side := range []net.Conn{c, other} {
		all.Go(func() {
			if n, err := side.Write(data); err != nil || n != len(data) {
				t.Errorf("wrote %d, %v", n, err)
			}
		})
		all.Go(func() {
			got := make([]byte, len(data))
			if _, err := io.ReadFull(side, got); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read: %v", err)
			}
		})
	}
	all.Wait()
	other.Close()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

func TestDeadlinesAndCloseEndWaiting(t *testing.T) {
	c, _ := pair(t)
	c.SetDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	c.SetDeadline(time.Now().Add(100 * time.Millisecond))
	n, err := c.Write(make([]byte, 64<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 {
		t.Errorf("wrote %d: %v", n, err)
	}
	c.SetDeadline(time.Time{})
	ended := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		ended <- err
	}()
	c.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestABrokenConnectionSaysSo(t *testing.T) {
	c, other := pair(t)
	other.(*net.TCPConn).SetLinger(0)
	other.Close()
	var err error
	for range 100 {
		if _, err = c.Write([]byte("x")); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("a hundred writes to nobody")
	}
}

func TestSmallMessagesAllocateNothing(t *testing.T) {
	c, other := pair(t)
	buf := make([]byte, 16)
	if n := testing.AllocsPerRun(100, func() {
		other.Write(buf)
		c.Read(buf)
		c.Write(buf)
		other.Read(buf)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
