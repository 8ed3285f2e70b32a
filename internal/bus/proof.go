package bus

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// Refused says whether the machine at an address answers and nobody listens there any
// more, which it has to say twice: with a lost connection before, that proves the listener's
// process dead. Silence, a timeout or an unreachable network prove nothing.
func Refused(ctx context.Context, address string) bool {
	for range 2 {
		dialer := net.Dialer{Timeout: dialWithin}
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return false
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return true
}
