package node

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/service"
)

// teller tells the cluster which processes of the host have ended: at once, or as soon as
// there is a Booster to tell. An end that was told right before the connection broke may
// have been lost, and is told again: nobody is hurt by hearing it twice.
type teller struct {
	bus  *bus.Client
	log  *slog.Logger
	loop *service.Loop

	mu   sync.Mutex // guards the rest
	ends []end
}

type end struct {
	exit agent.Exit
	seen time.Time
	told bool
}

// How long an end is told again after the connection broke, and remembered at all.
const (
	tellAgain = 3 * time.Second
	tellEvery = time.Second
	mostEnds  = 100
)

func newTeller(log *slog.Logger) *teller {
	t := &teller{log: log}
	t.loop = service.NewLoop(tellEvery, t.tell)
	return t
}

// ended takes in an end.
func (t *teller) ended(e agent.Exit) {
	t.mu.Lock()
	if len(t.ends) == mostEnds {
		t.ends = t.ends[1:]
	}
	t.ends = append(t.ends, end{exit: e, seen: time.Now()})
	t.mu.Unlock()
	t.loop.Ring()
}

// connected takes in that there is a Booster again.
func (t *teller) connected() {
	t.mu.Lock()
	for i := range t.ends {
		if time.Since(t.ends[i].seen) < tellAgain {
			t.ends[i].told = false
		}
	}
	t.mu.Unlock()
	t.loop.Ring()
}

func (t *teller) tell(context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.ends {
		if t.ends[i].told {
			continue
		}
		if err := t.bus.Publish(bus.Exit, t.ends[i].exit); err != nil {
			t.log.Debug("an end is told later", "role", string(t.ends[i].exit.Role), "err", err)
			return
		}
		t.ends[i].told = true
	}
}
