package engine

// copies are what the model wants people to be told when an activity starts or ends. Of a looped activity
// each instance tells them, of an approval group only the whole.
func (r *run) copies(a *activation, end bool) ([]Effect, error) {
	if len(a.node.CC) == 0 || r.isMember(a) || a.body != nil && a.body.ballot == nil {
		return nil, nil
	}
	var copies []Effect
	for _, cc := range a.node.CC {
		if cc.AtEnd != end {
			continue
		}
		to, err := r.evalStrings(a, cc.To)
		if err != nil {
			return nil, err
		}
		if len(to) > 0 {
			copies = append(copies, Notify{Node: a.node.Node, To: to})
		}
	}
	return copies, nil
}
