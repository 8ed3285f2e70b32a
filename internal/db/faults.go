package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"
)

// fault is what an error of a driver means to us.
type fault uint8

const (
	faultOther     fault = iota
	faultRetry           // deadlock, serialization, busy: nothing was written, try again
	faultDuplicate       // a unique key exists already
	faultData            // another constraint, or a value the database refuses
	faultStale           // the connection was broken before anything was sent; another may do
	faultAway            // no connection can be made
	faultLost            // the connection broke: what was sent may have happened
)

// errLost marks an error that a driver does not tell from one before anything was sent.
var errLost = errors.New("the connection broke")

// commonFault judges the errors that are not a server's own: of the network and of
// database/sql.
func commonFault(err error) fault {
	var op *net.OpError
	switch {
	case errors.Is(err, errLost):
		return faultLost
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return faultOther
	case errors.Is(err, driver.ErrBadConn): // by contract: nothing was sent
		return faultStale
	case errors.As(err, &op) && op.Op == "dial":
		return faultAway
	case errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed), errors.As(err, &op):
		return faultLost
	}
	return faultOther
}
