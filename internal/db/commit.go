package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/errs"
)

// ErrStale says that a guard of the Change did not hold: the row has another version,
// or is gone.
var ErrStale = errs.New(errs.Conflict, "the row was changed in the meantime")

// Claimed says that a claim of the Change was taken before. When Hash is that of the
// request, the request was done already and Answer is its answer.
type Claimed struct {
	Key    string
	Hash   string
	Answer []byte
}

func (c *Claimed) Error() string { return fmt.Sprintf("the key %q was used before", c.Key) }

// Commit applies each Change of the group whole or not at all, all of them together
// where nothing speaks against it, and returns the outcome of each, in order:
//
//	nil          applied and durable
//	*Claimed     a claim's key was there already; nothing of it was written
//	ErrStale     a guard did not hold; nothing of it was written; read again and re-run
//	ErrUnknown   the connection broke; written whole or not at all, read to know which
//	other        the Change is wrong, or the database refused it or is away; nothing was written
//
// Changes of a group that name the same row (guarded, claimed, set, inserted, or gone by
// its key) are applied one after the other, in separate statements. A deadlock is tried again; a member
// that breaks a constraint is found by halving the group, so it hurts no other. An
// ended ctx stops what has not begun; it does not cut off what was sent.
func (d *DB) Commit(ctx context.Context, changes []*Change) []error {
	outcomes := make([]error, len(changes))
	if inTx(ctx) {
		return all(outcomes, errNested)
	}
	for _, wave := range d.waves(changes, outcomes) {
		d.commitMembers(ctx, wave)
		for _, m := range wave {
			outcomes[m.index] = m.outcome
			d.count(m.outcome)
		}
	}
	return outcomes
}

func all(outcomes []error, err error) []error {
	for i := range outcomes {
		outcomes[i] = err
	}
	return outcomes
}

func (d *DB) count(outcome error) {
	if outcome == nil {
		d.stats.applied.Add(1)
	} else {
		d.stats.refused.Add(1)
	}
}

// member is one Change on its way through Commit.
type member struct {
	index   int // in the group the caller gave
	change  *Change
	applied bool // what a dialect's commit finds out
	outcome error
}

// waves splits the group so that no row is touched twice within one wave; a Change
// that shares a row with an earlier one comes in a later wave. Wrong Changes get
// their outcome here and are in no wave.
func (d *DB) waves(changes []*Change, outcomes []error) [][]*member {
	var waves [][]*member
	last := make(map[touched]int) // the wave that touched a row last, counted from 1
	for i, c := range changes {
		rows, err := c.touches()
		if err != nil {
			outcomes[i] = err
			continue
		}
		wave := 0
		for _, r := range rows {
			wave = max(wave, last[r])
		}
		if wave == len(waves) {
			waves = append(waves, nil)
		}
		waves[wave] = append(waves[wave], &member{index: i, change: c})
		for _, r := range rows {
			last[r] = wave + 1
		}
	}
	return waves
}

// touched names a row that no second Change of a wave may touch.
type touched struct {
	table *Table
	key   int64
	text  string // for a key that is not one number
}

// touches lists the rows that the Change names by their keys. It refuses a Change that
// names one twice; a row may go and come again, though.
func (c *Change) touches() (rows []touched, err error) {
	add := func(t *Table, key ...any) {
		if t == nil {
			return // newGroup will refuse it
		}
		r, keyErr := touchedRow(t, key)
		if keyErr == nil && slices.Contains(rows, r) {
			keyErr = fmt.Errorf("db: a Change touches a row of %s twice", t.Name)
		}
		rows, err = append(rows, r), cmp.Or(err, keyErr)
	}
	for i := range c.Guards {
		add(c.Guards[i].Table, c.Guards[i].Key)
	}
	for i := range c.Claims {
		add(&commandTable, c.Claims[i].Key)
	}
	for i := range c.Sets {
		add(c.Sets[i].Table, c.Sets[i].Key...)
	}
	for i := range c.Inserts {
		if key, ok := c.Inserts[i].key(); ok {
			add(c.Inserts[i].Table, key...)
		}
	}
	for _, g := range c.Gones {
		if g.Table != nil && len(g.Table.Key) == 1 && g.Table.Key[0] == g.Column {
			rows = append(rows, touched{table: g.Table, key: g.Value})
		}
	}
	return rows, err
}

