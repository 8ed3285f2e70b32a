package engine

import (
	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// Service and script tasks are done inside the transition when they are FEEL, and are work
// for a machine outside otherwise (BPMN 13.3.3).
var workTask = &behaviour{enter: func(r *run, a *activation) error {
	if w := a.node.Work; w != nil && w.Script != nil {
		return r.evaluateWork(a)
	}
	return r.openJob(a)
}}

func (r *run) evaluateWork(a *activation) error {
	w := a.node.Work
	value, err := r.eval(a, w.Script)
	if err != nil {
		return err
	}
	if w.ResultVar != "" {
		r.assign(a, w.ResultVar, value)
	}
	r.complete(a)
	return nil
}

func (r *run) openJob(a *activation) error {
	job := OpenJob{Node: a.node.Node, Loop: int(a.loop), Vars: r.inputsOf(a)}
	if w := a.node.Work; w != nil {
		job.Type = w.Type
		if w.TypeExpr != nil {
			var err error
			if job.Type, err = r.evalString(a, w.TypeExpr); err != nil {
				return err
			}
		}
	}
	if err := r.await(a); err != nil {
		return err
	}
	a.id = r.env.NewID()
	job.Job = a.id
	r.effects = append(r.effects, job)
	return nil
}

// inputsOf is what work outside sees: the declared inputs, else every visible variable.
func (r *run) inputsOf(a *activation) feel.Vars {
	if len(a.node.Inputs) > 0 {
		return asVars(a.vars)
	}
	return r.st.visible(a)
}

// jobAt finds open work.
func (r *run) jobAt(id ID) (*activation, error) {
	for i, a := range r.st.acts {
		if a.id == id && id != 0 && a.task == nil && a.phase == waiting && a.node.Kind != bpmn.CallActivity {
			return r.own(i), nil
		}
	}
	return nil, &Refused{Stale: true, Reason: "the job is not open any more"}
}

func (ev JobDone) apply(r *run) error {
	a, err := r.jobAt(ev.Job)
	if err != nil {
		return err
	}
	r.assignAll(a, ev.Vars)
	if a.node.Event != nil && a.node.behave.throw != nil {
		r.closeWork(a, true)
		r.throwLate(a) // it was the sending of an event
		return nil
	}
	r.complete(a)
	return nil
}

func (ev JobFailed) apply(r *run) error {
	a, err := r.jobAt(ev.Job)
	if err != nil {
		return err
	}
	r.failWork(a, ev.Code, ev.Message, ev.Vars)
	return nil
}
