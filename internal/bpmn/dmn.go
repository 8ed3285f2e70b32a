package bpmn

import (
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/feel"
)

// hitPolicies maps the words of DMN 1.5 section 8.2.8 to their letters.
var hitPolicies = map[string]string{
	"": "U", "UNIQUE": "U", "ANY": "A", "PRIORITY": "P", "FIRST": "F",
	"COLLECT": "C", "RULE ORDER": "R", "OUTPUT ORDER": "O",
}

// dmn tells whether e is the DMN element of that name, in any version.
func (e *element) dmn(name string) bool {
	return e.name == name && slices.Contains(nsDMN, e.space)
}

func (e *element) dmnChild(name string) *element {
	for _, k := range e.kids {
		if k.dmn(name) {
			return k
		}
	}
	return nil
}

// dmnText is the text of the expression in a child of that name.
func (e *element) dmnText(child string) (string, *element) {
	if e = e.dmnChild(child); e == nil {
		return "", nil
	}
	if t := e.dmnChild("text"); t != nil {
		return t.trimmed(), t
	}
	return "", e
}

// decisions reads the DMN decisions that stand in root, or in DMN definitions in it.
func (p *parser) decisions(root *element) {
	var variables, entries []string
	eachDMN(root, func(e *element) {
		if !e.dmn("businessKnowledgeModel") {
			e.declared(&variables, &entries)
		}
	})
	p.words = []feel.Option{feel.WithNames(variables...), feel.WithEntries(entries...)}
	eachDMN(root, func(e *element) {
		if e.dmn("decision") {
			p.decision(e)
		}
	})
	p.words = nil
}

// eachDMN visits the DMN elements at the top of root, or of DMN definitions in it.
func eachDMN(root *element, visit func(*element)) {
	for _, e := range root.kids {
		switch {
		case e.dmn("definitions") || e.is("extensionElements"):
			eachDMN(e, visit)
		case slices.Contains(nsDMN, e.space):
			visit(e)
		}
	}
}

// declared adds the names of variables, and of entries of contexts, that e declares. FEEL needs
// to know those with operators and reserved words in them, like Pre-bureau risk.
func (e *element) declared(variables, entries *[]string) {
	switch {
	case e.dmn("inputData"), e.dmn("decision"), e.dmn("variable"):
		*variables = append(*variables, e.attr("name"))
	case e.dmn("itemComponent"), e.dmn("output"):
		*entries = append(*entries, e.attr("name"))
	}
	for _, k := range e.kids {
		k.declared(variables, entries)
	}
}

func (p *parser) decision(e *element) {
	d := &Decision{ID: e.attr("id"), Name: e.attr("name"), Line: e.line, ResultVar: e.attr("name")}
	if v := e.dmnChild("variable"); v != nil {
		d.ResultVar = v.attr("name")
	}
	for _, r := range e.kids {
		if r.dmn("informationRequirement") {
			if required := r.dmnChild("requiredDecision"); required != nil {
				_, id, _ := strings.Cut(required.attr("href"), "#")
				d.Requires = append(d.Requires, id)
			}
		}
	}
	table, literal := e.dmnChild("decisionTable"), e.dmnChild("literalExpression")
	switch {
	case d.ID == "":
		p.fail(e, "DMN 6.3.7", "give it an id", "the decision %q has no id", d.Name)
	case p.defs.Decision(d.ID) != nil:
		p.fail(e, "DMN 6.3.7", "give each decision an id of its own", "the decision %q is there twice", d.ID)
	case table != nil:
		d.Table = p.decisionTable(table)
	case literal != nil:
		if t := literal.dmnChild("text"); t != nil {
			d.Literal = p.expression(t, t.trimmed(), Error)
		}
	case !slices.ContainsFunc(e.kids, isLogic):
		// Decided by people, or before the process: a variable.
		d.Literal = p.compile(e, d.ResultVar, d.ResultVar, Warning)
	default:
		p.warn(e, "DMN 7.3", "write a decision table or a literal expression", "the decision %q has logic of a kind that is not supported, and is left out", d.ID)
		return
	}
	p.defs.Decisions = append(p.defs.Decisions, d)
}

