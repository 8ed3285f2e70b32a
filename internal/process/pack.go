package process

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/paceline/paceline/internal/db"
)

// Bytes are packed before they are stored: the first byte says how. The database is told
// not to compress; ours costs less and is the same everywhere.
const (
	packedPlain byte = 0
	packedFlate byte = 1

	packFrom  = 2 << 10  // smaller ones are stored as they are
	unpackMax = 64 << 20 // larger ones are damaged or hostile
)

var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // fails for an unknown level only
	return w
}}

func pack(raw []byte) []byte {
	if len(raw) < packFrom {
		return append([]byte{packedPlain}, raw...)
	}
	var out bytes.Buffer
	out.WriteByte(packedFlate)
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	_, err := w.Write(raw)
	if err := errors.Join(err, w.Close()); err != nil || out.Len() > len(raw) {
		return append([]byte{packedPlain}, raw...)
	}
	return out.Bytes()
}

func unpack(packed []byte) ([]byte, error) {
	if len(packed) == 0 {
		return nil, errors.New("stored bytes are missing")
	}
	switch packed[0] {
	case packedPlain:
		return packed[1:], nil
	case packedFlate:
		r := flate.NewReader(bytes.NewReader(packed[1:]))
		raw, err := io.ReadAll(io.LimitReader(r, unpackMax+1))
		if err != nil {
			return nil, fmt.Errorf("stored bytes are damaged: %w", err)
		}
		if len(raw) > unpackMax {
			return nil, errors.New("stored bytes are damaged: too large")
		}
		return raw, nil
	}
	return nil, fmt.Errorf("stored bytes begin with %#x", packed[0])
}

// packIDs writes ids as the first one and the distances between neighbours, as varints:
// those of one transition lie close together.
func packIDs(ids []db.ID) []byte {
	var out []byte
	last := db.ID(0)
	for _, id := range ids {
		out = binary.AppendVarint(out, int64(id-last))
		last = id
	}
	return out
}

func unpackIDs(packed []byte) ([]db.ID, error) {
	var ids []db.ID
	last := db.ID(0)
	for len(packed) > 0 {
		d, n := binary.Varint(packed)
		if n <= 0 {
			return nil, errors.New("stored ids are damaged")
		}
		packed = packed[n:]
		last += db.ID(d)
		ids = append(ids, last)
	}
	return ids, nil
}
