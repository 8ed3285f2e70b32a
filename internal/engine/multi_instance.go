package engine

import (
	"slices"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// A looped activity has one activation for the whole, the body, which owns the boundary events, and
// under it one for each instance: all at once or one after the other for multi-instance
// (BPMN 13.3.7), one after the other for a standard loop (BPMN 13.3.6).

// maxInstances bounds the instances of one multi-instance activity.
const maxInstances = 10_000

// loopBody counts the instances of a looped activity. Its slices are replaced, never changed.
type loopBody struct {
	total     int32 // of a multi-instance, those taken out included; 0 for a standard loop
	started   int32
	completed int32
	removed   []int32   // taken out, by number
	items     feel.List // the collection; nil when there is only a number
	results   feel.List // what OutputItem gave, in order of the instances
	ballot    *ballot   // of an approval
}

func (r *run) enterLoop(a *activation) error {
	if a.node.Loop.Standard {
		return r.enterStandardLoop(a)
	}
	if a.node.Loop.Approval != nil {
		return r.enterApproval(a)
	}
	body, err := r.measure(a)
	if err != nil {
		return err
	}
	a.body = body
	if err := r.await(a); err != nil {
		return err
	}
	a.phase = holding
	if body.total == 0 {
		return r.leave(a)
	}
	if a.node.Loop.Sequential {
		r.nextInstance(a)
		return nil
	}
	r.startInstances(a)
	return nil
}

// measure finds how many instances there will be.
func (r *run) measure(a *activation) (*loopBody, error) {
	l, body := a.node.Loop, &loopBody{}
	switch {
	case l.Collection != nil:
		value, err := r.eval(a, l.Collection)
		if err != nil {
			return nil, err
		}
		items, err := list(value)
		if err != nil {
			return nil, fail("%s: %v", l.Collection.Text, err)
		}
		body.items = items
		body.total = int32(min(len(items), maxInstances+1))
	case l.Cardinality != nil:
		value, err := r.eval(a, l.Cardinality)
		if err != nil {
			return nil, err
		}
		n, err := whole(value)
		if err != nil {
			return nil, fail("%s: %v", l.Cardinality.Text, err)
		}
		if n < 0 {
			return nil, fail("%s is %d: there cannot be fewer than no instances", l.Cardinality.Text, n)
		}
		body.total = int32(min(n, maxInstances+1))
	default:
		return nil, fail("a multi-instance activity needs a collection or a number of instances")
	}
	if body.total > maxInstances {
		return nil, fail("more than %d instances", maxInstances)
	}
	if l.OutputList != "" {
		body.results = make(feel.List, body.total)
	}
	return body, nil
}

// nextInstance starts one more instance.
func (r *run) nextInstance(body *activation) {
	body.body.started++
	r.instance(body, body.body.started)
}

func (r *run) instance(body *activation, number int32) {
	a := r.place(body.node, body)
	a.loop = number
	r.declareTurn(a)
}

// declareTurn gives one instance of a looped activity its member of the collection and its index.
func (r *run) declareTurn(a *activation) {
	body := a.up
	l := body.node.Loop
	if l.IndexVar != "" {
		r.declare(a, l.IndexVar, feel.Int(int64(a.loop)-1))
	}
	if l.ElementVar != "" && int(a.loop) <= len(body.body.items) {
		r.declare(a, l.ElementVar, body.body.items[a.loop-1])
	}
}

// leaveLoop ends one instance of a looped activity and, with the last one, the whole.
func (r *run) leaveLoop(a *activation) error {
	if a.node.Loop.Standard {
		return r.leaveStandardLoop(a)
	}
	if r.isMember(a) {
		r.leaveBallot(a)
		return nil
	}
	body := a.up
	l := body.node.Loop
	if l.OutputList != "" && l.OutputItem != nil {
		value, err := r.eval(a, l.OutputItem)
		if err != nil {
			return err
		}
		body.body.results = slices.Clone(body.body.results)
		body.body.results[a.loop-1] = value
	}
	body.body.completed++
	done := body.body.done()
	if !done && l.Completion != nil {
		var err error
		if done, err = r.holds(a, l.Completion); err != nil {
			body.body.completed--
			return err
		}
	}
	throws, err := r.loopThrows(a)
	if err != nil {
		body.body.completed--
		return err
	}
	r.end(a, Completed)
	r.remove(a)
	for _, b := range throws {
		if !body.dead {
			r.leaveByBoundary(b, body, nil)
		}
	}
	if !body.dead {
		r.goOnLooping(body, done)
	}
	return nil
}

// loopThrows finds the boundary events that the completion of an instance triggers by the
// behavior of the loop (BPMN 13.3.7).
func (r *run) loopThrows(a *activation) ([]*node, error) {
	l := a.node.Loop
	if l.Behavior == bpmn.BehaviorAll || l.Behavior == bpmn.BehaviorOne && a.up.body.completed > 1 {
		return nil, nil
	}
	var found []*node
	for _, t := range l.Throws {
		if t.When != nil {
			yes, err := r.holds(a, t.When)
			if err != nil {
				return nil, err
			}
			if !yes {
				continue
			}
		}
		name, err := r.eventName(a, t.Event)
		if err != nil {
			return nil, err
		}
		if b := catcher(a.node.boundary, t.Event.Kind, name); b != nil {
			found = append(found, b)
		}
	}
	return found, nil
}

// done reports whether no instance is left to wait for.
func (b *loopBody) done() bool { return b.completed+int32(len(b.removed)) == b.total }

// goOnLooping ends the whole, or starts the next instance when they run one after the other.
func (r *run) goOnLooping(body *activation, done bool) {
	switch {
	case done:
		r.cancelInside(body, nil)
		r.complete(body)
	case body.node.Loop.Sequential:
		r.nextInstance(body)
	}
}

// closeBody hands out what the instances gave, before the flows are chosen.
func (r *run) closeBody(a *activation) {
	l := a.node.Loop
	if l.OutputList == "" {
		return
	}
	results := make(feel.List, 0, len(a.body.results))
	for i, value := range a.body.results {
		if !slices.Contains(a.body.removed, int32(i+1)) {
			results = append(results, value)
		}
	}
	r.assign(a.up, l.OutputList, results)
}

// loopVar is a variable that a looped activity has by itself (BPMN table 10.32, and the
// shorter names that vendors use).
func (a *activation) loopVar(name string) (feel.Value, bool) {
	if a.loop == 0 && a.body == nil {
		return nil, false
	}
	value, found := feel.Value(nil), false
	a.loopVars(func(n string, v feel.Value) {
		if n == name {
			value, found = v, true
		}
	})
	return value, found
}

func (a *activation) loopVars(yield func(string, feel.Value)) {
	if a.loop > 0 {
		yield("loopCounter", number(a.loop))
	}
	b := a.body
	switch {
	case b == nil:
		return
	case b.total == 0: // of a standard loop: how often it ran, for a condition tested before
		yield("loopCounter", number(b.started))
		return
	}
	total, active := b.total-int32(len(b.removed)), b.started-b.completed-int32(len(b.removed))
	yield("nrOfInstances", number(total))
	yield("numberOfInstances", number(total))
	yield("nrOfActiveInstances", number(active))
	yield("numberOfActiveInstances", number(active))
	yield("nrOfCompletedInstances", number(b.completed))
	yield("numberOfCompletedInstances", number(b.completed))
}
