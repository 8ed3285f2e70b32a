package db_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
)

func TestIDsAreOrderedAndUnique(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	clock := now
	ids := db.NewIDs(1023, func() time.Time { return clock })
	first := ids.Next()
	if first.Node() != 1023 || !first.Time().Equal(now) {
		t.Errorf("node %d, time %s", first.Node(), first.Time())
	}
	last := first
	for range 10_000 { // more than one millisecond holds, on a clock that stands still
		next := ids.Next()
		if next <= last || next.Node() != 1023 {
			t.Fatalf("%d after %d", next, last)
		}
		last = next
	}
	clock = now.Add(-time.Hour)
	if next := ids.Next(); next <= last {
		t.Error("an id went back with the clock")
	}
	clock = time.Date(2092, 1, 1, 0, 0, 0, 0, time.UTC)
	if next := ids.Next(); next <= last || next < 0 {
		t.Error("ids end before 2093")
	}
}

func TestIDsFromManyGoroutines(t *testing.T) {
	ids := db.NewIDs(1, time.Now)
	var mu sync.Mutex
	seen := map[db.ID]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				id := ids.Next()
				mu.Lock()
				if seen[id] {
					t.Errorf("%d twice", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestIDText(t *testing.T) {
	in := map[db.ID]db.ID{1 << 62: 9007199254740993}
	text, err := json.Marshal(in)
	if err != nil || string(text) != `{"4611686018427387904":"9007199254740993"}` {
		t.Errorf("%s, %v", text, err)
	}
	var out map[db.ID]db.ID
	if err := json.Unmarshal(text, &out); err != nil || out[1<<62] != in[1<<62] {
		t.Error(out, err)
	}
	for _, bad := range []string{`12`, `"-1"`, `"9223372036854775808"`, `"x"`, `""`, `" 1"`} {
		var id db.ID
		if err := json.Unmarshal([]byte(bad), &id); err == nil {
			t.Errorf("%s became %d", bad, id)
		}
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 7, 8, 9, 10, 11, 123456000, time.FixedZone("", 3600))
	if got := db.Time(db.Micros(at)); !got.Equal(at) || got.Location() != time.UTC {
		t.Error(got)
	}
	if db.Micros(time.Time{}) != 0 || !db.Time(0).IsZero() {
		t.Error("the zero time is not 0")
	}
}
