// Package socket spares the scheduler's part of reading and writing TCP connections.
//
// Go tells its scheduler of each system call, for some of them block. A watching thread
// then takes the processor away from calls that last, and gives it to another thread: on a
// proxy, which does little but short calls on sockets that never block, that costs a thread
// switch for each request. So these calls are made without telling. What has to wait still
// waits in Go's poller, with the deadlines that were set.
package socket

import (
	"io"
	"net"
	"sync"
	"syscall"
	"unsafe"
)

// Conn is a TCP connection. Everything but Read and Write is net's own.
type Conn struct {
	*net.TCPConn
	raw syscall.RawConn
	in  transfer
	out transfer
}

// transfer is one way of a connection. mu guards the rest, and lets one call wait for
// another, as net's own do.
type transfer struct {
	mu   sync.Mutex
	some func(fd uintptr) (done bool) // made once, for a call not to allocate
	b    []byte                       // still to be filled, or sent
	n    int
	err  syscall.Errno
}

// Wrap gives a connection that reads and writes like that, or c itself where it is not
// TCP's.
func Wrap(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	s := &Conn{TCPConn: tcp, raw: raw}
	s.in.some = s.in.receive
	s.out.some = s.out.send
	return s
}

// TCP gives what net knows: for what only net can do, such as moving bytes in the kernel.
func TCP(c net.Conn) *net.TCPConn {
	switch c := c.(type) {
	case *Conn:
		return c.TCPConn
	case *net.TCPConn:
		return c
	}
	return nil
}

// Read is net.Conn's.
func (c *Conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := c.in.run(c.raw.Read, b)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

// Write is net.Conn's: it sends all of b, or says why not.
func (c *Conn) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return c.out.run(c.raw.Write, b)
}

// run makes the calls; ready waits between them.
func (t *transfer) run(ready func(func(uintptr) bool) error, b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b, t.n, t.err = b, 0, 0
	err := ready(t.some)
	t.b = nil
	if err == nil && t.err != 0 {
		err = &net.OpError{Op: "socket", Net: "tcp", Err: t.err}
	}
	return t.n, err
}

// receive asks for what is there.
func (t *transfer) receive(fd uintptr) bool {
	for {
		n, _, err := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&t.b[0])), uintptr(len(t.b)))
		switch err {
		case 0:
			t.n = int(n)
			return true
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.err = err
			return true
		}
	}
}

// send sends as much as there is room for.
func (t *transfer) send(fd uintptr) bool {
	for len(t.b) > 0 {
		n, _, err := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&t.b[0])), uintptr(len(t.b)), syscall.MSG_NOSIGNAL, 0, 0)
		switch err {
		case 0:
			t.n += int(n)
			t.b = t.b[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.err = err
			return true
		}
	}
	return true
}