func touchedRow(t *Table, key []any) (touched, error) {
	var texts []string
	for _, part := range key {
		v, err := plain(part)
		if err != nil {
			return touched{}, err
		}
		if n, ok := v.(int64); ok && len(key) == 1 {
			return touched{table: t, key: n}, nil
		}
		texts = append(texts, fmt.Sprint(v))
	}
	return touched{table: t, text: strings.Join(texts, "\x00")}, nil // which no text holds
}

// key are the values of the key columns; not ok for a row that newGroup will refuse.
func (r *Row) key() (key []any, ok bool) {
	if r.Table == nil || len(r.Values) != len(r.Table.Columns) {
		return nil, false
	}
	for _, name := range r.Table.Key {
		i := slices.IndexFunc(r.Table.Columns, func(c Column) bool { return c.Name == name })
		if i < 0 {
			return nil, false
		}
		key = append(key, r.Values[i])
	}
	return key, true
}

// commitMembers gives each member its outcome. The members touch no row twice.
func (d *DB) commitMembers(ctx context.Context, members []*member) {
	g := newGroup(members, Micros(d.cfg.Clock()))
	if len(g.members) == 0 {
		return
	}
	if err := ctx.Err(); err != nil {
		g.end(errs.New(errs.Unavailable, "not committed: %w", err))
		return
	}
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	err := d.retry(ctx, func() error {
		g.reset()
		d.stats.groups.Add(1)
		return d.dialect.commit(detached, d, g)
	})
	if err == nil {
		d.refused(detached, g)
		return
	}
	fault := d.dialect.fault(err)
	switch {
	case fault == faultLost || errors.Is(err, context.DeadlineExceeded):
		g.end(&refusal{ErrUnknown, d.scrub(err)})
	case fault == faultAway || fault == faultStale || fault == faultRetry:
		g.end(d.explain(err))
	case len(g.members) == 1:
		d.commitRefused(detached, g, err)
	default:
		half := len(g.members) / 2
		first, second := g.members[:half], g.members[half:]
		d.commitMembers(ctx, first)
		d.commitMembers(ctx, second)
	}
}

// commitRefused gives the outcome of a single member that the database refused. When
// the reason is a claim that another node made in the meantime, that is the outcome.
func (d *DB) commitRefused(ctx context.Context, g *group, cause error) {
	g.reset()
	d.refused(ctx, g)
	var claimed *Claimed
	if !errors.As(g.members[0].outcome, &claimed) {
		g.end(d.explain(cause))
	}
}

// refused gives the members that were not applied their outcome: claimed, or stale.
// A claim is told first, because a repeat of what was done is stale too.
func (d *DB) refused(ctx context.Context, g *group) {
	var keys []string
	for _, m := range g.members {
		if m.applied {
			continue
		}
		m.outcome = ErrStale
		for _, k := range m.change.Claims {
			keys = append(keys, k.Key)
		}
	}
	if len(keys) == 0 {
		return
	}
	taken, err := d.claims(ctx, keys)
	for _, m := range g.members {
		if !m.applied && len(m.change.Claims) > 0 {
			m.outcome = claimedOr(taken, m.change, d.explain(err))
		}
	}
}

// claimedOr is the outcome of a refused Change with claims: the first that was taken,
// else what hindered looking, else stale.
func claimedOr(taken map[string]*Claimed, c *Change, hindered error) error {
	for _, k := range c.Claims {
		if t := taken[k.Key]; t != nil {
			return t
		}
	}
	if hindered != nil {
		return hindered
	}
	return ErrStale
}

// claims reads those of the keys that are taken.
func (d *DB) claims(ctx context.Context, keys []string) (map[string]*Claimed, error) {
	found := make(map[string]*Claimed)
	for len(keys) > 0 {
		n := min(len(keys), maxList)
		page, err := All(ctx, d, func(s Scanner) (*Claimed, error) {
			var c Claimed
			return &c, s.Scan(&c.Key, &c.Hash, &c.Answer)
		}, "SELECT command_key, hash, answer FROM command WHERE command_key IN (?)", In(keys[:n]))
		if err != nil {
			return nil, err
		}
		for _, c := range page {
			found[c.Key] = c
		}
		keys = keys[n:]
	}
	return found, nil
}
