package engine

import (
	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// A start event passes its token on at once (BPMN 13.5.1). Waiting for its trigger is the affair of
// whoever starts the process, or of the scope around an event sub-process.
var startEvent = &behaviour{enter: passStart, fired: startEventSubProcess}

func passStart(r *run, a *activation) error {
	if name := a.node.Initiator; name != "" && r.st.initiator != "" {
		r.assign(a, name, r.st.initiator)
	}
	r.complete(a)
	return nil
}

func (ev Start) apply(r *run) error {
	st := r.st
	st.businessKey, st.initiator = ev.BusinessKey, ev.Initiator
	st.parent, st.parentCall = ev.Parent, ev.ParentCall
	var starts []*node
	if ev.At == "" {
		var err error
		if starts, err = r.def.startsAt(ev.Element); err != nil {
			return err
		}
	}
	root := r.spawn(r.def.root, nil)
	root.phase = holding
	if err := r.mapAll(root, r.def.Process.Data, func(name string, v feel.Value) { r.declare(root, name, v) }); err != nil {
		return refuse("the data of the process cannot be read: %v", err)
	}
	for _, name := range names(ev.Vars) {
		r.declare(root, name, ev.Vars[name])
	}
	if err := r.armEvents(root); err != nil {
		return refuse("an event sub-process cannot be armed: %v", err)
	}
	if ev.At != "" {
		return r.startInside(ev.At, root)
	}
	for _, n := range starts {
		r.startAt(n, root, ev.Element != "")
	}
	return nil
}

// startInside places the first token at an element anywhere in the process, as a jump there would: the scopes
// around it are entered, and parallel joins have what else they would wait for.
func (r *run) startInside(element string, root *activation) error {
	to := r.def.nodes[element]
	switch {
	case to == nil:
		return refuse("the process has no element %q to begin at", element)
	case !canEnter(to):
		return refuse("work cannot begin at %s, a %s", to.ID, to.Tag)
	}
	if _, err := r.scopeFor(to, nil); err != nil {
		return err
	}
	token := r.place(to, r.openPath(to.scope, root))
	for at := token; at != root; at = at.up {
		r.fillJoins(at.node, at.up)
	}
	return nil
}

// startAt places a first token. A receive task or an event after an event-based gateway that
// starts the process (BPMN 10.6.6) has its message already.
func (r *run) startAt(n *node, root *activation, triggered bool) {
	if !triggered || n.Kind == bpmn.StartEvent {
		r.place(n, root)
		return
	}
	a := r.spawn(n, root)
	if n.Kind != bpmn.ReceiveTask {
		gateway := r.spawn(n.in[0].from, root)
		r.tellEntered(gateway)
		r.end(gateway, Completed)
		r.remove(gateway)
	}
	r.tellEntered(a)
	r.complete(a)
}

// instantiates reports whether a message or signal that reaches this node starts the process.
func (n *node) instantiates() bool {
	if n.Kind == bpmn.ReceiveTask && n.Instantiate {
		return true
	}
	return len(n.in) > 0 && n.in[0].from.Kind == bpmn.EventBasedGateway && n.in[0].from.Instantiate
}

// startsAt finds where the first tokens go: to the element named, else to the none start event
// or what begins without one, else to the first start event of another kind.
func (def *Definition) startsAt(element string) ([]*node, error) {
	if element != "" {
		n := def.nodes[element]
		if n == nil || n.scope != def.root || n.Kind != bpmn.StartEvent && !n.instantiates() {
			return nil, refuse("the process does not start at %q", element)
		}
		return []*node{n}, nil
	}
	if starts := def.root.starts; len(starts) > 0 {
		if starts[0].Kind == bpmn.StartEvent {
			return starts[:1], nil
		}
		return starts, nil
	}
	for _, n := range def.root.inner {
		if n.Kind == bpmn.StartEvent || n.Instantiate {
			return []*node{n}, nil
		}
	}
	return nil, refuse("the process has nowhere to start")
}

// processBehaviour is that of the root scope: it ends with the last token in it.
var processBehaviour = &behaviour{
	emptied: func(r *run, _ *activation) { r.finish(EndCompleted, "") },
}

func startEventSubProcess(r *run, m arm, scope *activation, vars feel.Vars) {
	r.interruptBy(m.node, scope, vars)
}
