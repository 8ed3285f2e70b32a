// Package vip lets several gateways share one public address. One of them holds it: it has
// the address on its interface and announces it, by ARP (RFC 826, RFC 5227) or neighbour
// advertisements (RFC 4861). Linux only.
//
// What always holds:
//
//   - The address is on the interface with a lifetime, which the holder renews again and
//     again: a holder that was killed or froze loses it to the kernel within TTL and a second.
//   - Nobody takes the address while a station of the network answers for it, whatever the
//     leader said: probes come first (RFC 5227 section 2.1.1, RFC 4862 section 5.4).
//   - The leader says who is to hold it. While nobody leads, the holder keeps it, and another
//     gateway takes it only when probes were not answered for TTL and a margin.
//   - Of two that hold it while nobody leads, because their networks were apart, the one with
//     the higher hardware address gives it back.
//
// The package knows no bus and no database: whom to ask is handed in.
package vip

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/service"
)

// TTL is how long the leader's word counts, and how long the address stays on the interface
// of a holder that gives no sign of life.
const TTL = 3 * time.Second

const (
	askEvery   = 500 * time.Millisecond
	askWithin  = time.Second
	lookEvery  = 100 * time.Millisecond // between probes, too
	renewEvery = 500 * time.Millisecond
	tellAgain  = 10 * time.Second // between announcements of a holder whom nobody disputes it
	tellFirst  = 10               // announcements in a row after taking it, one per look
)

// Config says what is shared. Without an address nothing is.
type Config struct {
	// Address is the shared one, such as 10.0.0.100/24 or 2001:db8::100/64. The interface has to
	// have an address of its own in the same network.
	Address   string `yaml:"address"`
	Interface string `yaml:"interface"` // such as eth0
}

// Check says what is wrong.
func (c Config) Check() error {
	if c == (Config{}) {
		return nil
	}
	p, err := c.network()
	if err != nil || p.Addr().IsUnspecified() || p.Addr().IsMulticast() || p.Addr().IsLoopback() {
		return errs.New(errs.Invalid, "%q is no address that gateways can share", c.Address).WithCure("write it as 10.0.0.100/24")
	}
	if c.Interface == "" || len(c.Interface) > 15 {
		return errs.New(errs.Invalid, "a shared address needs the interface that it is to be on").WithCure("name it as `ip link` does, such as eth0")
	}
	return nil
}

func (c Config) network() (netip.Prefix, error) {
	p, err := netip.ParsePrefix(c.Address)
	if err != nil || p.Addr().Is4In6() {
		return p, errors.Join(err, errs.New(errs.Invalid, "not an address with the length of its network"))
	}
	return p, nil
}

// Question is what a gateway asks the leader, about twice a second.
type Question struct {
	Address  string `json:"address"`
	Able     bool   `json:"able"`     // a request that came now would find a server
	Holding  bool   `json:"holding"`  // the address is here
	GiveBack bool   `json:"giveBack"` // it was here, and this gateway leaves
}

// Answer is what the leader says.
type Answer struct {
	Holder string `json:"holder"` // host that is to hold the address, for TTL from the question on; empty: nobody
}

// Deps is whom a Keeper asks.
type Deps struct {
	Host string // name of this one, as Answer.Holder has it
	Ask  func(context.Context, Question) (Answer, error)
	Able func() bool
	Log  *slog.Logger
}

// Keeper is a gateway's part in sharing an address. It is a service.Service; Stop gives the
// address back at once.
type Keeper struct {
	cfg     Config
	deps    Deps
	address netip.Addr
	asks    *service.Loop
	looks   *service.Loop
	holding atomic.Bool

	running sync.Mutex // one Start or Stop at a time
	line    *line      // nil: the keeper does not run

	mu    sync.Mutex
	word  Answer    // the leader's last
	asked time.Time // when it was asked for; before the first, when the keeper started
	able  time.Time // the last time that there was a server

	course // of the loop that looks
}

// course is what the loop that looks remembers from one look to the next.
type course struct {
	probed  int       // probes since somebody answered or this began
	silence time.Time // the first of them
	renewed time.Time // when the address was put on the interface last; it is not there: zero
	told    time.Time // the last announcement
	tells   int       // announcements since it was taken
	failed  string    // the last failure, which is told once
}

// New makes a keeper of a configuration that has an address. It starts nothing.
func New(cfg Config, deps Deps) (*Keeper, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	network, err := cfg.network()
	if err != nil {
		return nil, err
	}
	k := &Keeper{cfg: cfg, deps: deps, address: network.Addr()}
	k.asks = service.NewLoop(askEvery, k.ask)
	k.looks = service.NewLoop(lookEvery, k.look)
	return k, nil
}

// Start removes what a crashed predecessor left, and begins to contend for the address.
func (k *Keeper) Start(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "share the address "+k.cfg.Address)
	k.running.Lock()
	defer k.running.Unlock()
	network, err := k.cfg.network()
	if err != nil || k.line != nil {
		return err
	}
	l, err := openLine(k.cfg.Interface, network)
	if err != nil {
		return err
	}
	if err := l.remove(); err != nil {
		return errors.Join(err, l.close())
	}
	k.line = l
	k.asked, k.course = time.Now(), course{}
	return errors.Join(k.asks.Start(ctx), k.looks.Start(ctx))
}

