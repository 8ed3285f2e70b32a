package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// ErrDamaged is the error of bytes that are no state.
var ErrDamaged = errors.New("the stored state is damaged")

// maxValueDepth bounds how deep values and completed sub-processes nest; FEEL itself ends at 1000.
const maxValueDepth = 2000

// DecodeState is UnmarshalBinary into a new State.
func DecodeState(data []byte) (*State, error) {
	s := &State{}
	if err := s.UnmarshalBinary(data); err != nil {
		return nil, err
	}
	return s, nil
}

// UnmarshalBinary decodes what MarshalBinary gave. Damaged bytes are ErrDamaged; what is made of them
// is never larger than the bytes by more than a small factor.
func (s *State) UnmarshalBinary(data []byte) error { return s.decode(&decoder{buf: data}) }

func (s *State) decode(d *decoder) error {
	if d.version = d.tag(); d.version < 1 || d.version > stateInParts {
		return ErrDamaged
	}
	*s = State{instance: d.int(), businessKey: d.text(), initiator: d.text(), parent: d.int(), parentCall: d.int()}
	s.how = How(d.tag())
	s.suspended, s.acted = d.bool(), d.bool()
	s.lastKey = d.uint32()
	last := uint32(0)
	for range d.count() {
		a := d.activation()
		if a.key <= last || a.parent >= a.key || (a.parent == 0) != (last == 0) {
			d.bad = true
		}
		last = a.key
		s.acts = append(s.acts, a)
	}
	for range d.count() {
		s.arms = append(s.arms, d.arm())
	}
	for range d.count() {
		s.passed = append(s.passed, Pass{Task: d.int(), Element: d.text(), Loop: int(d.int32()), By: d.text(), At: time.UnixMicro(d.int()).UTC(), group: d.uint32()})
	}
	if d.version >= 2 {
		for range d.count() {
			s.stopped = append(s.stopped, stoppedClock{element: d.text(), loop: d.int32(), left: d.int(), reached: d.uint32()})
		}
	}
	if d.version >= 3 && d.bool() {
		d.rest(s)
	}
	if d.bad || len(d.buf) > 0 || len(s.acts) == 0 || s.lastKey < last {
		return ErrDamaged
	}
	return nil
}

func (d *decoder) rest(s *State) {
	for range d.count() {
		k := keptVotes{element: d.text()}
		for range d.count() {
			k.votes = append(k.votes, keptVote{d.text(), d.vote()})
		}
		s.kept = append(s.kept, k)
	}
	for range d.count() {
		s.closing = append(s.closing, closing{closingKind(d.tag()), d.int(), d.text(), d.int32()})
	}
	s.slice = d.int()
	s.ending = Finished{How: How(d.tag()), Code: d.text(), All: d.bool()}
}

// decoder takes from buf; bad is set for good by the first thing that does not fit.
type decoder struct {
	buf     []byte
	version byte
	depth   int
	bad     bool
	part    func(hash [sha256.Size]byte) []byte // of a value that is kept apart; nil: there are none
}

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.buf)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

func (d *decoder) int() int64 {
	n, size := binary.Varint(d.buf)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

func (d *decoder) fail() { d.bad, d.buf = true, nil }

func (d *decoder) uint32() uint32 {
	n := d.uint()
	if n > math.MaxUint32 {
		d.fail()
	}
	return uint32(n)
}

func (d *decoder) int32() int32 {
	n := d.uint()
	if n > math.MaxInt32 {
		d.fail()
	}
	return int32(n)
}

func (d *decoder) tag() byte {
	if len(d.buf) == 0 {
		d.fail()
		return 0
	}
	b := d.buf[0]
	d.buf = d.buf[1:]
	return b
}

func (d *decoder) bool() bool { return d.tag() != 0 }

// count reads a length; each thing counted takes at least one byte.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.buf)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) text() string {
	n := d.count()
	if d.bad {
		return ""
	}
	s := string(d.buf[:n])
	d.buf = d.buf[n:]
	return s
}

func (d *decoder) texts() []string {
	var all []string
	for range d.count() {
		all = append(all, d.text())
	}
	return all
}

func (d *decoder) activation() *activation {
	a := &activation{key: d.uint32(), parent: d.uint32(), element: d.text()}
	a.phase = phase(d.tag())
	a.entered, a.taken = d.bool(), d.bool()
	a.via = d.text()
	a.loop = d.int32()
	a.undoFor = d.uint32()
	a.id = d.int()
	parts := d.uint()
	if parts&hasVars != 0 {
		a.vars = d.vars()
	}
	if parts&hasTask != 0 {
		a.task = &task{version: int(d.uint32()), assignee: d.text(), owners: d.texts()}
	}
	if parts&hasBody != 0 {
		a.body = &loopBody{total: d.int32(), started: d.int32(), completed: d.int32()}
		for range d.count() {
			a.body.removed = append(a.body.removed, d.int32())
		}
		a.body.items, _ = d.value().(feel.List)
		a.body.results, _ = d.value().(feel.List)
	}
	if parts&hasArrived != 0 {
		a.arrived = d.texts()
	}
	if parts&hasLater != 0 {
		a.later = d.texts()
	}
	if parts&hasUndo != 0 {
		a.undo = d.undo()
	}
	if parts&hasPending != 0 {
		a.pending = d.undo()
	}
	if parts&hasIncident != 0 {
		a.incident = &incident{id: d.int(), at: point(d.tag()), code: d.text(), message: d.text(), work: d.bool()}
		a.armed = a.incident.work // also where that was not kept yet
	}
	if parts&hasDetour != 0 {
		a.detour = d.detour()
	}
	if parts&hasBallot != 0 {
		if a.body == nil {
			d.fail()
			return a
		}
		a.body.ballot = d.ballot()
	}
	if parts&hasClock != 0 {
		a.clock = &clock{due: d.int(), stands: d.bool(), left: d.int(), reached: d.uint32()}
	}
	a.armed = a.armed || parts&isArmed != 0
	if (a.phase == stuck) != (a.incident != nil) || a.phase > over {
		d.fail()
	}
	return a
}

