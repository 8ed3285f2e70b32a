package cluster

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// SharedAddresses say which host holds each address that gateways share, and until when.
var SharedAddresses = &db.Table{
	Name: "cluster_address",
	Columns: []db.Column{
		{Name: "address", Type: db.Text, Size: 60},
		{Name: "holder", Type: db.Text, Size: 200},
		{Name: "epoch", Type: db.BigInt}, // of the leader that wrote the row
		{Name: "expires_at", Type: db.BigInt},
	},
	Key: []string{"address"},
}

const (
	wantFor       = 2 * time.Second // how long a gateway that could hold an address is remembered
	hearHolders   = time.Second     // how long a new leader waits for a holder whose lease ran out meanwhile
	mostAddresses = 64
)

// AddressClaim is what a host with a gateway says about an address that it shares.
type AddressClaim struct {
	Address  string
	Host     string
	Able     bool // its gateway could serve
	Holding  bool // the address is there
	GiveBack bool // and is not any more
}

// Addresses is the leader's part in sharing addresses among gateways, for one term. Its
// writes are fenced.
type Addresses struct {
	fence Fence
	ttl   time.Duration
	began time.Time

	mu   sync.Mutex                      // one claim at a time
	able map[string]map[string]time.Time // address, host: when it said so last
}

// NewAddresses begins a term; ttl is how long a host may hold an address from its claim on.
func NewAddresses(f Fence, ttl time.Duration) *Addresses {
	return &Addresses{fence: f, ttl: ttl, began: time.Now(), able: make(map[string]map[string]time.Time)}
}

// Claim takes a host's word in, and says who is to hold the address; empty: nobody.
func (a *Addresses) Claim(ctx context.Context, c AddressClaim) (holder string, err error) {
	defer errs.Wrap(&err, "cluster.Claim")
	if ip, err := netip.ParseAddr(c.Address); err != nil || ip.Zone() != "" || ip.String() != c.Address {
		return "", errs.New(errs.Invalid, "%q is no address", c.Address)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	heir, err := a.heir(c, time.Now())
	if err != nil {
		return "", err
	}
	err = a.fence.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		var now, expires int64
		s := shared{heir: heir, settled: time.Since(a.began) >= hearHolders}
		err := tx.QueryRow(ctx, "SELECT holder, expires_at, {now} FROM cluster_address WHERE address = ?", c.Address).Scan(&s.holder, &expires, &now)
		if errors.Is(err, db.ErrNoRows) {
			_, err = tx.InsertIgnore(ctx, db.Row{Table: SharedAddresses, Values: []any{c.Address, "", 0, 0}})
		}
		if err != nil {
			return err
		}
		s.expired = expires <= now
		holder = s.award(c)
		if holder == s.holder && holder != c.Host {
			return nil
		}
		_, err = tx.Exec(ctx, "UPDATE cluster_address SET holder = ?, epoch = ?, expires_at = {now} + ? WHERE address = ? AND epoch <= ?",
			holder, a.fence.Epoch, a.ttl.Microseconds(), c.Address, a.fence.Epoch)
		return err
	})
	return holder, err
}

// heir is another host that could hold the address, as it said lately.
func (a *Addresses) heir(c AddressClaim, now time.Time) (string, error) {
	hosts := a.able[c.Address]
	if hosts == nil {
		if len(a.able) >= mostAddresses {
			return "", errs.New(errs.Exhausted, "gateways share more than %d addresses", mostAddresses)
		}
		hosts = make(map[string]time.Time)
		a.able[c.Address] = hosts
	}
	delete(hosts, c.Host)
	heir := ""
	for host, at := range hosts {
		switch {
		case now.Sub(at) > wantFor:
			delete(hosts, host)
		case heir == "" || host < heir:
			heir = host
		}
	}
	if c.Able && !c.GiveBack {
		hosts[c.Host] = now
	}
	return heir, nil
}

// Free takes in that the gateway of a host is dead: what it held another one may take.
func (a *Addresses) Free(ctx context.Context, host string) (err error) {
	defer errs.Wrap(&err, "cluster.Free")
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fence.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, address := range slices.Sorted(maps.Keys(a.able)) {
			delete(a.able[address], host)
			_, err := tx.Exec(ctx, "UPDATE cluster_address SET holder = ?, epoch = ? WHERE address = ? AND holder = ? AND epoch <= ?", "", a.fence.Epoch, address, host, a.fence.Epoch)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// shared is what is known of an address when a host claims it.
type shared struct {
	holder  string // who held it last; empty: nobody
	expired bool   // that was some time ago
	heir    string // another host that could hold it
	settled bool   // a living holder had time to say so
}

// award decides who is to hold the address from now on; empty: nobody. A holder that cannot
// serve keeps the address while no other could: half an answer is better than none.
func (s shared) award(c AddressClaim) string {
	mine := s.holder == c.Host
	keeps := c.Able || c.Holding && s.heir == ""
	switch {
	case c.GiveBack && mine:
		return ""
	case c.GiveBack:
		return s.holder
	case mine && !keeps:
		return s.heir
	case mine:
		return c.Host
	case s.holder != "" && !(s.expired && s.settled):
		return s.holder
	case keeps:
		return c.Host
	}
	return s.holder
}
