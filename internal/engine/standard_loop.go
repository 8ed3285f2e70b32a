package engine

// A standard loop runs an activity again while its condition holds, looked at before or
// after each time, and at most as often as its maximum says (BPMN 13.3.6).

func (r *run) enterStandardLoop(a *activation) error {
	a.body = &loopBody{}
	if a.node.Loop.TestBefore {
		again, err := r.again(a, 0)
		if err != nil {
			return err
		}
		if !again {
			return r.leave(a)
		}
	}
	if err := r.await(a); err != nil {
		return err
	}
	a.phase = holding
	r.nextInstance(a)
	return nil
}

// again reports whether the activity is to run once more after it ran done times.
func (r *run) again(a *activation, done int32) (bool, error) {
	l := a.node.Loop
	if l.Maximum != nil {
		value, err := r.eval(a, l.Maximum)
		if err != nil {
			return false, err
		}
		most, err := whole(value)
		if err != nil {
			return false, fail("%s: %v", l.Maximum.Text, err)
		}
		if int(done) >= most {
			return false, nil
		}
	}
	if l.While == nil {
		return l.Maximum != nil || done == 0, nil
	}
	return r.holds(a, l.While)
}

func (r *run) leaveStandardLoop(a *activation) error {
	again, err := r.again(a, a.loop)
	if err != nil {
		return err
	}
	body := a.up
	body.body.completed++
	r.end(a, Completed)
	r.remove(a)
	if again {
		r.nextInstance(body)
		return nil
	}
	r.complete(body)
	return nil
}