// Stop gives the address back, and tells the leader so that another gateway takes it.
func (k *Keeper) Stop(ctx context.Context) error {
	k.running.Lock()
	defer k.running.Unlock()
	if k.line == nil {
		return nil
	}
	failed := []error{k.looks.Stop(ctx), k.line.remove(), k.line.close(), k.asks.Stop(ctx)}
	k.line = nil
	if k.holding.Swap(false) {
		ctx, cancel := context.WithTimeout(ctx, askWithin)
		defer cancel()
		if _, err := k.deps.Ask(ctx, Question{Address: k.address.String(), GiveBack: true}); err != nil {
			k.deps.Log.Info("the other gateways have to find out that the shared address is free", "err", err)
		}
	}
	return errors.Join(failed...)
}

// Holding says whether the address is here.
func (k *Keeper) Holding() bool { return k.holding.Load() }

// Address is the shared one.
func (k *Keeper) Address() netip.Addr { return k.address }

// Holder is who is to hold the address as the leader said last; empty: nobody, or nobody said.
func (k *Keeper) Holder() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.word.Holder
}

// ask hears what the leader says. Its word counts from before it was asked.
func (k *Keeper) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	began := time.Now()
	said, err := k.deps.Ask(ctx, Question{Address: k.address.String(), Able: k.isAble(began), Holding: k.Holding()})
	if err != nil {
		k.deps.Log.Debug("nobody says who holds the shared address", "err", err)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.word, k.asked = said, began
}

// isAble forgives a moment without servers: moving the address breaks connections.
func (k *Keeper) isAble(now time.Time) bool {
	able := k.deps.Able()
	k.mu.Lock()
	defer k.mu.Unlock()
	if able {
		k.able = now
	}
	return able || k.Holding() && now.Sub(k.able) < TTL
}

// look does what is to be done now: see decide.
func (k *Keeper) look(context.Context) {
	now := time.Now()
	if k.Holding() && now.Sub(k.renewed) > TTL-time.Second {
		// This process stood still, and the kernel has taken the address away, or is about to.
		k.deps.Log.Warn("this gateway was too slow to keep the shared address")
		k.give()
	}
	v := k.view(now)
	switch act := decide(v); {
	case act == take:
		k.take(now)
	case act == give:
		k.deps.Log.Info("the shared address moves", "address", k.address.String(), "holder", v.word.Holder)
		k.give()
	default:
		if act == probe {
			k.probe(now)
		} else {
			k.probed = 0
		}
		if v.holding {
			k.hold(now)
		}
	}
}

// view is what is known now.
func (k *Keeper) view(now time.Time) view {
	heard := k.line.heard()
	if k.probed > 0 && !heard.wanted.Before(k.silence) {
		k.probed = 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	v := view{host: k.deps.Host, word: k.word, age: now.Sub(k.asked), holding: k.Holding(), able: now.Sub(k.able) < TTL, probed: k.probed}
	if k.probed > 0 {
		v.quiet = now.Sub(k.silence)
	}
	v.yields = now.Sub(heard.had) < askEvery && heard.by.before(k.line.own)
	return v
}

func (k *Keeper) probe(now time.Time) {
	if k.probed == 0 {
		k.silence = now
	}
	if err := k.line.probe(); err != nil {
		k.probed = 0 // what was not asked was not left unanswered
		k.complain("the shared address cannot be probed", err)
		return
	}
	k.probed++
}

func (k *Keeper) take(now time.Time) {
	k.course = course{failed: k.failed}
	if err := k.line.add(TTL); err != nil {
		k.complain("the shared address cannot be taken", err)
		return
	}
	k.renewed = now
	k.holding.Store(true)
	k.deps.Log.Info("this gateway holds the shared address", "address", k.address.String(), "interface", k.cfg.Interface)
	k.hold(now)
}

// hold renews the address on the interface and announces it.
func (k *Keeper) hold(now time.Time) {
	if now.Sub(k.renewed) >= renewEvery {
		if err := k.line.add(TTL); err != nil {
			k.complain("the shared address cannot be kept", err)
			return
		}
		k.renewed = now
	}
	if k.tells >= tellFirst && now.Sub(k.told) < tellAgain {
		return
	}
	k.told, k.tells = now, k.tells+1
	if err := k.line.announce(); err != nil {
		k.complain("the shared address cannot be announced", err)
	}
}

func (k *Keeper) give() {
	if err := k.line.remove(); err != nil {
		k.complain("the shared address cannot be removed; the kernel will", err)
	}
	k.holding.Store(false)
	k.course = course{}
}

// complain logs a failure, once while it lasts.
func (k *Keeper) complain(what string, err error) {
	if k.failed != err.Error() {
		k.failed = err.Error()
		k.deps.Log.Error(what, "address", k.address.String(), "interface", k.cfg.Interface, "err", err)
	}
}