// isLogic tells whether e is an expression of DMN 1.5 section 7.3.
func isLogic(e *element) bool {
	return slices.ContainsFunc([]string{"context", "invocation", "relation", "list", "functionDefinition",
		"conditional", "for", "some", "every", "filter"}, e.dmn)
}

func (p *parser) decisionTable(e *element) *DecisionTable {
	t := &DecisionTable{HitPolicy: hitPolicies[e.attr("hitPolicy")], Aggregation: e.attr("aggregation")}
	if t.HitPolicy == "" {
		p.fail(e, "DMN 8.2.8", "write UNIQUE, ANY, PRIORITY, FIRST, COLLECT, RULE ORDER or OUTPUT ORDER", "the hit policy %q is not known", e.attr("hitPolicy"))
	}
	for _, k := range e.kids {
		switch {
		case k.dmn("input"):
			t.Inputs = append(t.Inputs, p.decisionInput(k))
		case k.dmn("output"):
			t.Outputs = append(t.Outputs, p.decisionOutput(k, t.HitPolicy))
		case k.dmn("rule"):
			t.Rules = append(t.Rules, p.decisionRule(k, t))
		}
	}
	if len(t.Outputs) == 0 {
		p.fail(e, "DMN 8.3.1", "add an output", "the decision table has no output")
	}
	return t
}

func (p *parser) decisionInput(e *element) DecisionInput {
	text, at := e.dmnText("inputExpression")
	if text == "" {
		text, at = firstOf(e.vendor("inputVariable"), "null"), e
	}
	in := DecisionInput{Expr: p.expression(at, text, Error)}
	if text, at := e.dmnText("inputValues"); text != "" {
		in.Values = p.unaryTests(at, text)
	}
	if x := e.dmnChild("inputExpression"); x != nil {
		in.Temporal = isTemporal(x.attr("typeRef"))
	}
	return in
}

// isTemporal tells whether a type is a date, a time or a duration, in the spelling of any version of DMN.
func isTemporal(typeRef string) bool {
	switch typeRef[strings.LastIndex(typeRef, ":")+1:] {
	case "date", "time", "dateTime", "date and time", "dayTimeDuration", "days and time duration",
		"yearMonthDuration", "years and months duration":
		return true
	}
	return false
}

func (p *parser) decisionOutput(e *element, hitPolicy string) DecisionOutput {
	out := DecisionOutput{Name: e.attr("name")}
	if text, at := e.dmnText("outputValues"); text != "" && text != "-" {
		out.Values = p.unaryTests(at, text)
		if hitPolicy == "P" || hitPolicy == "O" {
			out.Order = p.expression(at, "["+text+"]", Error)
		}
	}
	if text, at := e.dmnText("defaultOutputEntry"); text != "" {
		out.Default = p.expression(at, text, Error)
	}
	return out
}

func (p *parser) decisionRule(e *element, t *DecisionTable) DecisionRule {
	r := DecisionRule{ID: e.attr("id"), Line: e.line}
	for _, k := range e.kids {
		text, at := "", k
		if x := k.dmnChild("text"); x != nil {
			text, at = x.trimmed(), x
		}
		switch {
		case k.dmn("inputEntry") && (text == "" || text == "-"):
			r.When = append(r.When, nil)
		case k.dmn("inputEntry"):
			r.When = append(r.When, p.unaryTests(at, text))
		case k.dmn("outputEntry"):
			r.Then = append(r.Then, p.expression(at, firstOf(text, "null"), Error))
		}
	}
	if len(r.When) != len(t.Inputs) || len(r.Then) != len(t.Outputs) {
		p.fail(e, "DMN 8.3.3", "give it one entry for each column", "the rule has %d of %d inputs and %d of %d outputs",
			len(r.When), len(t.Inputs), len(r.Then), len(t.Outputs))
	}
	return r
}

// unaryTests compiles a cell of an input column.
func (p *parser) unaryTests(at *element, text string) *Expression {
	compiled, err := feel.CompileTests(text, p.words...)
	if err != nil {
		p.fail(at, "DMN 8.3.3", "correct it", "the test %s does not compile: %v", shorten(text), err)
		return nil
	}
	return &Expression{Text: text, Source: text, Line: at.line, FEEL: compiled}
}
