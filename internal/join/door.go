package join

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// door is a listener whose connections end with it.
type door struct {
	net.Listener
	take  func(net.Conn)
	talks sync.WaitGroup // the accepting and each connection

	mu     sync.Mutex // guards the rest
	closed bool
	open   map[net.Conn]bool
}

// openDoor listens, and calls take with each connection in a goroutine of its own; it is
// closed when take returns.
func openDoor(address string, take func(net.Conn)) (*door, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, errs.New(errs.Unavailable, "cannot listen for joining hosts: %w", err).WithCure("end what else listens there, or set listen.join in host.yaml")
	}
	d := &door{Listener: l, take: take, open: map[net.Conn]bool{}}
	d.talks.Go(d.accept)
	return d, nil
}

// close ends all connections and waits until nobody is talked to any more.
func (d *door) close() error {
	d.mu.Lock()
	d.closed = true
	err := d.Close()
	for conn := range d.open {
		_ = conn.Close()
	}
	d.mu.Unlock()
	d.talks.Wait()
	return err
}

func (d *door) accept() {
	for {
		conn, err := d.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as too many open files
			time.Sleep(100 * time.Millisecond)
			continue
		}
		d.talks.Go(func() { d.serve(conn) })
	}
}

func (d *door) serve(conn net.Conn) {
	defer conn.Close()
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	d.open[conn] = true
	d.mu.Unlock()
	d.take(conn)
	d.mu.Lock()
	delete(d.open, conn)
	d.mu.Unlock()
}
