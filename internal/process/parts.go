package process

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
)

// Parts are the large variables of instances: each content once, as long as the state refers to it. So a
// transition writes a large variable when it changes and not again.
var Parts = &db.Table{
	Name: "instance_part",
	Columns: []db.Column{
		{Name: "instance", Type: db.BigInt},
		{Name: "hash", Type: db.Text, Size: 64}, // SHA-256 of the encoded value, in hexadecimal
		{Name: "id", Type: db.BigInt},
		{Name: "data", Type: db.Bytes}, // pack(encoded value)
	},
	Key:     []string{"instance", "hash"},
	Indexes: []db.Index{{Name: "instance_part_id", Columns: []string{"id"}}},
}

// Bounds of what an instance keeps.
const (
	partFrom  = 64 << 10 // bytes of a value that is kept apart
	partMost  = 8 << 20  // of one value
	partsMost = 32 << 20 // of all of them
	stateMost = 8 << 20  // of the state beside them
)

// encoded is a state as it is stored.
type encoded struct {
	state []byte
	parts []engine.Part
}

func (e encoded) size() int64 {
	size := int64(len(e.state))
	for _, p := range e.parts {
		size += int64(len(p.Data))
	}
	return size
}

func encode(state *engine.State) (e encoded, err error) {
	if e.state, e.parts, err = state.MarshalParts(partFrom); err != nil {
		return e, err
	}
	for _, p := range e.parts {
		if len(p.Data) > partMost {
			return e, errs.New(errs.Invalid, "a variable has %d MB", len(p.Data)>>20).
				WithCure("keep at most %d MB in a variable; attach larger data as a file", partMost>>20)
		}
	}
	if len(e.state) > stateMost || e.size()-int64(len(e.state)) > partsMost {
		return e, errs.New(errs.Invalid, "the instance would grow to %d MB", e.size()>>20).
			WithCure("keep at most %d MB in variables, or %d MB in those that have more than %d KB; attach larger data as files",
				stateMost>>20, partsMost>>20, partFrom>>10)
	}
	return e, nil
}

// partIDs are the ids of the parts of a stored state, by hash.
type partIDs map[[32]byte]db.ID

// changeParts adds what a state with other parts than before writes, and gives the ids of those that it has.
func changeParts(c *db.Change, instance db.ID, before partIDs, after []engine.Part, newID func() db.ID) partIDs {
	if len(before) == 0 && len(after) == 0 {
		return nil
	}
	ids := partIDs{}
	for _, p := range after {
		id, there := before[p.Hash]
		if !there {
			id = newID()
			c.Inserts = append(c.Inserts, db.Row{Table: Parts, Values: []any{instance, hex.EncodeToString(p.Hash[:]), id, pack(p.Data)}})
		}
		ids[p.Hash] = id
	}
	for hash, id := range before {
		if _, kept := ids[hash]; !kept {
			c.Gones = append(c.Gones, db.Gone{Table: Parts, Column: "id", Value: int64(id)})
		}
	}
	return ids
}

// storedState is the state column of an instance.
type storedState struct {
	Instance
	packed []byte
}

// decoded is a state with the ids of its parts.
type decoded struct {
	state *engine.State
	parts partIDs
	size  int64
	err   error // it is damaged
}

// errTorn says that a part was taken away between the reading of a state and of its parts: the
// state is of yesterday.
var errTorn = errs.New(errs.Unavailable, "an instance changed while it was read")

// tornMost bounds how often a state is read again for that.
const tornMost = 5

// decodeStates brings states to what they were when they were stored. Those with large variables have them read
// with one statement.
func decodeStates(ctx context.Context, q db.Queryer, rows []storedState) ([]decoded, error) {
	all := make([]decoded, len(rows))
	raws := make([][]byte, len(rows))
	var inParts []db.ID
	for i, row := range rows {
		if raws[i], all[i].err = unpack(row.packed); engine.InParts(raws[i]) {
			inParts = append(inParts, row.ID)
		}
	}
	parts, err := readParts(ctx, q, inParts)
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		d := &all[i]
		if d.err == nil {
			d.decode(raws[i], parts[row.ID])
		}
		if d.err != nil {
			d.err = fmt.Errorf("instance %s: %w", row.ID, d.err)
		}
	}
	return all, nil
}

func (d *decoded) decode(raw []byte, parts map[[32]byte]storedPart) {
	missing := false
	d.size = int64(len(raw))
	d.state, d.err = engine.DecodeParts(raw, func(hash [32]byte) []byte {
		part, there := parts[hash]
		if !there {
			missing = true
			return nil
		}
		if d.parts == nil {
			d.parts = partIDs{}
		}
		d.parts[hash] = part.id
		d.size += int64(len(part.data))
		return part.data
	})
	if missing {
		d.err = errTorn
	}
}

type storedPart struct {
	id   db.ID
	data []byte
}

// readParts reads the parts of instances, by instance and hash.
func readParts(ctx context.Context, q db.Queryer, instances []db.ID) (map[db.ID]map[[32]byte]storedPart, error) {
	found := map[db.ID]map[[32]byte]storedPart{}
	if len(instances) == 0 {
		return found, nil
	}
	_, err := db.All(ctx, q, func(s db.Scanner) (none struct{}, err error) {
		var instance, id db.ID
		var name string
		var packed []byte
		if err := s.Scan(&instance, &name, &id, &packed); err != nil {
			return none, err
		}
		data, err := unpack(packed)
		if err != nil {
			return none, err
		}
		var hash [32]byte
		if _, err := hex.Decode(hash[:], []byte(name)); err != nil || len(name) != 64 {
			return none, errors.New("the hash of a stored variable is damaged")
		}
		if found[instance] == nil {
			found[instance] = map[[32]byte]storedPart{}
		}
		found[instance][hash] = storedPart{id, data}
		return none, nil
	}, "SELECT instance, hash, id, data FROM instance_part WHERE instance IN (?)", db.In(instances))
	return found, err
}
