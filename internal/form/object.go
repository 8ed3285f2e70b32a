package form

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/paceline/paceline/internal/errs"
)

// object reads one JSON object of a form. A property of the wrong type is a problem at
// its place and reads as if it were missing, so that one pass finds everything.
type object struct {
	p     *parser
	place string
	m     map[string]any
	used  map[string]bool
}

func (p *parser) object(place string, m map[string]any) *object {
	return &object{p: p, place: place, m: m, used: map[string]bool{}}
}

// at is the place of a property.
func (o *object) at(key string) string {
	if o.place == "" {
		return key
	}
	return o.place + "." + key
}

func (o *object) get(key string) any {
	o.used[key] = true
	return o.m[key]
}

func (o *object) wrong(key, want string) {
	o.p.problem(o.at(key), RuleForm, "%s has to be %s", key, want)
}

func (o *object) str(key string) string {
	switch v := o.get(key).(type) {
	case nil:
	case string:
		return v
	default:
		o.wrong(key, "a string")
	}
	return ""
}

// text reads a string for people, which may be a FEEL expression after "=".
func (o *object) text(key string) string {
	s := o.str(key)
	if strings.HasPrefix(s, "=") {
		o.p.compile(o.at(key), s)
	}
	return s
}

func (o *object) boolean(key string) bool {
	switch v := o.get(key).(type) {
	case nil:
	case bool:
		return v
	default:
		o.wrong(key, "true or false")
	}
	return false
}

// count reads a whole number from 0 to limit; 0 when missing. Custom properties carry
// numbers as strings.
func (o *object) count(key string, limit int) int {
	v := o.get(key)
	if v == nil {
		return 0
	}
	n, err := strconv.Atoi(fmt.Sprint(v))
	if _, isBool := v.(bool); isBool || err != nil || n < 0 || n > limit {
		o.wrong(key, fmt.Sprintf("a whole number from 0 to %d", limit))
		return 0
	}
	return n
}

// condition reads an expression that answers true or false.
func (o *object) condition(key string) Flag {
	switch v := o.get(key).(type) {
	case nil:
	case bool:
		return Flag{On: v}
	case string:
		if v != "" {
			return Flag{Expr: o.p.compile(o.at(key), v)}
		}
	default:
		o.wrong(key, "true, false or an expression")
	}
	return Flag{}
}

// limit reads a number, or an expression that gives one.
func (o *object) limit(key string) Limit {
	switch v := o.get(key).(type) {
	case nil:
	case json.Number:
		return Limit{Number: v.String()}
	case string:
		if strings.HasPrefix(v, "=") {
			return Limit{Expr: o.p.compile(o.at(key), v)}
		}
		if _, err := strconv.ParseFloat(v, 64); err == nil {
			return Limit{Number: v}
		}
		if v != "" {
			o.wrong(key, "a number or an expression that begins with =")
		}
	default:
		o.wrong(key, "a number or an expression that begins with =")
	}
	return Limit{}
}

// oneOf reads a string out of a few; the empty string when missing.
func (o *object) oneOf(key string, allowed ...string) string {
	s := o.str(key)
	if s != "" && !slices.Contains(allowed, s) {
		o.p.problem(o.at(key), RuleForm, "%q is not one of %s", s, strings.Join(allowed, ", "))
		return ""
	}
	return s
}

func (o *object) child(key string) *object {
	switch v := o.get(key).(type) {
	case nil:
	case map[string]any:
		return o.p.object(o.at(key), v)
	default:
		o.wrong(key, "an object")
	}
	return nil
}

func (o *object) objects(key string) []*object {
	list, ok := o.get(key).([]any)
	if !ok && o.m[key] != nil {
		o.wrong(key, "a list")
	}
	var children []*object
	for i, v := range list {
		place := fmt.Sprintf("%s[%d]", o.at(key), i)
		if m, ok := v.(map[string]any); ok {
			children = append(children, o.p.object(place, m))
		} else {
			o.p.problem(place, RuleForm, "a list member has to be an object")
		}
	}
	return children
}

// skip marks properties that only matter to the author's tool or to the screen.
func (o *object) skip(keys ...string) {
	for _, key := range keys {
		o.used[key] = true
	}
}

// unread are the properties nobody asked for, in order of name.
func (o *object) unread() []string {
	var keys []string
	for key := range o.m {
		if !o.used[key] {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// strict makes unknown properties problems: where a rule is written, a slip of the pen
// would silently let wrong data pass.
func (o *object) strict() {
	for _, key := range o.unread() {
		o.p.problem(o.at(key), RuleForm, "%s is not known here", key)
	}
}

// rest notes unknown properties as ignored.
func (o *object) rest() {
	for _, key := range o.unread() {
		if len(o.p.form.Ignored) == maxProblems {
			return
		}
		o.p.form.Ignored = append(o.p.form.Ignored, errs.Detail{Place: o.at(key), Rule: RuleForm, Message: "the property means nothing here and is ignored"})
	}
}
