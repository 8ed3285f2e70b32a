package bpmn

import (
	"strconv"
	"strings"
)

// hasForm tells whether an element other than a user task shows a form.
func hasForm(e *element) bool {
	return e.paceline("form") != "" || e.vendor("formKey") != "" || e.vendor("formRef") != "" || e.extension("formDefinition", nsZeebe) != nil
}

// user reads what a user task asks of people. Ours wins over Zeebe's, that over the
// camunda family, that over the standard's resource roles.
func (p *parser) user(e *element) *User {
	u := &User{Properties: properties(e)}
	p.performers(u, e)
	p.vendorUser(u, e)
	p.zeebeUser(u, e)
	p.ownUser(u, e)
	return u
}

// performers reads humanPerformer and potentialOwner (BPMN 10.3.4), whose expressions are
// names, or user(name) and group(name).
func (p *parser) performers(u *User, e *element) {
	if x := e.child("humanPerformer"); x != nil {
		if text := assignmentText(x); text != "" {
			u.Assignee = p.template(x, text, Warning)
		}
	}
	var users, groups []string
	for _, x := range e.children("potentialOwner") {
		for _, name := range splitNames(assignmentText(x)) {
			if inner, ok := strings.CutPrefix(name, "user("); ok {
				users = append(users, strings.TrimSuffix(inner, ")"))
			} else {
				inner, _ := strings.CutPrefix(name, "group(")
				groups = append(groups, strings.TrimSuffix(inner, ")"))
			}
		}
	}
	u.CandidateUsers = p.names(e, strings.Join(users, ","))
	u.CandidateGroups = p.names(e, strings.Join(groups, ","))
}

func assignmentText(x *element) string {
	if x = x.child("resourceAssignmentExpression"); x == nil {
		return ""
	}
	return firstOf(x.childText("formalExpression"), x.childText("expression"))
}

func (p *parser) vendorUser(u *User, e *element) {
	p.people(u, e, e.vendor)
	u.FormKey = firstOf(e.vendor("formKey"), e.vendor("formRef"))
	p.dates(u, e, e.vendor("dueDate"), e.vendor("followUpDate"), e.vendor("priority"))
}

func (p *parser) zeebeUser(u *User, e *element) {
	if x := e.extension("assignmentDefinition", nsZeebe); x != nil {
		p.people(u, x, x.attr)
	}
	if x := e.extension("formDefinition", nsZeebe); x != nil {
		u.FormKey = firstOf(x.attr("formId"), x.attr("formKey"), x.attr("externalReference"))
	}
	if x := e.extension("taskSchedule", nsZeebe); x != nil {
		p.dates(u, x, x.attr("dueDate"), x.attr("followUpDate"), "")
	}
	if x := e.extension("priorityDefinition", nsZeebe); x != nil {
		p.dates(u, x, "", "", x.attr("priority"))
	}
}

func (p *parser) ownUser(u *User, e *element) {
	p.people(u, e, e.paceline)
	p.dates(u, e, e.paceline("due"), e.paceline("followUp"), e.paceline("priority"))
	u.FormKey = firstOf(e.paceline("form"), u.FormKey)
	u.Outcomes = splitNames(e.paceline("outcomes"))
	u.Assignment = e.paceline("assignment")
	u.CandidateStarter = isTrue(e.paceline("candidateStarter"))
	u.Returnable = isTrue(e.paceline("returnable"))
	p.policies(u, e)
	for _, x := range e.extensions("field", nsPaceline) {
		right := x.attr("right")
		switch right {
		case "hide", "read", "edit", "required":
		default:
			p.fail(x, "", "write hide, read, edit or required", "the field right %q is not known", right)
			continue
		}
		if u.FormRights == nil {
			u.FormRights = map[string]string{}
		}
		u.FormRights[x.attr("key")] = right
	}
}

// people sets assignee and candidates from attributes that get reads.
func (p *parser) people(u *User, at *element, get func(string) string) {
	if text := get("assignee"); text != "" {
		u.Assignee = p.template(at, text, Warning)
	}
	if x := p.names(at, get("candidateUsers")); x != nil {
		u.CandidateUsers = x
	}
	if x := p.names(at, get("candidateGroups")); x != nil {
		u.CandidateGroups = x
	}
}

func (p *parser) dates(u *User, at *element, due, followUp, priority string) {
	if due != "" {
		u.Due = p.template(at, due, Warning)
	}
	if followUp != "" {
		u.FollowUp = p.template(at, followUp, Warning)
	}
	if _, err := strconv.Atoi(priority); err == nil {
		u.Priority = p.compile(at, priority, priority, Warning)
	} else if priority != "" {
		u.Priority = p.template(at, priority, Warning)
	}
}

// names compiles a list of names: one expression, or names and expressions with commas.
func (p *parser) names(at *element, text string) *Expression {
	if text == "" {
		return nil
	}
	parts := splitNames(text)
	if strings.HasPrefix(text, "=") || len(parts) == 1 && isTemplate(text) {
		return p.template(at, text, Warning)
	}
	for i, part := range parts {
		source, err := reduceTemplate(part)
		if err != nil {
			return p.template(at, part, Warning) // reports what is wrong
		}
		parts[i] = source
	}
	return p.compile(at, text, "["+strings.Join(parts, ", ")+"]", Warning)
}

// splitNames splits at commas outside braces, parentheses and strings.
func splitNames(text string) []string {
	var names []string
	start, depth := 0, 0
	var inString rune
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			names = append(names, s)
		}
	}
	for i, r := range text {
		switch {
		case inString != 0:
			if r == inString {
				inString = 0
			}
		case (r == '\'' || r == '"') && depth > 0:
			inString = r
		case r == '{' || r == '(' || r == '[':
			depth++
		case r == '}' || r == ')' || r == ']':
			depth--
		case r == ',' && depth == 0:
			add(text[start:i])
			start = i + 1
		}
	}
	add(text[start:])
	return names
}

// properties are the name-value pairs that modelers attach to an element.
func properties(e *element) map[string]string {
	all := map[string]string{}
	for _, list := range e.extensions("properties", append([]string{nsZeebe, nsPaceline}, nsVendor...)...) {
		for _, x := range list.kids {
			if x.name == "property" {
				all[firstOf(x.attr("name"), x.attr("id"))] = x.attr("value")
			}
		}
	}
	for _, x := range e.extensions("property", nsPaceline) {
		all[x.attr("name")] = x.attr("value")
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
