package db

import (
	"strconv"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// ID is a 63-bit identifier, ordered by time: 41 bits of milliseconds since 2024,
// 12 bits of sequence, 10 bits of node number. It is BIGINT in SQL and a string in
// JSON, because JavaScript's numbers end at 53 bits. The zero ID names nothing.
type ID int64

const (
	nodeBits     = 10
	sequenceBits = 12

	// MaxNode is the highest node number that fits an ID.
	MaxNode = 1<<nodeBits - 1
)

// idEpoch is 2024-01-01 UTC in milliseconds; the ids last until 2093.
const idEpoch = 1704067200000

// ParseID reads the decimal form. An id is never negative.
func ParseID(s string) (ID, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, errs.New(errs.Invalid, "%.40q is not an id: expected a decimal number of at most 63 bits", s)
	}
	return ID(n), nil
}

func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// MarshalText makes the id a string in JSON, also as the key of a map.
func (id ID) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(id), 10), nil }

// UnmarshalText reads the decimal form.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// Time is when the id was drawn, by the clock of its node.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(id)>>(nodeBits+sequenceBits) + idEpoch).UTC()
}

// Node is the number of the node that drew the id.
func (id ID) Node() int { return int(id & MaxNode) }

// IDs draws ids for one node. It is safe for concurrent use.
//
// Every id is greater than the one before it, also when the clock stands still or
// goes back: time then runs ahead on the sequence.
type IDs struct {
	node  ID
	clock func() time.Time

	mu   sync.Mutex
	last int64 // milliseconds and sequence of the id drawn last
}

// NewIDs draws ids for a node number between 0 and MaxNode. Two nodes that run at
// the same time must have different numbers.
func NewIDs(node int, clock func() time.Time) *IDs {
	if node < 0 || node > MaxNode {
		panic("db: node number " + strconv.Itoa(node) + " is outside 0 to " + strconv.Itoa(MaxNode))
	}
	return &IDs{node: ID(node), clock: clock}
}

// Next draws one id.
func (s *IDs) Next() ID {
	now := (s.clock().UnixMilli() - idEpoch) << sequenceBits
	s.mu.Lock()
	s.last = max(now, s.last+1)
	drawn := s.last
	s.mu.Unlock()
	return ID(drawn)<<nodeBits | s.node
}
