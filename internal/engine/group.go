package engine

import (
	"slices"

	"github.com/paceline/paceline/internal/feel"
)

// apply changes who takes part in a countersignature while it runs. Without members left to wait for,
// the whole completes.
func (ev GroupChanged) apply(r *run) error {
	a, err := r.taskAt(ev.Task, 0)
	if err != nil {
		return err
	}
	if a.loop == 0 || a.node.Loop.Standard {
		return refuse("the task %s does not belong to a group", a.element)
	}
	if r.isMember(a) {
		return r.changeBallot(ev, a)
	}
	if ev.Where != Beside || ev.Member != "" {
		return refuse("the task %s does not belong to an approval", a.element)
	}
	group := a.up
	if len(ev.Add) > maxInstances-int(group.body.total) {
		return refuse("more than %d instances", maxInstances)
	}
	r.st.acted = true
	r.addMembers(group, ev.Add)
	if !ev.Remove {
		return nil
	}
	group.body.removed = append(slices.Clip(group.body.removed), a.loop)
	r.cancel(a)
	if done := group.body.done(); done || group.kids == 0 {
		r.goOnLooping(group, done)
	}
	return nil
}

func (r *run) addMembers(group *activation, members feel.List) {
	b := group.body
	waits := b.started < b.total // some have still to start, and these after them
	for _, member := range members {
		if b.items != nil {
			b.items = append(slices.Clip(b.items), member)
		}
		if b.results != nil {
			b.results = append(slices.Clip(b.results), nil)
		}
		b.total++
		if !group.node.Loop.Sequential && !waits {
			r.nextInstance(group)
		}
	}
}
