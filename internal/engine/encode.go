package engine

import (
	"encoding/binary"
	"math"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// The encoding of a State: a version byte, then its fields in a fixed order. Integers are varints,
// texts and lists carry their length, a value begins with a tag. One state has one encoding.
// Elements are named by id, so that the bytes outlive a new version of the parser.
const stateVersion = 3

const (
	tagNull byte = iota
	tagFalse
	tagTrue
	tagString
	tagInt
	tagNumber
	tagDate
	tagTime
	tagDateTime
	tagMonths
	tagDuration
	tagList
	tagContext
	tagRange
	tagPart // the hash of a value that is kept apart
)

// encoder appends to buf.
type encoder struct {
	buf   []byte
	apart int // values of variables that take as many bytes are kept apart; 0: none
	parts []Part
}

func (e *encoder) uint(n uint64) { e.buf = binary.AppendUvarint(e.buf, n) }
func (e *encoder) int(n int64)   { e.buf = binary.AppendVarint(e.buf, n) }
func (e *encoder) text(s string) { e.uint(uint64(len(s))); e.buf = append(e.buf, s...) }
func (e *encoder) tag(b byte)    { e.buf = append(e.buf, b) }
func (e *encoder) texts(l []string) {
	e.uint(uint64(len(l)))
	for _, s := range l {
		e.text(s)
	}
}

func (e *encoder) bool(b bool) {
	if b {
		e.tag(1)
	} else {
		e.tag(0)
	}
}

// MarshalBinary encodes the state. It fails only when a variable holds a FEEL function.
func (s *State) MarshalBinary() ([]byte, error) {
	e := &encoder{}
	err := s.encode(e)
	return e.buf, err
}

func (s *State) encode(e *encoder) error {
	e.buf = make([]byte, 0, 64+48*len(s.acts))
	e.tag(stateVersion)
	e.int(s.instance)
	e.text(s.businessKey)
	e.text(s.initiator)
	e.int(s.parent)
	e.int(s.parentCall)
	e.tag(byte(s.how))
	e.bool(s.suspended)
	e.bool(s.acted)
	e.uint(uint64(s.lastKey))
	e.uint(uint64(len(s.acts)))
	for _, a := range s.acts {
		if err := e.activation(a); err != nil {
			return err
		}
	}
	e.uint(uint64(len(s.arms)))
	for i := range s.arms {
		e.arm(&s.arms[i])
	}
	e.uint(uint64(len(s.passed)))
	for _, p := range s.passed {
		e.int(p.Task)
		e.text(p.Element)
		e.uint(uint64(p.Loop))
		e.text(p.By)
		e.int(p.At.UnixMicro())
		e.uint(uint64(p.group))
	}
	e.uint(uint64(len(s.stopped)))
	for _, c := range s.stopped {
		e.text(c.element)
		e.uint(uint64(c.loop))
		e.int(c.left)
		e.uint(uint64(c.reached))
	}
	e.rest(s)
	return nil
}

// rest encodes what few states have: announced by one byte.
func (e *encoder) rest(s *State) {
	if len(s.kept)+len(s.closing) == 0 && s.slice == 0 {
		e.bool(false)
		return
	}
	e.bool(true)
	e.uint(uint64(len(s.kept)))
	for _, k := range s.kept {
		e.text(k.element)
		e.uint(uint64(len(k.votes)))
		for _, v := range k.votes {
			e.text(v.name)
			e.vote(v.vote)
		}
	}
	e.uint(uint64(len(s.closing)))
	for _, c := range s.closing {
		e.tag(byte(c.what))
		e.int(c.id)
		e.text(c.element)
		e.uint(uint64(c.loop))
	}
	e.int(s.slice)
	e.tag(byte(s.ending.How))
	e.text(s.ending.Code)
	e.bool(s.ending.All)
}

// The parts of an activation that most do not have are announced by a bit each.
const (
	hasVars = 1 << iota
	hasTask
	hasBody
	hasArrived
	hasLater
	hasUndo
	hasPending
	hasIncident
	hasDetour
	hasBallot
	hasClock
	isArmed
)

func (a *activation) parts() uint64 {
	return bit(len(a.vars) > 0, hasVars) | bit(a.task != nil, hasTask) | bit(a.body != nil, hasBody) |
		bit(len(a.arrived) > 0, hasArrived) | bit(len(a.later) > 0, hasLater) | bit(len(a.undo) > 0, hasUndo) |
		bit(len(a.pending) > 0, hasPending) | bit(a.incident != nil, hasIncident) | bit(a.detour != nil, hasDetour) |
		bit(a.body != nil && a.body.ballot != nil, hasBallot) | bit(a.clock != nil, hasClock) | bit(a.armed, isArmed)
}

func bit(has bool, part uint64) uint64 {
	if has {
		return part
	}
	return 0
}

func (e *encoder) activation(a *activation) error {
	if n := len(a.written); n > 0 && (e.apart == 0 || n < e.apart) {
		e.buf = append(e.buf, a.written...)
		return nil
	}
	e.uint(uint64(a.key))
	e.uint(uint64(a.parent))
	e.text(a.element)
	e.tag(byte(a.phase))
	e.bool(a.entered)
	e.bool(a.taken)
	e.text(a.via)
	e.uint(uint64(a.loop))
	e.uint(uint64(a.undoFor))
	e.int(a.id)
	parts := a.parts()
	e.uint(parts)
	if parts&hasVars != 0 {
		if err := e.vars(a.vars); err != nil {
			return err
		}
	}
	if t := a.task; t != nil {
		e.uint(uint64(t.version))
		e.text(t.assignee)
		e.texts(t.owners)
	}
	if b := a.body; b != nil {
		e.uint(uint64(b.total))
		e.uint(uint64(b.started))
		e.uint(uint64(b.completed))
		e.uint(uint64(len(b.removed)))
		for _, n := range b.removed {
			e.uint(uint64(n))
		}
		if err := e.value(listOrNull(b.items)); err != nil {
			return err
		}
		if err := e.value(listOrNull(b.results)); err != nil {
			return err
		}
	}
	if parts&hasArrived != 0 {
		e.texts(a.arrived)
	}
	if parts&hasLater != 0 {
		e.texts(a.later)
	}
	if parts&hasUndo != 0 {
		if err := e.undo(a.undo); err != nil {
			return err
		}
	}
	if parts&hasPending != 0 {
		if err := e.undo(a.pending); err != nil {
			return err
		}
	}
	if i := a.incident; i != nil {
		e.int(i.id)
		e.tag(byte(i.at))
		e.text(i.code)
		e.text(i.message)
		e.bool(i.work)
	}
	if d := a.detour; d != nil {
		e.detour(d)
	}
	if parts&hasBallot != 0 {
		e.ballot(a.body.ballot)
	}
	if c := a.clock; c != nil {
		e.int(c.due)
		e.bool(c.stands)
		e.int(c.left)
		e.uint(uint64(c.reached))
	}
	return nil
}

func (e *encoder) ballot(b *ballot) {
	e.bool(b.formed)
	e.tag(byte(b.forced))
	e.text(b.reason)
	e.uint(uint64(len(b.members)))
	for _, m := range b.members {
		e.text(m.name)
		e.uint(uint64(m.weight))
		e.bool(m.veto)
		e.text(m.by)
		e.uint(uint64(len(m.after)))
		for _, n := range m.after {
			e.uint(uint64(n))
		}
	}
	e.uint(uint64(len(b.votes)))
	for _, v := range b.votes {
		e.vote(v)
	}
}

func (e *encoder) vote(v vote) {
	e.uint(uint64(v.member))
	e.tag(byte(v.what))
	e.text(v.by)
	e.text(v.outcome)
	e.text(v.why)
	e.int(v.at)
}

func listOrNull(l feel.List) feel.Value {
	if l == nil {
		return nil
	}
	return l
}

func (e *encoder) undo(all []undo) error {
	e.uint(uint64(len(all)))
	for _, u := range all {
		e.text(u.element)
		e.uint(uint64(u.group))
		if err := e.vars(u.vars); err != nil {
			return err
		}
		if err := e.undo(u.inside); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) detour(d *detour) {
	e.bool(d != nil)
	if d != nil {
		e.uint(uint64(d.id))
		e.lost(d.tokens)
	}
}

func (e *encoder) lost(tokens []lostToken) {
	e.uint(uint64(len(tokens)))
	for _, l := range tokens {
		e.text(l.element)
		e.text(l.via)
		e.detour(l.detour)
		e.lost(l.inside)
	}
}

func (e *encoder) arm(m *arm) {
	e.int(m.id)
	e.uint(uint64(m.owner))
	e.text(m.element)
	e.tag(byte(m.kind))
	switch m.kind {
	case bpmn.TimerEvent:
		e.int(m.due)
		e.text(m.cycle)
		e.int(int64(m.left))
		e.uint(uint64(m.level))
	case bpmn.ConditionalEvent:
		e.bool(m.met)
	default:
		e.text(m.name)
		e.text(m.key)
	}
}

func (e *encoder) vars(vars []variable) error {
	e.uint(uint64(len(vars)))
	for _, v := range vars {
		e.text(v.name)
		start := len(e.buf)
		if err := e.value(v.value); err != nil {
			return err
		}
		if e.apart > 0 && len(e.buf)-start >= e.apart {
			e.part(start)
		}
	}
	return nil
}

func (e *encoder) tagged(tag byte, s string) {
	e.tag(tag)
	e.text(s)
}

func (e *encoder) value(value feel.Value) error {
	switch v := value.(type) {
	case nil:
		e.tag(tagNull)
	case bool:
		if v {
			e.tag(tagTrue)
		} else {
			e.tag(tagFalse)
		}
	case string:
		e.tagged(tagString, v)
	case feel.Number:
		e.number(v)
	case feel.Date:
		e.tagged(tagDate, v.String())
	case feel.Time:
		e.tagged(tagTime, v.String())
	case feel.DateTime:
		e.tagged(tagDateTime, v.String())
	case feel.MonthDuration:
		e.tag(tagMonths)
		e.int(int64(v))
	case feel.Duration:
		e.tag(tagDuration)
		e.int(v.Seconds)
		e.uint(uint64(v.Nano))
	case feel.List:
		e.tag(tagList)
		e.uint(uint64(len(v)))
		for _, item := range v {
			if err := e.value(item); err != nil {
				return err
			}
		}
	case *feel.Context:
		e.tag(tagContext)
		e.uint(uint64(v.Len()))
		for i := range v.Len() {
			e.text(v.At(i).Name)
			if err := e.value(v.At(i).Value); err != nil {
				return err
			}
		}
	case *feel.Range:
		e.tag(tagRange)
		e.bool(v.LowClosed)
		e.bool(v.HighClosed)
		e.text(v.Op)
		if err := e.value(v.Low); err != nil {
			return err
		}
		return e.value(v.High)
	default:
		return fail("a variable holds a %T, which cannot be kept", value)
	}
	return nil
}

// number writes small integers as such and everything else with its digits.
func (e *encoder) number(n feel.Number) {
	s := n.String()
	if i, ok := n.Int64(); ok && i > math.MinInt32 && i < math.MaxInt32 && s == feel.Int(i).String() {
		e.tag(tagInt)
		e.int(i)
		return
	}
	e.tagged(tagNumber, s)
}
