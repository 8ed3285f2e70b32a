package bpmn

import (
	"strconv"
	"strings"
)

// implementations are the vendor attributes that say how a task is done.
var implementations = []string{"class", "delegateExpression", "expression", "type", "topic", "decisionRef"}

// implemented tells whether an element says how it is done.
func implemented(e *element) bool {
	for _, name := range implementations {
		if e.vendor(name) != "" {
			return true
		}
	}
	return e.extension("taskDefinition", nsZeebe) != nil || e.paceline("type") != ""
}

// work reads how a task is done: by an expression or script at once, by a decision, or by
// a handler that is named by type.
func (p *parser) work(n *Node, e *element) *Work {
	w := &Work{
		Headers:   p.headers(e),
		ResultVar: firstOf(e.paceline("result"), e.vendor("resultVariable"), e.vendor("resultVariableName")),
		Retries:   retries(e),
	}
	switch {
	case n.Kind == ScriptTask && p.script(w, e):
	case n.Kind == BusinessRuleTask && p.decisionTask(w, e):
	default:
		p.handler(w, e)
	}
	if w.Type != "" && isTemplate(w.Type) {
		if w.TypeExpr = p.template(e, w.Type, Warning); w.TypeExpr != nil {
			w.Type = ""
		}
	}
	return w
}

// handler reads the type of the job, or the expression that does the work.
func (p *parser) handler(w *Work, e *element) {
	kind := e.vendor("type")
	expression := e.vendor("expression")
	switch z := e.extension("taskDefinition", nsZeebe); {
	case e.paceline("type") != "":
		w.Type = e.paceline("type")
	case z != nil:
		w.Type = z.attr("type")
		w.Retries, _ = strconv.Atoi(z.attr("retries"))
	case kind == "external" || kind == "external-worker":
		w.Topic = e.vendor("topic")
		w.Type = w.Topic
	case expression != "":
		p.workExpression(w, e, expression)
	case kind != "":
		w.Type = kind
	case e.vendor("delegateExpression") != "":
		w.Type = strings.Trim(e.vendor("delegateExpression"), "${}# ")
	default:
		w.Type = firstOf(e.vendor("class"), strings.TrimPrefix(e.attr("implementation"), "##WebService"))
		if strings.HasPrefix(w.Type, "##") {
			w.Type = ""
		}
	}
}

// workExpression is an expression that does the work. One that only computes is
// evaluated at once; one that calls the vendor's objects is work under its own text.
func (p *parser) workExpression(w *Work, e *element, text string) {
	body := strings.TrimSpace(text)
	if i := nextMarker(body); i == 0 {
		if inner, rest, err := cutExpression(body[2:]); err == nil && rest == "" {
			body = inner
		}
	}
	if variable, source, ok := assignment(body); ok {
		w.ResultVar = variable
		w.Script = p.compile(e, text, source, Error)
		return
	}
	source, err := reduceTemplate(text)
	if err == nil && !strings.HasPrefix(text, "=") {
		w.Script = p.compile(e, text, source, Warning)
	}
	if w.Script == nil {
		w.Type = body
	}
}

// script reads a script task; false when it has no script here.
func (p *parser) script(w *Work, e *element) bool {
	if z := e.extension("script", nsZeebe); z != nil {
		w.Script = p.expression(z, z.attr("expression"), Error)
		w.ResultVar = z.attr("resultVariable")
		return true
	}
	if e.extension("taskDefinition", nsZeebe) != nil || e.paceline("type") != "" {
		return false
	}
	s := e.child("script")
	if s == nil {
		return e.vendor("resource") != ""
	}
	format := strings.ToLower(e.attr("scriptFormat"))
	switch {
	case strings.Contains(format, "feel"):
		w.Script = p.expression(s, s.trimmed(), Error)
	case format == "juel":
		p.workExpression(w, s, s.trimmed())
	default:
		w.ScriptText = s.trimmed()
		w.Language = e.attr("scriptFormat")
		if format != "" {
			w.Type = "script:" + language(format)
		}
	}
	return true
}

// language is the one name of a scripting language, from its name or media type in lower case.
func language(format string) string {
	name := strings.TrimPrefix(format[strings.LastIndex(format, "/")+1:], "x-") // of a media type
	switch name {
	case "js", "ecmascript", "graal.js", "nashorn":
		return "javascript"
	}
	return name
}

// decisionTask reads which decision a business-rule task takes.
func (p *parser) decisionTask(w *Work, e *element) bool {
	if z := e.extension("calledDecision", nsZeebe); z != nil {
		w.Decision = z.attr("decisionId")
		w.ResultVar = z.attr("resultVariable")
	} else if own := e.paceline("decision"); own != "" {
		w.Decision = own
	} else if d := e.vendor("decisionRef"); d != "" {
		w.Decision = d
		w.MapResult = firstOf(e.vendor("mapDecisionResult"), "resultList")
	}
	if isTemplate(w.Decision) {
		w.DecisionExpr, w.Decision = p.template(e, w.Decision, Error), ""
		return true
	}
	return w.Decision != ""
}

// headers are the fixed texts that go to a job handler.
func (p *parser) headers(e *element) map[string]string {
	h := map[string]string{}
	for _, list := range e.extensions("taskHeaders", nsZeebe) {
		for _, x := range list.inside([]string{nsZeebe}, "header") {
			h[x.attr("key")] = x.attr("value")
		}
	}
	for _, x := range e.extensions("header", nsPaceline) {
		h[x.attr("key")] = x.attr("value")
	}
	for _, x := range e.extensions("field", nsVendor...) {
		h[x.attr("name")] = fieldText(x)
	}
	if len(h) == 0 {
		return nil
	}
	return h
}

// fieldText is the value of an injected field: an attribute or a child.
func fieldText(x *element) string {
	text := firstOf(x.attr("stringValue"), x.attr("expression"))
	for _, k := range x.kids {
		text = firstOf(text, k.trimmed())
	}
	return text
}

// retries reads a retry cycle such as R5/PT1M; 0 when none is given.
func retries(e *element) int {
	if own := e.paceline("retries"); own != "" {
		n, _ := strconv.Atoi(own)
		return max(n, 0)
	}
	x := e.extension("failedJobRetryTimeCycle", nsVendor...)
	if x == nil {
		return 0
	}
	count, _, _ := strings.Cut(strings.TrimPrefix(x.trimmed(), "R"), "/")
	n, _ := strconv.Atoi(count)
	return max(n, 0)
}
