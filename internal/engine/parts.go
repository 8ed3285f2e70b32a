package engine

import (
	"crypto/sha256"
	"slices"
)

// A Part is the encoded value of one large variable, kept apart from the state and named by its content.
// The state refers to it; whoever stores a state stores its parts as long as it does.
type Part struct {
	Hash [sha256.Size]byte
	Data []byte
}

// stateInParts is the version byte of an encoding that refers to parts. Everything else is as in stateVersion.
const stateInParts = stateVersion + 1

// MarshalParts is MarshalBinary with the variables apart whose values take from bytes or more: each
// content once, in the order of the state. Without such variables the bytes are those of MarshalBinary.
func (s *State) MarshalParts(from int) ([]byte, []Part, error) {
	e := &encoder{apart: from}
	if err := s.encode(e); err != nil {
		return nil, nil, err
	}
	if len(e.parts) > 0 {
		e.buf[0] = stateInParts
	}
	return e.buf, e.parts, nil
}

// part replaces what was encoded since start by a reference to it.
func (e *encoder) part(start int) {
	hash := sha256.Sum256(e.buf[start:])
	if !slices.ContainsFunc(e.parts, func(p Part) bool { return p.Hash == hash }) {
		e.parts = append(e.parts, Part{hash, slices.Clone(e.buf[start:])})
	}
	e.buf = append(e.buf[:start], tagPart)
	e.buf = append(e.buf, hash[:]...)
}

// InParts says whether an encoded state refers to parts.
func InParts(state []byte) bool { return len(state) > 0 && state[0] == stateInParts }

// DecodeParts reads what MarshalParts wrote. part gives the data of a hash, nil when it has none; data
// that are not those of the hash are ErrDamaged.
func DecodeParts(state []byte, part func(hash [sha256.Size]byte) []byte) (*State, error) {
	s := &State{}
	if err := s.decode(&decoder{buf: state, part: part}); err != nil {
		return nil, err
	}
	return s, nil
}

// large decodes a value that is kept apart. Parts do not refer to parts.
func (d *decoder) large() any {
	var hash [sha256.Size]byte
	if d.version != stateInParts || d.part == nil || len(d.buf) < len(hash) {
		d.fail()
		return nil
	}
	d.buf = d.buf[copy(hash[:], d.buf):]
	data := d.part(hash)
	if data == nil || sha256.Sum256(data) != hash {
		d.fail()
		return nil
	}
	inner := &decoder{buf: data, version: stateVersion}
	value := inner.value()
	if inner.bad || len(inner.buf) > 0 {
		d.fail()
	}
	return value
}
