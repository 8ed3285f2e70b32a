package ticket

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// numbers hands out serial numbers. Each counter is a row; a node takes a block of it in
// a transaction of its own and gives the numbers out from memory. At a quiet time a block is a
// single number, so tickets are numbered in the order in which they were opened, on all
// nodes. Under load blocks grow, so that a counter is no queue; then the order holds
// per node only. A number is never given twice; a crash leaves a gap.
type numbers struct {
	db  *db.DB
	now func() time.Time

	mu     sync.Mutex
	blocks map[string]*block
}

// block is what this node has in hand of one counter.
type block struct {
	mu        sync.Mutex
	next, end int64 // next <= n < end are ours
	size      int64 // of the last block taken
	takenAt   time.Time

	askedAt time.Time // guarded by numbers.mu
}

const (
	maxBlock   = 256
	busyWithin = time.Second // a block used up faster than this is followed by one twice its size
	maxBlocks  = 1000        // counters kept in memory; last month's are forgotten
)

func newNumbers(d *db.DB, now func() time.Time) *numbers {
	return &numbers{db: d, now: now, blocks: map[string]*block{}}
}

// take gives the next serial of a counter, from 1.
func (n *numbers) take(ctx context.Context, counter string) (serial int64, err error) {
	defer errs.Wrap(&err, "ticket number "+counter)
	b := n.block(counter)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == b.end {
		now := n.now()
		size := int64(1)
		if b.size > 0 && now.Sub(b.takenAt) < busyWithin {
			size = min(b.size*2, maxBlock)
		}
		end, err := n.advance(ctx, counter, size)
		if err != nil {
			return 0, err
		}
		b.next, b.end, b.size, b.takenAt = end-size, end, size, now
	}
	serial = b.next
	b.next++
	return serial, nil
}

func (n *numbers) block(counter string) *block {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.blocks[counter]
	if b == nil {
		if len(n.blocks) >= maxBlocks {
			n.forget()
		}
		b = &block{}
		n.blocks[counter] = b
	}
	b.askedAt = n.now()
	return b
}

// forget drops the counter that was used longest ago. Its unused numbers become a gap.
func (n *numbers) forget() {
	var oldest string
	var at time.Time
	for name, b := range n.blocks {
		if oldest == "" || b.askedAt.Before(at) {
			oldest, at = name, b.askedAt
		}
	}
	delete(n.blocks, oldest)
}

// advance moves the counter row on by size and returns where it stands then.
func (n *numbers) advance(ctx context.Context, counter string, size int64) (end int64, err error) {
	err = n.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		moved, err := tx.Exec(ctx, "UPDATE ticket_counter SET next = next + ? WHERE name = ?", size, counter)
		if err != nil {
			return err
		}
		if moved == 0 {
			end = 1 + size
			return tx.Insert(ctx, db.Row{Table: counters, Values: []any{counter, end}})
		}
		return tx.QueryRow(ctx, "SELECT next FROM ticket_counter WHERE name = ?", counter).Scan(&end)
	})
	if errors.Is(err, db.ErrDuplicate) { // another node made the row at the same moment
		return n.advance(ctx, counter, size)
	}
	return end, err
}
