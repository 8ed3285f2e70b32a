package db_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/paceline/paceline/internal/db"
)

// TestLookupReadsTogether: what is asked while a read is under way is one read, and
// each caller gets his own answer.
func TestLookupReadsTogether(t *testing.T) {
	begun, release := make(chan int, 100), make(chan struct{})
	l := db.NewLookup(func(_ context.Context, keys []int) (map[int]int, error) {
		begun <- len(keys)
		<-release
		out := map[int]int{}
		for _, k := range keys {
			if k%10 != 9 {
				out[k] = k * k
			}
		}
		return out, nil
	})
	var wg sync.WaitGroup
	ask := func(k int) {
		wg.Go(func() {
			v, known, err := l.Find(t.Context(), k)
			if err != nil || known != (k%10 != 9) || known && v != k*k {
				t.Errorf("%d: %d %v %v", k, v, known, err)
			}
		})
	}
	ask(1)
	<-begun
	for k := 2; k < 42; k++ {
		ask(k)
	}
	for l.Waiting() < 40 {
		runtime.Gosched()
	}
	close(release)
	wg.Wait()
	if n := <-begun; n != 40 || len(begun) != 0 {
		t.Errorf("the second read was of %d keys, and %d followed", n, len(begun))
	}
}

func TestLookupHandsOutErrorsAndEndsWithTheCaller(t *testing.T) {
	broken := errors.New("broken")
	l := db.NewLookup(func(context.Context, []int) (map[int]int, error) { return nil, broken })
	if _, _, err := l.Find(t.Context(), 1); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	release := make(chan struct{})
	slow := db.NewLookup(func(context.Context, []int) (map[int]int, error) { <-release; return nil, nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := slow.Find(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
}
