package bus

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/service"
)

// Beat is what a node tells the leading Booster about itself, twice a second.
type Beat struct {
	Node      string           `json:"node"`             // as in the table of nodes
	Number    int64            `json:"number,omitempty"` // its place there, if it has one
	Epoch     int64            `json:"epoch,omitempty"`  // of that place
	Host      string           `json:"host"`
	Role      string           `json:"role"`
	Version   string           `json:"version"` // of the program
	State     string           `json:"state"`   // as in the table of nodes
	Cause     string           `json:"cause,omitempty"`
	Load      float64          `json:"load"`                // of 1; above, work waits
	Revisions map[string]int64 `json:"revisions,omitempty"` // of what it serves: apps, the gateways' table …
	Address   string           `json:"address,omitempty"`   // where its role is reached
	Wall      time.Time        `json:"wall"`                // its clock when it wrote this
	Zone      string           `json:"zone"`                // its time zone
}

// Pulse is what the leading Booster answers.
type Pulse struct {
	Leader string    `json:"leader"` // its node's name
	Epoch  int64     `json:"epoch"`  // of its term; who knows a higher one does not heed it
	Wall   time.Time `json:"wall"`   // its clock
}

// The course of heartbeats and of ways.
const (
	beatEvery   = 500 * time.Millisecond
	beatWithin  = time.Second
	patience    = 2 * time.Second  // without an answer: try the other Booster
	mostPatient = 30 * time.Second // when that was in vain, over and over
	homeEvery   = time.Second      // between looks whether the primary is back
	homeLooks   = 2                // that have to be good, one after the other
	homeAfter   = 10 * time.Second // for a primary that was left as nobody answered there; doubles
	mostHome    = 5 * time.Minute
)

// walker takes a client to the Booster where it is answered, and home to the primary.
type walker struct {
	*Client

	mu       sync.Mutex
	answered time.Time     // the last time, or when the present Booster was turned to
	patience time.Duration // how long silence lasts until the next turn
	banned   time.Time     // no going home until then
	ban      time.Duration // the next one
	good     int           // looks at the primary that were good
}

// attend starts what goes on beside the connection; the functions end it.
func (c *Client) attend(ctx context.Context) []func() {
	w := &walker{Client: c, answered: time.Now(), patience: patience, ban: homeAfter}
	var ends []func()
	run := func(every time.Duration, call func(context.Context)) {
		loop := service.NewLoop(every, call)
		_ = loop.Start(ctx) // a loop's start does not fail
		ends = append(ends, func() { _ = loop.Stop(context.Background()) })
	}
	if c.cfg.Beat != nil {
		run(beatEvery, w.beat)
	}
	if c.cfg.Own == nil {
		run(homeEvery, w.home)
	}
	return ends
}

// beat tells the leader how this node is. Where nobody answers for too long, perhaps
// because this Booster does not reach the leader, the other one is tried.
func (w *walker) beat(ctx context.Context) {
	asked, cancel := context.WithTimeout(ctx, beatWithin)
	defer cancel()
	var pulse Pulse
	err := w.Request(asked, Lead("beat"), w.cfg.Beat(), &pulse)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		w.silence(time.Now())
		return
	}
	w.mu.Lock()
	w.answered, w.patience = time.Now(), patience
	w.mu.Unlock()
	if w.cfg.Heard != nil {
		w.cfg.Heard(pulse)
	}
}

func (w *walker) silence(now time.Time) {
	at, of := w.route.where()
	w.mu.Lock()
	wait := at < 0 || of < 2 || now.Sub(w.answered) < w.patience
	if !wait {
		w.answered, w.patience = now, min(2*w.patience, mostPatient)
		if at == 0 {
			w.banned, w.ban = now.Add(w.ban), min(2*w.ban, mostHome)
		}
	}
	w.mu.Unlock()
	if wait {
		return
	}
	w.log.Info("bus: nobody leads here, trying the next Booster")
	w.turn(at + 1)
}

// home goes back to the primary once that has been reachable twice in a row.
func (w *walker) home(ctx context.Context) {
	if !w.away(time.Now()) || !w.reachable(ctx) {
		w.good = 0
		return
	}
	if w.good++; w.good >= homeLooks {
		w.good = 0
		w.turn(0)
	}
}

// away says whether the client is elsewhere than at the primary, and nothing speaks
// against going back.
func (w *walker) away(now time.Time) bool {
	at, _ := w.route.where()
	w.mu.Lock()
	defer w.mu.Unlock()
	return at > 0 && !now.Before(w.banned)
}

// turn drops the connection for one to another place of the list.
func (w *walker) turn(to int) {
	w.route.turn(to)
	conn, err := w.connection()
	if err != nil {
		return
	}
	if err := conn.ForceReconnect(); err != nil {
		w.log.Debug("bus: cannot turn", "err", err)
	}
}

// reachable says whether the primary would let this host in.
func (w *walker) reachable(ctx context.Context) bool {
	w.Client.mu.Lock()
	primary := w.cfg.Boosters[0]
	w.Client.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	dialer := tls.Dialer{NetDialer: &net.Dialer{}, Config: w.cfg.Identity.ClientTLS()}
	conn, err := dialer.DialContext(ctx, "tcp", primary)
	if err != nil {
		return false
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetReadDeadline(deadline)
	// The first byte comes when the other side has accepted our certificate as well.
	_, err = conn.Read(make([]byte, 1))
	return err == nil
}