// ballot decodes an approval; numbers of members are checked, because the interpreter relies on them.
func (d *decoder) ballot() *ballot {
	b := &ballot{formed: d.bool(), forced: verdict(d.tag()), reason: d.text()}
	for range d.count() {
		m := member{name: d.text(), weight: d.int32(), veto: d.bool(), by: d.text()}
		for range d.count() {
			m.after = append(m.after, d.int32())
		}
		b.members = append(b.members, m)
	}
	for range d.count() {
		b.votes = append(b.votes, d.vote())
	}
	for _, v := range b.votes {
		if v.member < 1 || int(v.member) > len(b.members) || v.what < agreed || v.what > abstained {
			d.fail()
		}
	}
	for _, m := range b.members {
		for _, n := range m.after {
			if n < 1 || int(n) > len(b.members) {
				d.fail()
			}
		}
	}
	if b.forced > rejected {
		d.fail()
	}
	return b
}

func (d *decoder) vote() vote {
	return vote{member: d.int32(), what: choice(d.tag()), by: d.text(), outcome: d.text(), why: d.text(), at: d.int()}
}

func (d *decoder) undo() []undo {
	if d.depth++; d.depth > maxValueDepth {
		d.fail()
	}
	var all []undo
	for range d.count() {
		all = append(all, undo{element: d.text(), group: d.uint32(), vars: d.vars(), inside: d.undo()})
	}
	d.depth--
	return all
}

func (d *decoder) detour() *detour {
	if !d.bool() {
		return nil
	}
	return &detour{id: d.uint32(), tokens: d.lost()}
}

func (d *decoder) lost() []lostToken {
	if d.depth++; d.depth > maxValueDepth {
		d.fail()
	}
	var all []lostToken
	for range d.count() {
		all = append(all, lostToken{element: d.text(), via: d.text(), detour: d.detour(), inside: d.lost()})
	}
	d.depth--
	return all
}

func (d *decoder) arm() arm {
	m := arm{id: d.int(), owner: d.uint32(), element: d.text(), kind: bpmn.EventKind(d.tag())}
	switch m.kind {
	case bpmn.TimerEvent:
		m.due, m.cycle = d.int(), d.text()
		left := d.int()
		m.left = int32(left)
		if int64(m.left) != left {
			d.fail()
		}
		if d.version >= 2 {
			m.level = d.int32()
		}
	case bpmn.ConditionalEvent:
		m.met = d.bool()
	default:
		m.name, m.key = d.text(), d.text()
	}
	return m
}

func (d *decoder) vars() []variable {
	var vars []variable
	for range d.count() {
		v := variable{name: d.text(), value: d.value()}
		if n := len(vars); n > 0 && vars[n-1].name >= v.name {
			d.fail()
		}
		vars = append(vars, v)
	}
	return vars
}

func (d *decoder) value() feel.Value {
	if d.depth++; d.depth > maxValueDepth {
		d.fail()
	}
	defer func() { d.depth-- }()
	switch d.tag() {
	case tagPart:
		return d.large()
	case tagNull:
		return nil
	case tagFalse:
		return false
	case tagTrue:
		return true
	case tagString:
		return d.text()
	case tagInt:
		return feel.Int(d.int())
	case tagNumber:
		return parsed(d, feel.ParseNumber)
	case tagDate:
		return parsed(d, feel.ParseDate)
	case tagTime:
		return parsed(d, feel.ParseTime)
	case tagDateTime:
		return parsed(d, feel.ParseDateTime)
	case tagMonths:
		return feel.MonthDuration(d.int())
	case tagDuration:
		return feel.NewDuration(d.int(), int64(d.uint32()))
	case tagList:
		items := make(feel.List, 0, min(d.peekCount(), 64))
		for range d.count() {
			items = append(items, d.value())
		}
		return items
	case tagContext:
		var entries []feel.Entry
		for range d.count() {
			entries = append(entries, feel.Entry{Name: d.text(), Value: d.value()})
		}
		return feel.NewContext(entries...)
	case tagRange:
		return &feel.Range{LowClosed: d.bool(), HighClosed: d.bool(), Op: d.text(), Low: d.value(), High: d.value()}
	}
	d.fail()
	return nil
}

// peekCount is the length that count would read.
func (d *decoder) peekCount() int {
	n, _ := binary.Uvarint(d.buf)
	return int(min(n, 1<<16))
}

func parsed[T any](d *decoder, parse func(string) (T, bool)) feel.Value {
	v, ok := parse(d.text())
	if !ok {
		d.fail()
	}
	return v
}
