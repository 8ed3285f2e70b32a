package engine

// listen runs the listeners of an element for one moment of its life. Those that are no
// expression are none of the interpreter's business.
func (r *run) listen(a *activation, moment string) error {
	for _, l := range a.node.Listeners {
		if l.Event != moment || l.Script == nil {
			continue
		}
		value, err := r.eval(a, l.Script)
		if err != nil {
			return err
		}
		if l.Result != "" {
			r.assign(a, l.Result, value)
		}
	}
	return nil
}
