package engine

import "slices"

// Large things are done in slices, so that no Step and no commit is huge: the instances of a parallel
// multi-instance activity are started in several Steps, and what many cancelled activations had open
// outside is closed in several. For the tokens both happen at once: a cancelled activation is gone.
//
// What is left asks for a timer that is due now (ArmTimer.Slice), one for the whole instance.

// sliceSize is how many instances one Step starts, and how many cancelled activations it closes.
const sliceSize = 500

// closing is an effect that is still to be told: something of a cancelled activation, to be closed outside.
type closing struct {
	what    closingKind
	id      ID
	element string
	loop    int32
}

type closingKind uint8

const (
	closesTask closingKind = iota
	closesJob
	closesCall
	closesTimer
	closesSubscription
	closesIncident
	tellsCancelled
)

// postpone takes the effects of an activation's end back, to be told in a later slice.
func (r *run) postpone(from int) {
	kept := r.effects[:from]
	for _, effect := range r.effects[from:] {
		switch e := effect.(type) {
		case CloseTask:
			r.later(closing{what: closesTask, id: e.Task, element: e.Node.ID})
		case CloseJob:
			r.later(closing{what: closesJob, id: e.Job})
		case CancelChild:
			r.later(closing{what: closesCall, id: e.Call})
		case DisarmTimer:
			r.later(closing{what: closesTimer, id: e.Timer})
		case Unsubscribe:
			r.later(closing{what: closesSubscription, id: e.Subscription})
		case CloseIncident:
			r.later(closing{what: closesIncident, id: e.Incident})
		case Trace:
			r.later(closing{what: tellsCancelled, element: e.Node.ID, loop: int32(e.Loop)})
		default:
			kept = append(kept, effect)
		}
	}
	r.effects = kept
}

func (r *run) later(c closing) {
	r.more = true
	r.st.closing = append(r.st.closing, c)
}

func (r *run) tellClosing(c closing) {
	n := r.def.node(c.element)
	if n == nil {
		n = r.def.root // the instance was migrated since
	}
	switch c.what {
	case closesTask:
		r.effects = append(r.effects, CloseTask{Task: c.id, Node: n.Node})
	case closesJob:
		r.effects = append(r.effects, CloseJob{Job: c.id})
	case closesCall:
		r.effects = append(r.effects, CancelChild{Call: c.id})
	case closesTimer:
		r.effects = append(r.effects, DisarmTimer{Timer: c.id})
	case closesSubscription:
		r.effects = append(r.effects, Unsubscribe{Subscription: c.id})
	case closesIncident:
		r.effects = append(r.effects, CloseIncident{Incident: c.id})
	default:
		r.effects = append(r.effects, Trace{What: Cancelled, Node: n.Node, Loop: int(c.loop)})
	}
}

// nextSlice goes on with what was too much for the Step before.
func (r *run) nextSlice() {
	r.st.slice = 0
	n := min(len(r.st.closing), 2*sliceSize) // an activation has a trace and, as a rule, one thing outside
	for _, c := range r.st.closing[:n] {
		r.tellClosing(c)
	}
	r.st.closing = r.st.closing[n:]
	for _, a := range r.st.acts {
		if !a.dead && a.phase == holding && a.startsInSlices() {
			r.startInstances(a)
		}
	}
}

// startsInSlices reports whether an activation is the body of a parallel multi-instance activity.
func (a *activation) startsInSlices() bool {
	return a.body != nil && a.body.ballot == nil && !a.node.Loop.Standard && !a.node.Loop.Sequential
}

// startInstances starts the instances of a parallel loop that have not started, as far as the slice goes.
func (r *run) startInstances(body *activation) {
	for body.body.started < body.body.total && !body.dead {
		if r.started == sliceSize {
			r.more = true
			return
		}
		r.started++
		r.nextInstance(body)
	}
}

// rest is what a Step does last: it asks for the next slice, or tells that the instance has ended.
func (r *run) rest() {
	st := r.st
	if r.deaths > 0 { // nobody need form a group that was cancelled in the same Step
		r.effects = slices.DeleteFunc(r.effects, func(e Effect) bool {
			group, ok := e.(FormGroup)
			return ok && st.find(uint32(group.Group)) == nil
		})
	}
	if st.how != 0 && len(st.closing) > 0 {
		st.ending, st.how = Finished{How: st.how, Code: st.ending.Code, All: st.ending.All}, 0
	}
	switch {
	case len(st.closing) > 0 || r.more && st.ending.How == 0 && st.how == 0:
		if st.slice == 0 {
			st.slice = r.env.NewID()
			r.effects = append(r.effects, ArmTimer{Timer: st.slice, Node: r.def.root.Node, Due: r.env.Now, Slice: true})
		}
		return
	case st.ending.How != 0:
		st.how = st.ending.How
	}
	if st.how != 0 {
		if st.slice != 0 {
			r.effects = append(r.effects, DisarmTimer{Timer: st.slice})
			st.slice = 0
		}
		r.effects = append(r.effects, Finished{How: st.how, Code: st.ending.Code, All: st.ending.All})
		st.ending = Finished{}
	}
}

// Closing counts what is over for the process and still to be closed outside, and gives the timer of the
// next slice; 0 when none is left.
func (s *State) Closing() (left int, timer ID) { return len(s.closing), s.slice }
