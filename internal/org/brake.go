package org

import (
	"context"
	"net/netip"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// The brake slows down guessing: after some failed sign-ins the next ones have to
// wait, each twice as long as the one before. It never locks anybody out for good. The
// counts are rows, so guessing on several nodes gains nothing; and an attempt counts
// before the password is checked, so neither does guessing many at once.
type brake struct {
	subject string // account:LOGIN or address:IP
	free    int64  // failures without a delay
}

const (
	freeByAccount = 10
	freeByAddress = 50 // many people may share one
	maxDelay      = 5 * time.Minute
	forgetAfter   = time.Hour // since the last failure
)

// brakesFor are the two counts of one attempt, always in this order.
func brakesFor(login, address string) []brake {
	return []brake{{"account:" + clip(foldLogin(login), maxName), freeByAccount}, {"address:" + network(address), freeByAddress}}
}

// network is an address as the brake counts it: an IPv6 customer has a whole /64.
func network(address string) string {
	if at, err := netip.ParseAddrPort(address); err == nil {
		address = at.Addr().String()
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		p, _ := ip.Prefix(64)
		return p.String()
	}
	return ip.String()
}

// admit counts an attempt, or refuses it as Exhausted while a delay runs. A refused
// one is not counted.
func (o *Org) admit(ctx context.Context, brakes []brake) error {
	return o.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, b := range brakes {
			if err := b.admit(ctx, tx, o.now()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b brake) admit(ctx context.Context, tx *db.Tx, now time.Time) error {
	known, err := b.count(ctx, tx)
	if err != nil {
		return err
	}
	if !known {
		inserted, err := tx.InsertIgnore(ctx, db.Row{Table: &brakeTable, Values: []any{b.subject, 1, db.Micros(now), 0}})
		if err != nil || inserted {
			return err
		}
		if _, err := b.count(ctx, tx); err != nil { // another node was first
			return err
		}
	}
	var failures, changed, until int64
	err = tx.QueryRow(ctx, "SELECT failures, changed, until FROM org_brake WHERE subject = ?", b.subject).Scan(&failures, &changed, &until)
	if err != nil {
		return err
	}
	if wait := db.Time(until).Sub(now); until != 0 && wait > 0 {
		return errs.New(errs.Exhausted, "too many failed sign-ins").RetryAfter(wait.Round(time.Second) + time.Second).
			WithCure("wait, then try again; or ask an administrator to set a new password")
	}
	if now.Sub(db.Time(changed)) > forgetAfter {
		failures = 1
	}
	_, err = tx.Exec(ctx, "UPDATE org_brake SET failures = ?, changed = ?, until = ? WHERE subject = ?",
		failures, db.Micros(now), db.Micros(now.Add(b.delay(failures))), b.subject)
	return err
}

// count adds an attempt. It locks the row, so what is read after it is still so at the
// commit.
func (b brake) count(ctx context.Context, tx *db.Tx) (known bool, err error) {
	n, err := tx.Exec(ctx, "UPDATE org_brake SET failures = failures + 1 WHERE subject = ?", b.subject)
	return n > 0, err
}

// delay before the attempt that follows so many failures.
func (b brake) delay(failures int64) time.Duration {
	over := failures - b.free
	switch {
	case over < 0:
		return 0
	case over >= 9:
		return maxDelay
	}
	return min(time.Second<<over, maxDelay)
}

// release takes the attempt back, because it did not fail.
func (b brake) release(ctx context.Context, tx *db.Tx) error {
	if _, err := tx.Exec(ctx, "UPDATE org_brake SET failures = failures - 1 WHERE subject = ? AND failures > 0", b.subject); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE org_brake SET until = 0 WHERE subject = ? AND failures < ?", b.subject, b.free)
	return err
}

// takeBack releases an attempt that came to no answer.
func (o *Org) takeBack(ctx context.Context, brakes []brake) error {
	return o.db.Tx(context.WithoutCancel(ctx), func(ctx context.Context, tx *db.Tx) error {
		for _, b := range brakes {
			if err := b.release(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// succeed forgets the failures of the account. Those of the address stay: otherwise
// somebody with one account could guess at others for ever.
func succeed(ctx context.Context, tx *db.Tx, brakes []brake) error {
	if _, err := tx.Exec(ctx, "DELETE FROM org_brake WHERE subject = ?", brakes[0].subject); err != nil {
		return err
	}
	return brakes[1].release(ctx, tx)
}
