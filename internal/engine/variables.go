package engine

import (
	"slices"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// variable is one variable of a scope. Scopes keep them sorted by name, so that a state has
// one encoding only.
type variable struct {
	name  string
	value feel.Value
}

func asVars(vars []variable) feel.Vars {
	all := make(feel.Vars, len(vars))
	for _, v := range vars {
		all[v.name] = v.value
	}
	return all
}

func lookup(vars []variable, name string) (int, bool) {
	lo, hi := 0, len(vars)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if vars[mid].name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(vars) && vars[lo].name == name
}

func names(vars feel.Vars) []string {
	all := make([]string, 0, len(vars))
	for name := range vars {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// declare sets a variable in the activation itself.
func (r *run) declare(a *activation, name string, value feel.Value) {
	r.changed = true
	if !a.ownVars {
		a.vars = append(make([]variable, 0, len(a.vars)+4), a.vars...)
		a.ownVars = true
	}
	i, found := lookup(a.vars, name)
	if r.def.watches {
		r.writes = append(r.writes, write{name, !found, a})
	}
	if found {
		a.vars[i].value = value
		return
	}
	a.vars = slices.Insert(a.vars, i, variable{name, value})
}

// assign sets a variable where it is declared, from a outwards; else at the process.
func (r *run) assign(a *activation, name string, value feel.Value) {
	for at := a; at != nil; at = at.up {
		if _, here := lookup(at.vars, name); here || at.up == nil {
			r.declare(at, name, value)
			return
		}
	}
}

func (r *run) assignAll(a *activation, vars feel.Vars) {
	for _, name := range names(vars) {
		r.assign(a, name, vars[name])
	}
}

// view is what an expression sees: the variables from one activation outwards, then what
// the instance itself is known by.
type view struct {
	local feel.Vars // of a decision
	at    *activation
	state *State
	now   time.Time
}

// Lookup finds a variable.
func (v *view) Lookup(name string) (feel.Value, bool) {
	if value, found := v.local[name]; found {
		return value, true
	}
	for at := v.at; at != nil; at = at.up {
		if i, found := lookup(at.vars, name); found {
			return at.vars[i].value, true
		}
		if value, found := at.loopVar(name); found {
			return value, true
		}
	}
	switch {
	case name == "initiator" && v.state.initiator != "":
		return v.state.initiator, true
	case name == "businessKey" && v.state.businessKey != "":
		return v.state.businessKey, true
	case name == "passed":
		return v.state.passedBy(), true
	}
	return nil, false
}

// passedBy is the variable "passed": for each completed user task, who completed it last.
func (s *State) passedBy() feel.Value {
	entries := make([]feel.Entry, len(s.passed))
	for i, p := range s.passed {
		entries[i] = feel.Entry{Name: p.Element, Value: p.By}
	}
	return feel.NewContext(entries...)
}

// Now is the instant of the Step.
func (v *view) Now() time.Time { return v.now }

// eval evaluates an expression as seen from a.
func (r *run) eval(a *activation, x *bpmn.Expression) (feel.Value, error) {
	return r.evalWith(a, nil, x)
}

// evalWith is eval with more names, which hide those of the instance.
func (r *run) evalWith(a *activation, local feel.Vars, x *bpmn.Expression) (feel.Value, error) {
	r.view = view{local: local, at: a, state: r.st, now: r.env.Now}
	value, err := x.FEEL.Eval(&r.view)
	if err != nil {
		return nil, fail("%s: %v", x.Text, err)
	}
	if !canKeep(value) {
		return nil, fail("%s: a function is no value that can be kept", x.Text)
	}
	return value, nil
}

// evalString evaluates to text; null is "".
func (r *run) evalString(a *activation, x *bpmn.Expression) (string, error) {
	if x == nil {
		return "", nil
	}
	value, err := r.eval(a, x)
	if err != nil {
		return "", err
	}
	return text(value), nil
}

// evalStrings evaluates to a list of names; one text may carry several, with commas.
func (r *run) evalStrings(a *activation, x *bpmn.Expression) ([]string, error) {
	if x == nil {
		return nil, nil
	}
	value, err := r.eval(a, x)
	if err != nil {
		return nil, err
	}
	return texts(value), nil
}

// holds evaluates a condition. Null does not hold; any other value that is no boolean is an error.
func (r *run) holds(a *activation, x *bpmn.Expression) (bool, error) {
	value, err := r.eval(a, x)
	switch value := value.(type) {
	case nil:
		return false, err
	case bool:
		return value, err
	}
	return false, fail("%s is %s, not true or false", x.Text, text(value))
}

// mapAll evaluates mappings as seen from a and hands the results to set.
func (r *run) mapAll(a *activation, mappings []bpmn.Mapping, set func(name string, value feel.Value)) error {
	for _, m := range mappings {
		if m.All && m.Target == "" {
			for all, names := r.visibleNames(a); len(names) > 0; names = names[1:] {
				set(names[0], all[names[0]])
			}
			continue
		}
		value, err := r.eval(a, m.Source)
		if err != nil {
			return err
		}
		set(m.Target, value)
	}
	return nil
}

func (r *run) visibleNames(a *activation) (feel.Vars, []string) {
	all := r.st.visible(a)
	return all, names(all)
}
