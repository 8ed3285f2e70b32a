package db

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// Once makes one request happen once: the key it carries, scoped to its actor, and the
// hash of what it asks for.
type Once struct {
	Key  string // at most 200 characters
	Hash string // at most 64 characters
}

var (
	// ErrKeyReused says that the key came with another request before (HTTP 422).
	ErrKeyReused = errs.New(errs.Invalid, "this idempotency key was used for another request").
			WithCure("send a new request with a new key")

	// ErrKeyBusy says that the first request with the key is still running (HTTP 409).
	ErrKeyBusy = errs.New(errs.Conflict, "the first request with this idempotency key is still running").
			WithCure("wait, then send it again with the same key").RetryAfter(time.Second)
)

// commandTable remembers the keys of what was done, and the answers.
var commandTable = Table{
	Name: "command",
	Columns: []Column{
		{Name: "command_key", Type: Text, Size: 200},
		{Name: "hash", Type: Text, Size: 64},
		{Name: "answer", Type: Bytes},
		{Name: "at", Type: BigInt},
	},
	Key:     []string{"command_key"},
	Indexes: []Index{{Name: "command_at", Columns: []string{"at"}}},
}

type onceKey struct{}

// WithOnce puts the key of a request into its context.
func WithOnce(ctx context.Context, o Once) context.Context {
	return context.WithValue(ctx, onceKey{}, o)
}

// OnceFrom finds the key of the request; ok is false when it has none.
func OnceFrom(ctx context.Context) (o Once, ok bool) {
	o, ok = ctx.Value(onceKey{}).(Once)
	return o, ok
}

// Do runs fn in one transaction, as Tx does. When ctx carries a Once, the JSON of the
// result is stored under its key in the same transaction, and a repeat gets that result
// without running fn. Another request under the key gets ErrKeyReused; a repeat while
// the first still runs on this node ErrKeyBusy, and on another node the first's result.
func Do[T any](ctx context.Context, d *DB, fn func(ctx context.Context, tx *Tx) (T, error)) (T, error) {
	once, ok := OnceFrom(ctx)
	if !ok {
		var result T
		err := d.Tx(ctx, func(ctx context.Context, tx *Tx) (err error) {
			result, err = fn(ctx, tx)
			return err
		})
		return result, err
	}
	release, err := d.Hold(once.Key)
	if err != nil {
		var none T
		return none, err
	}
	defer release()
	return doOnce(ctx, d, once, fn)
}

func doOnce[T any](ctx context.Context, d *DB, once Once, fn func(ctx context.Context, tx *Tx) (T, error)) (result T, err error) {
	err = d.Tx(ctx, func(ctx context.Context, tx *Tx) error {
		answer, err := once.answer(ctx, tx)
		if err != nil || answer != nil {
			return errors.Join(err, decode(answer, &result))
		}
		if result, err = fn(ctx, tx); err != nil {
			return err
		}
		if answer, err = json.Marshal(result); err != nil {
			return err
		}
		return tx.Insert(ctx, Row{&commandTable, []any{once.Key, once.Hash, answer, Micros(d.cfg.Clock())}})
	})
	if err == nil || errors.Is(err, ErrKeyReused) {
		return result, err
	}
	// Another node may have done it first, and made this run fail; or the commit
	// happened although the connection broke.
	var stored T
	answer, again := once.answer(ctx, d)
	if again == nil && answer != nil && decode(answer, &stored) == nil {
		return stored, nil
	}
	if errors.Is(again, ErrKeyReused) {
		err = again
	}
	var none T
	return none, err
}

// answer finds the stored answer; nil when the request was not done yet.
func (o Once) answer(ctx context.Context, q Queryer) ([]byte, error) {
	var hash string
	var answer []byte
	err := q.QueryRow(ctx, "SELECT hash, answer FROM command WHERE command_key = ?", o.Key).Scan(&hash, &answer)
	switch {
	case errors.Is(err, ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case hash != o.Hash:
		return nil, ErrKeyReused
	}
	return answer, nil
}

func decode(answer []byte, into any) error {
	if answer == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// held are the keys of the requests that run on this node.
type held struct {
	mu   sync.Mutex
	keys map[string]bool
}

// Hold takes the key for the request that runs now, or returns ErrKeyBusy while another
// has it. Do holds its key itself; a request that claims its key in a Change holds it
// from before it reads until after Commit.
func (d *DB) Hold(key string) (release func(), err error) {
	d.held.mu.Lock()
	defer d.held.mu.Unlock()
	if d.held.keys[key] {
		return nil, ErrKeyBusy
	}
	if d.held.keys == nil {
		d.held.keys = make(map[string]bool)
	}
	d.held.keys[key] = true
	return func() {
		d.held.mu.Lock()
		defer d.held.mu.Unlock()
		delete(d.held.keys, key)
	}, nil
}

// ForgetCommands deletes at most limit keys that are older than age, and says how many.
// A repeat that comes later than that is done again.
func (d *DB) ForgetCommands(ctx context.Context, age time.Duration, limit int) (int64, error) {
	before := Micros(d.cfg.Clock().Add(-age))
	keys, err := All(ctx, d, func(s Scanner) (key string, err error) { return key, s.Scan(&key) },
		"SELECT command_key FROM command WHERE at < ? ORDER BY at {limit}", before, min(limit, maxList))
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	return d.Exec(ctx, "DELETE FROM command WHERE at < ? AND command_key IN (?)", before, In(keys))
}
