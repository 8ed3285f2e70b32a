// Package servicetest holds the promises that every service.Service makes.
package servicetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/service"
)

// Stress stops a service before it was started, twice, from many goroutines at once and
// while it starts, and starts it again. It fails when one of them hangs or errs.
func Stress(t *testing.T, s service.Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	check("stop before start", s.Stop(ctx))
	for range 3 {
		check("start", s.Start(ctx))
		check("stop", s.Stop(ctx))
		check("stop again", s.Stop(ctx))
	}

	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			if i%2 == 0 {
				_ = s.Start(ctx) // losing against a Stop is no failure
				return
			}
			if err := s.Stop(ctx); err != nil {
				t.Errorf("stop at the same time: %v", err)
			}
		})
	}
	all.Wait()
	check("stop at the end", s.Stop(ctx))
}
