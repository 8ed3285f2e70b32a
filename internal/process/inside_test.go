package process

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// two is a table for folding: its rows are found by id, or by owner.
var two = &db.Table{
	Name:    "two",
	Columns: []db.Column{{Name: "id", Type: db.BigInt}, {Name: "owner", Type: db.BigInt}, {Name: "text", Type: db.Text, Size: 9}},
	Key:     []string{"id"},
}

func TestFold(t *testing.T) {
	row := func(id, owner int, text string) db.Row {
		return db.Row{Table: two, Values: []any{db.ID(id), owner, text}}
	}
	set := func(id int, text string) db.Set {
		return db.Set{Table: two, Columns: []string{"text"}, Key: []any{int64(id)}, Values: []any{text}}
	}
	gone := func(column string, value int64) db.Gone { return db.Gone{Table: two, Column: column, Value: value} }

	for name, tt := range map[string]struct{ in, want db.Change }{
		"a set after an insert is in the insert": {
			db.Change{Inserts: []db.Row{row(1, 7, "a")}, Sets: []db.Set{set(1, "b")}},
			db.Change{Inserts: []db.Row{row(1, 7, "b")}},
		},
		"the later of two sets wins": {
			db.Change{Sets: []db.Set{set(1, "a"), set(2, "x"), set(1, "b")}},
			db.Change{Sets: []db.Set{set(1, "b"), set(2, "x")}},
		},
		"sets of other columns are joined": {
			db.Change{Sets: []db.Set{set(1, "a"), {Table: two, Columns: []string{"owner"}, Key: []any{int64(1)}, Values: []any{8}}}},
			db.Change{Sets: []db.Set{{Table: two, Columns: []string{"text", "owner"}, Key: []any{int64(1)}, Values: []any{"a", 8}}}},
		},
		"what is inserted and deleted was never there": {
			db.Change{Inserts: []db.Row{row(1, 7, "a"), row(2, 7, "b"), row(3, 8, "c")}, Gones: []db.Gone{gone("id", 1), gone("owner", 8)}},
			db.Change{Inserts: []db.Row{row(2, 7, "b")}, Gones: []db.Gone{gone("id", 1), gone("owner", 8)}},
		},
		"a set of a deleted row is nothing": {
			db.Change{Sets: []db.Set{set(1, "a")}, Gones: []db.Gone{gone("id", 1), gone("id", 1)}},
			db.Change{Gones: []db.Gone{gone("id", 1)}},
		},
	} {
		fold(&tt.in)
		if !same(tt.in, tt.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, tt.in, tt.want)
		}
	}
}

// same compares changes; no rows and an empty list are the same.
func same(a, b db.Change) bool {
	equal := func(a, b any) bool {
		return reflect.ValueOf(a).Len() == 0 && reflect.ValueOf(b).Len() == 0 || reflect.DeepEqual(a, b)
	}
	return equal(a.Inserts, b.Inserts) && equal(a.Sets, b.Sets) && equal(a.Gones, b.Gones)
}

// A later insert must not be changed by folding an earlier set into a row that is shared.
func TestFoldLeavesTheRowsOfOthers(t *testing.T) {
	values := []any{db.ID(1), 7, "a"}
	fold(&db.Change{
		Inserts: []db.Row{{Table: two, Values: values}},
		Sets:    []db.Set{{Table: two, Columns: []string{"text"}, Key: []any{int64(1)}, Values: []any{"b"}}},
	})
	if values[2] != "a" {
		t.Error("the row given was changed")
	}
}

func TestPack(t *testing.T) {
	for name, raw := range map[string][]byte{
		"nothing":          {},
		"short":            []byte("short"),
		"long and regular": []byte(strings.Repeat("variables ", 1000)),
		"long and random":  noise(8000),
	} {
		packed := pack(raw)
		got, err := unpack(packed)
		if err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s: %d bytes came back as %d, %v", name, len(raw), len(got), err)
		}
		if len(packed) > len(raw)+1 {
			t.Errorf("%s: %d bytes were packed into %d", name, len(raw), len(packed))
		}
	}
	for name, damaged := range map[string][]byte{"missing": nil, "of another kind": {9, 1}, "cut off": pack([]byte(strings.Repeat("variables ", 1000)))[:20]} {
		if _, err := unpack(damaged); err == nil {
			t.Errorf("bytes that are %s were unpacked", name)
		}
	}
}

func noise(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(rng.Uint32())
	}
	return out
}

func TestPackIDs(t *testing.T) {
	for _, ids := range [][]db.ID{nil, {1}, {5, 3, 4}, {1 << 60, 1<<60 + 1<<10, 1<<60 + 2<<10}, {math.MaxInt64, 0, math.MaxInt64}} {
		got, err := unpackIDs(packIDs(ids))
		if err != nil || !slices.Equal(got, ids) {
			t.Errorf("%v came back as %v, %v", ids, got, err)
		}
	}
	if _, err := unpackIDs([]byte{0x80}); err == nil {
		t.Error("damaged ids were read")
	}
}

func TestCacheKeepsTheNewestWithinItsBound(t *testing.T) {
	c := newCache(3 * (snapshotCost + 100))
	at := func(id db.ID, version int64) *snapshot {
		return &snapshot{Instance: Instance{ID: id, Version: version, Status: Running}, size: 100}
	}
	for id := range db.ID(3) {
		c.put(at(id, 2))
	}
	c.put(at(0, 1))
	if s := c.get(0); s == nil || s.Version != 2 {
		t.Errorf("an older version has replaced a newer one: %+v", s)
	}
	c.put(at(3, 1))
	if c.get(1) != nil || c.get(0) == nil || c.len() != 3 {
		t.Error("it did not let go of what was used least")
	}
	ended := at(0, 3)
	ended.Status = Completed
	c.put(ended)
	if c.get(0) != nil {
		t.Error("an ended instance is kept")
	}
	c.drop(2)
	c.drop(3)
	if c.size != 0 || c.len() != 0 {
		t.Errorf("%d bytes are left for %d instances", c.size, c.len())
	}
}

func TestPeopleGoFirstAndMachinesAreNotStopped(t *testing.T) {
	l := newLane(&Runtime{cfg: Config{GroupMax: 16, GroupBytes: 1000, LaneQueue: 100, LaneBytes: 3000}})
	l.open = true
	for range 40 {
		must(t, l.add(&call{machine: true, event: make([]byte, 10)}))
		must(t, l.add(&call{event: make([]byte, 10)}))
	}
	group := l.take()
	machines := 0
	for _, c := range group {
		if c.machine {
			machines++
		}
	}
	if len(group) != 16 || machines != 2 || group[0].machine {
		t.Errorf("a group of %d with %d machines; want 16 with 2 after the people", len(group), machines)
	}

	for len(l.take()) > 0 {
	}
	for range 5 {
		must(t, l.add(&call{event: make([]byte, 600)}))
	}
	if err := l.add(&call{event: make([]byte, 600)}); !errs.Is(err, errs.Exhausted) {
		t.Errorf("more bytes than may wait: %v", err)
	}
	if n := len(l.take()); n != 1 {
		t.Errorf("%d large commands in a group, want 1", n)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
