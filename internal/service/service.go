// Package service starts long-lived things in order and stops them in reverse.
//
// What always holds:
//
//   - Start returns when the service works, or fails and leaves nothing running. The
//     context given to Start bounds the start only; it does not end the service.
//   - Stop returns when nothing of the service runs any more, or its context ends. It may be
//     called twice, at the same time, and before Start; a stopped service may be started again.
//   - Every goroutine has an owner that waits for it.
package service

import "context"

// Service is something that runs until it is stopped.
type Service interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}
