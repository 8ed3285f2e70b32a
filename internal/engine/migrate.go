package engine

import (
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// Migrate moves a running instance to another definition. Everything that waits goes to its counterpart by
// the Plan and keeps what it has: a task its assignee and candidates, a timer its due time, a call its
// called instance, an approval its votes. Beside what waits, events that the new definition does not have
// are given up and those it adds are armed. Refused, with the Element, is an instance that holds something without
// a counterpart.
//
// A branch that the new definition adds to a split that has been passed counts as done, so that its join is
// not waited for in vain; votes are counted by the new rule.
type Migrate struct {
	To     *Definition // not encoded: who replays finds it by Target
	Source ID          // what the host calls the old definition
	Target ID          // and the new
	Plan   Plan
}

// Reattach says that something open belongs to another element, or to the same one of another definition.
type Reattach struct {
	What    Thing
	ID      ID
	Node    *bpmn.Node
	Version int // of a task
}

func (Reattach) effect() {}

// Thing is a kind of thing that an instance has open outside.
type Thing uint8

// The things.
const (
	TaskThing Thing = iota + 1
	JobThing
	CallThing
	TimerThing
	SubscriptionThing
	IncidentThing
)

func (ev Migrate) apply(r *run) error {
	if ev.To == nil {
		return refuse("there is no definition to migrate to")
	}
	if problems := ev.Plan.Check(r.def, ev.To); len(problems) > 0 {
		return refuse("the plan does not fit: %s", problems[0])
	}
	m := &migration{run: r, mapping: newMapping(r.def, ev.To, ev.Plan), old: make(map[*activation]*node, len(r.st.all()))}
	r.def, r.st.def = ev.To, ev.To
	for _, step := range []func() error{m.moveTokens, m.moveArms, m.armNew, m.check} {
		if err := step(); err != nil {
			return err
		}
	}
	m.movePassed()
	m.tell()
	m.settleGroups()
	m.settleJoins()
	r.changed, r.joins = true, true
	return nil
}

// migration is one Migrate under way.
type migration struct {
	*run
	*mapping
	old map[*activation]*node // where each activation was
}

// stays is the refusal of a migration because of one element.
func stays(element string, why error) error {
	return &Refused{Element: element, Reason: element + " cannot follow: " + why.Error()}
}

func (m *migration) moveTokens() error {
	for _, a := range m.st.acts {
		m.old[a] = a.node
		to, err := m.image(a.node)
		if err == nil {
			a.node, a.element = to, to.ID
			err = m.moveContents(a)
		}
		if err != nil {
			return stays(m.old[a].ID, err)
		}
	}
	return nil
}

// moveContents moves what an activation holds beside its place.
func (m *migration) moveContents(a *activation) (err error) {
	a.via = m.moveVia(a)
	if a.arrived, err = each(a.arrived, m.moveFlow); err != nil {
		return err
	}
	if a.later, err = each(a.later, m.moveElement); err != nil {
		return err
	}
	if a.undo, err = each(a.undo, m.moveUndo); err != nil {
		return err
	}
	if a.pending, err = each(a.pending, m.moveUndo); err != nil {
		return err
	}
	if a.detour, err = m.moveDetour(a.detour); err != nil {
		return err
	}
	if a.task != nil {
		t := *a.task
		t.version++
		a.task = &t
	}
	return a.moveBody()
}

// moveVia is for what enters its element again after an incident; there it matters only that it came by a flow.
func (m *migration) moveVia(a *activation) string {
	if a.via == "" {
		return ""
	}
	if id, err := m.moveFlow(a.via); err == nil {
		return id
	}
	if len(a.node.in) > 0 {
		return a.node.in[0].ID
	}
	return ""
}

func (m *migration) moveFlow(id string) (string, error) {
	f := m.from.flows[id]
	if f == nil {
		return "", fail("the old version has no flow %q", id)
	}
	to, err := m.flow(f)
	if err != nil {
		return "", err
	}
	return to.ID, nil
}

func (m *migration) moveElement(id string) (string, error) {
	n := m.from.nodes[id]
	if n == nil {
		return "", fail("the old version has no element %q", id)
	}
	to, err := m.image(n)
	if err != nil {
		return "", fail("%s: %v", id, err)
	}
	return to.ID, nil
}

// moveUndo moves what may have to be compensated; it needs a handler in the new definition too.
func (m *migration) moveUndo(u undo) (moved undo, err error) {
	moved = u
	if moved.element, err = m.moveElement(u.element); err != nil {
		return u, err
	}
	if m.from.nodes[u.element].undoneBy != nil && m.to.nodes[moved.element].undoneBy == nil {
		return u, fail("%s is done and has no compensation in the new version", u.element)
	}
	moved.inside, err = each(u.inside, m.moveUndo)
	return moved, err
}

func (m *migration) moveDetour(d *detour) (*detour, error) {
	if d == nil {
		return nil, nil
	}
	tokens, err := each(d.tokens, m.moveLost)
	return &detour{id: d.id, tokens: tokens}, err
}

func (m *migration) moveLost(l lostToken) (moved lostToken, err error) {
	moved = l
	if moved.element, err = m.moveElement(l.element); err != nil {
		return l, err
	}
	if l.via != "" {
		if moved.via, err = m.moveFlow(l.via); err != nil {
			return l, err
		}
	}
	if moved.detour, err = m.moveDetour(l.detour); err != nil {
		return l, err
	}
	moved.inside, err = each(l.inside, m.moveLost)
	return moved, err
}

// each is a list with every item moved; it does not touch the given one.
func each[T any](items []T, move func(T) (T, error)) ([]T, error) {
	if len(items) == 0 {
		return items, nil
	}
	moved := make([]T, len(items))
	for i, item := range items {
		var err error
		if moved[i], err = move(item); err != nil {
			return nil, err
		}
	}
	return moved, nil
}

// moveBody makes a loop's body one of the new model.
func (a *activation) moveBody() error {
	b := a.body
	switch {
	case b == nil:
		return nil
	case a.node.Loop.OutputList != "" && b.results == nil:
		b.results = make(feel.List, b.total)
	case b.ballot != nil && b.ballot.formed && b.ballot.forced == undecided && !b.ballot.tally(b.removed).canAgree(a.node.Loop.Approval):
		return fail("its members cannot meet the new rule even when all agree")
	}
	return nil
}

// moveArms moves what is armed to its counterpart, and gives up what has none beside an owner that stays.
func (m *migration) moveArms() error {
	kept := make([]arm, 0, len(m.st.arms))
	for _, a := range m.st.arms {
		owner := m.awake(a.owner)
		to, err := m.image(a.node)
		if err == nil {
			moved := a
			moved.node, moved.element = to, to.ID
			if moved.fits(owner) && !slices.Contains(m.Renew, to.ID) {
				kept = append(kept, moved)
				continue
			}
		}
		m.tellDisarmed(a)
	}
	m.st.arms = kept
	return nil
}

// armNew arms the events that the new definition adds to what waits, and those that the plan renews.
func (m *migration) armNew() error {
	for _, a := range slices.Clone(m.st.acts) {
		had := map[*node]bool{}
		for _, n := range m.old[a].armedBy() {
			if to, err := m.image(n); err == nil {
				had[to] = true
			}
		}
		for _, n := range a.node.armedBy() {
			if !a.arms(n) || had[n] && !slices.Contains(m.Renew, n.ID) {
				continue
			}
			if err := m.arm(a, n); err != nil {
				return stays(n.ID, err)
			}
		}
	}
	return nil
}

// armedBy lists what an activation of the node can arm.
func (n *node) armedBy() []*node {
	all := slices.Clone(n.boundary)
	for _, e := range n.events {
		all = append(all, e.start())
	}
	switch n.Kind {
	case bpmn.EventBasedGateway:
		for _, f := range n.out {
			all = append(all, f.to)
		}
	case bpmn.CatchEvent, bpmn.ReceiveTask:
		all = append(all, n)
	}
	return all
}

// arms reports whether the activation has its event armed where it is now.
func (a *activation) arms(event *node) bool {
	waits := a.phase == waiting || a.phase == holding || a.phase == stuck && a.armed
	switch {
	case !waits:
		return false
	case event.host == a.node:
		return a.loop == 0
	case event.Kind == bpmn.StartEvent:
		return a.body == nil && a.phase == holding && !a.taken
	}
	return a.phase == waiting
}

// check holds the state against what the behaviours rely on.
func (m *migration) check() error {
	for _, a := range m.st.acts {
		if !m.st.fits(a) || a.id != 0 && a.node.Kind == bpmn.CallActivity && a.node.Call == nil {
			return stays(m.old[a].ID, fail("what it holds does not fit %s in the new version", a.element))
		}
	}
	return nil
}

// movePassed renames the steps behind; one that the new definition does not have keeps its name.
func (m *migration) movePassed() {
	passed := slices.Clone(m.st.passed)
	for i, p := range passed {
		if id, err := m.moveElement(p.Element); err == nil {
			passed[i].Element = id
		}
	}
	m.st.passed = passed
}

// tell says of everything open where it belongs now.
func (m *migration) tell() {
	for _, a := range m.st.acts {
		switch {
		case a.id == 0:
		case a.task != nil:
			m.reattach(TaskThing, a.id, a.node, a.task.version)
		case a.node.Kind == bpmn.CallActivity:
			m.reattach(CallThing, a.id, a.node, 0)
		default:
			m.reattach(JobThing, a.id, a.node, 0)
		}
		if a.incident != nil {
			m.reattach(IncidentThing, a.incident.id, a.node, 0)
		}
	}
	for _, a := range m.st.arms {
		switch a.kind {
		case bpmn.TimerEvent:
			m.reattach(TimerThing, a.id, a.node, 0)
		case bpmn.MessageEvent, bpmn.SignalEvent:
			m.reattach(SubscriptionThing, a.id, a.node, 0)
		}
	}
}

func (m *migration) reattach(what Thing, id ID, n *node, version int) {
	m.effects = append(m.effects, Reattach{What: what, ID: id, Node: n.Node, Version: version})
}

// settleGroups counts the votes of approvals by the new rules.
func (m *migration) settleGroups() {
	for _, a := range slices.Clone(m.st.acts) {
		if !a.dead && a.body != nil && a.body.ballot != nil && a.body.ballot.formed && a.phase == holding {
			m.count(a)
		}
	}
}

// settleJoins lets go parallel joins that have all of their flows now.
func (m *migration) settleJoins() {
	m.fillNewBranches()
	for _, j := range slices.Clone(m.st.acts) {
		if j.dead || j.phase != joining || j.node.Kind != bpmn.ParallelGateway {
			continue
		}
		if !slices.ContainsFunc(j.node.in, func(f *flow) bool { return !slices.Contains(j.arrived, f.ID) }) {
			m.release(j)
		}
	}
}

// fillNewBranches puts a token on each new flow to a parallel join that is waited for, or is certain to be
// reached, and that none can come by any more.
func (m *migration) fillNewBranches() {
	had := map[*flow]bool{}
	for _, f := range m.from.flows {
		if g, err := m.flow(f); err == nil {
			had[g] = true
		}
	}
	for _, scope := range slices.Clone(m.st.acts) {
		if scope.dead || scope.body != nil || !scope.node.isScope() {
			continue
		}
		for _, join := range scope.node.inner {
			if join.Kind == bpmn.ParallelGateway && len(join.in) > 1 {
				m.fillJoin(join, scope, had)
			}
		}
	}
}

func (m *migration) fillJoin(join *node, scope *activation, had map[*flow]bool) {
	for _, f := range join.in {
		if had[f] {
			continue
		}
		for _, a := range m.st.acts {
			if a.up == scope && !a.dead && !a.isAside() && (a.node == join || mustPass(a.node, join)) {
				if !m.comes(f, a.node, scope) {
					m.place(join, scope).via = f.ID
				}
				break
			}
		}
	}
}
