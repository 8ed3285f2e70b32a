package bus

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// journal takes the server's log into ours. A complaint that comes again and again, as
// when somebody knocks at the port, is written once in a while.
type journal struct {
	log *slog.Logger

	mu   sync.Mutex
	last map[string]time.Time // of each format
	died error
}

const (
	complainEvery = 10 * time.Second
	mostFormats   = 1000
)

func newJournal(log *slog.Logger) *journal { return &journal{log: log, last: map[string]time.Time{}} }

// Noticef, Warnf, Errorf, Fatalf, Debugf and Tracef implement server.Logger.
func (j *journal) Noticef(format string, args ...any) { j.log.Debug(fmt.Sprintf(format, args...)) }
func (j *journal) Warnf(format string, args ...any) {
	if !slices.ContainsFunc(advice, func(a string) bool { return strings.HasPrefix(format, a) }) {
		j.complain(format, args)
	}
}
func (j *journal) Errorf(format string, args ...any) { j.complain(format, args) }
func (j *journal) Debugf(string, ...any)             {}
func (j *journal) Tracef(string, ...any)             {}

// advice of the server that does not apply here: all clients are ours, and who is at the
// other end of a route is verified by its role instead of its host name.
var advice = []string{"Clients that are not using", "TLS certificate chain and hostname"}

// Fatalf notes why the server cannot run; whoever starts it asks.
func (j *journal) Fatalf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.died = errs.New(errs.Unavailable, format, args...)
}

func (j *journal) fatal() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.died
}

func (j *journal) complain(format string, args []any) {
	j.mu.Lock()
	again := time.Since(j.last[format]) < complainEvery
	if !again {
		if len(j.last) >= mostFormats {
			clear(j.last)
		}
		j.last[format] = time.Now()
	}
	j.mu.Unlock()
	if !again {
		j.log.Warn("bus: " + fmt.Sprintf(format, args...))
	}
}
