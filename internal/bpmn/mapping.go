package bpmn

import "strings"

// mappings reads what goes into an activity's own scope and what comes out of it.
func (p *parser) mappings(e *element) (in, out []Mapping) {
	for _, io := range e.extensions("ioMapping", nsZeebe) {
		for _, x := range io.kids {
			if m, ok := p.plainMapping(x); ok && x.name == "input" {
				in = append(in, m)
			} else if ok && x.name == "output" {
				out = append(out, m)
			}
		}
	}
	for _, x := range e.extensions("input", nsPaceline) {
		if m, ok := p.plainMapping(x); ok {
			in = append(in, m)
		}
	}
	for _, x := range e.extensions("output", nsPaceline) {
		if m, ok := p.plainMapping(x); ok {
			out = append(out, m)
		}
	}
	for _, io := range e.extensions("inputOutput", nsVendor...) {
		for _, x := range io.kids {
			if m, ok := p.parameter(x); ok && x.name == "inputParameter" {
				in = append(in, m)
			} else if ok && x.name == "outputParameter" {
				out = append(out, m)
			}
		}
	}
	if e.name == "callActivity" {
		in = append(in, p.vendorMappings(e, "in")...)
		out = append(out, p.vendorMappings(e, "out")...)
	}
	return in, out
}

// plainMapping is source and target as Zeebe and we write them. In Zeebe's files a source
// without = is a text.
func (p *parser) plainMapping(x *element) (Mapping, bool) {
	if isTrue(x.attr("all")) {
		return Mapping{All: true}, true
	}
	source, target := x.attr("source"), x.attr("target")
	if target == "" {
		p.fail(x, "", "name the variable in target", "the mapping has no target")
		return Mapping{}, false
	}
	if source == "" {
		return Mapping{Source: p.compile(x, "", "null", Error), Target: target}, true
	}
	compile := p.expression
	if x.space == nsZeebe {
		compile = p.template
	}
	e := compile(x, source, Error)
	return Mapping{Source: e, Target: target}, e != nil
}

func (p *parser) vendorMappings(e *element, name string) []Mapping {
	var all []Mapping
	for _, x := range e.extensions(name, nsVendor...) {
		if m, ok := p.vendorMapping(x); ok {
			all = append(all, m)
		}
	}
	return all
}

// vendorMapping is in or out of the camunda family; false when it maps no variable.
func (p *parser) vendorMapping(x *element) (Mapping, bool) {
	m := Mapping{Target: x.attr("target")}
	switch {
	case x.attr("variables") == "all":
		return Mapping{All: true}, true
	case x.attr("sourceExpression") != "":
		m.Source = p.template(x, x.attr("sourceExpression"), Warning)
	case isTemplate(x.attr("source")):
		m.Source = p.template(x, x.attr("source"), Warning)
	case x.attr("source") != "":
		m.Source = p.compile(x, x.attr("source"), x.attr("source"), Warning)
	}
	return m, m.Source != nil && m.Target != ""
}

// parameter is an input or output parameter: text, a script, a list or a map.
func (p *parser) parameter(x *element) (Mapping, bool) {
	name := x.attr("name")
	source, err := parameterSource(x, 0)
	if err != nil {
		p.warn(x, "", "write the value in FEEL", "the parameter %s is ignored: %v", name, err)
		return Mapping{}, false
	}
	e := p.compile(x, firstOf(x.trimmed(), source), source, Warning)
	return Mapping{Source: e, Target: name}, e != nil && name != ""
}

// parameterSource is the FEEL of a value that may be nested.
func parameterSource(x *element, depth int) (string, error) {
	if depth > maxNesting {
		return "", errUnreadable("it is nested too deep")
	}
	for _, k := range x.kids {
		switch k.name {
		case "script":
			return scriptSource(k)
		case "list":
			return listSource(k, depth)
		case "map":
			return mapSource(k, depth)
		}
	}
	text := x.trimmed()
	if x.name == "script" {
		return scriptSource(x)
	}
	if text == "" {
		return "null", nil
	}
	if source, ok := strings.CutPrefix(text, "="); ok {
		return source, nil
	}
	return reduceTemplate(text)
}

func scriptSource(x *element) (string, error) {
	switch format := strings.ToLower(x.attr("scriptFormat")); {
	case strings.Contains(format, "feel"):
		return strings.TrimPrefix(x.trimmed(), "="), nil
	case x.trimmed() != "" && nextMarker(x.trimmed()) >= 0:
		return reduceTemplate(x.trimmed())
	case x.trimmed() != "":
		return reduceExpression(strings.TrimSuffix(x.trimmed(), ";"))
	}
	return "", errUnreadable("its script is outside the file")
}

func listSource(x *element, depth int) (string, error) {
	var items []string
	for _, k := range x.kids {
		item, err := parameterSource(k, depth+1)
		if err != nil {
			return "", err
		}
		items = append(items, item)
	}
	return "[" + strings.Join(items, ", ") + "]", nil
}

func mapSource(x *element, depth int) (string, error) {
	var entries []string
	for _, k := range x.kids {
		value, err := parameterSource(k, depth+1)
		if err != nil {
			return "", err
		}
		entries = append(entries, quote(k.attr("key"))+": "+value)
	}
	return "{" + strings.Join(entries, ", ") + "}", nil
}

type errUnreadable string

func (e errUnreadable) Error() string { return string(e) }

// listeners reads the execution and task listeners of a node that only compute; the
// others are the vendor's code and are ignored.
func (p *parser) listeners(n *Node, e *element) {
	for _, x := range listenersOf(e) {
		if l := p.listener(x); l != nil {
			n.Listeners = append(n.Listeners, l)
		} else {
			p.ignored(x)
		}
	}
}

// noListeners is for elements whose listeners are ignored, whatever they do.
func (p *parser) noListeners(e *element) {
	for _, x := range listenersOf(e) {
		p.ignored(x)
	}
}

func (p *parser) ignored(x *element) {
	p.warn(x, "", "use an output mapping or a service task", "the %s of another engine is ignored", x.name)
}

func listenersOf(e *element) []*element {
	all := append(e.extensions("executionListener", nsVendor...), e.extensions("taskListener", nsVendor...)...)
	return append(append(all, e.extensions("executionListeners", nsZeebe)...), e.extensions("taskListeners", nsZeebe)...)
}

func (p *parser) listener(x *element) *Listener {
	text := x.attr("expression")
	if s := x.inside(nsVendor, "script"); len(s) > 0 {
		text = s[0].trimmed()
	}
	w := &Work{}
	if text == "" || x.space == nsZeebe {
		return nil
	}
	p.workExpression(w, x, text)
	if w.Script == nil {
		return nil
	}
	return &Listener{Event: x.attr("event"), Script: w.Script, Result: w.ResultVar}
}
