package trust

import (
	"context"
	"log/slog"
	"time"

	"github.com/paceline/paceline/internal/service"
)

// Sign answers a request for a certificate, both in PEM; see Identity.Request.
type Sign func(ctx context.Context, request []byte) (certificate []byte, err error)

// Renewal renews the host's certificate in time, all by itself. It is a service.Service; of
// the processes of a host one runs it, and the others see the new file.
type Renewal struct {
	*service.Loop
	id    *Identity
	sign  Sign
	clock func() time.Time
	log   *slog.Logger
}

// NewRenewal makes it; every is the pause between looks, 0 for an hour. What fails is tried
// again at the next look; a third of the life is left for that.
func NewRenewal(id *Identity, every time.Duration, sign Sign, clock func() time.Time, log *slog.Logger) *Renewal {
	if every == 0 {
		every = time.Hour
	}
	r := &Renewal{id: id, sign: sign, clock: clock, log: log}
	r.Loop = service.NewLoop(every, r.look)
	return r
}

func (r *Renewal) look(ctx context.Context) {
	if r.clock().Before(r.id.DueAt()) {
		return
	}
	err := r.renew(ctx)
	expires := r.id.Certificate().NotAfter
	if err != nil {
		if ctx.Err() == nil {
			r.log.Warn("cannot renew the certificate", "node", r.id.Name(), "expires", expires, "cause", err)
		}
		return
	}
	r.log.Info("the certificate is renewed", "node", r.id.Name(), "expires", expires)
}

func (r *Renewal) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	request, err := r.id.Request()
	if err != nil {
		return err
	}
	certificate, err := r.sign(ctx, request)
	if err != nil {
		return err
	}
	return r.id.Renewed(certificate)
}
