package bpmn

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// contexts are the objects through which vendor expressions reach variables.
var contexts = map[string]bool{"execution": true, "task": true, "processInstance": true, "caseExecution": true}

// businessKeys are the ways to ask one of contexts for the business key.
var businessKeys = map[string]bool{"businessKey": true, "processBusinessKey": true, "processInstanceBusinessKey": true,
	"getBusinessKey": true, "getProcessBusinessKey": true, "getProcessInstanceBusinessKey": true}

// prefixes are Flowable's names for its functions on variables and dates.
var prefixes = map[string]bool{"var": true, "vars": true, "variables": true, "date": true}

// functions maps Flowable's functions, like methods.
var functions = map[string]string{
	"get/1": "%[1]s", "getOrDefault/2": "(if %[1]s = null then %[2]s else %[1]s)",
	"exists/1": "(%[1]s != null)",
	"eq/2":     "(%[1]s = %[2]s)", "equals/2": "(%[1]s = %[2]s)",
	"ne/2": "(%[1]s != %[2]s)", "notEquals/2": "(%[1]s != %[2]s)",
	"lt/2": "(%[1]s < %[2]s)", "lowerThan/2": "(%[1]s < %[2]s)",
	"lte/2": "(%[1]s <= %[2]s)", "lowerThanOrEquals/2": "(%[1]s <= %[2]s)",
	"gt/2": "(%[1]s > %[2]s)", "greaterThan/2": "(%[1]s > %[2]s)",
	"gte/2": "(%[1]s >= %[2]s)", "greaterThanOrEquals/2": "(%[1]s >= %[2]s)",
	"contains/2": methods["contains/1"], "format/1": "string(%[1]s)",
}

// methods maps a method on a value to its FEEL: %[1]s is the value, %[2]s the argument.
// The key ends with the number of arguments.
var methods = map[string]string{
	"equals/1":           "(%[1]s = %[2]s)",
	"equalsIgnoreCase/1": "(lower case(%[1]s) = lower case(%[2]s))",
	"contains/1":         "(if %[1]s instance of string then contains(%[1]s, %[2]s) else list contains(%[1]s, %[2]s))",
	"startsWith/1":       "starts with(%[1]s, %[2]s)",
	"endsWith/1":         "ends with(%[1]s, %[2]s)",
	"matches/1":          "matches(%[1]s, \"^(\" + %[2]s + \")$\")",
	"containsKey/1":      "(get value(%[1]s, %[2]s) != null)",
	"isBefore/1":         "(%[1]s < %[2]s)",
	"isAfter/1":          "(%[1]s > %[2]s)",
	"before/1":           "(%[1]s < %[2]s)",
	"after/1":            "(%[1]s > %[2]s)",
	"concat/1":           "(string(%[1]s) + string(%[2]s))",
	"split/1":            "split(%[1]s, %[2]s)",
	"compareTo/1":        "(if %[1]s < %[2]s then -1 else if %[1]s > %[2]s then 1 else 0)",
	"size/0":             "count(%[1]s)",
	"length/0":           "string length(%[1]s)",
	"toString/0":         "string(%[1]s)",
	"toUpperCase/0":      "upper case(%[1]s)",
	"toLowerCase/0":      "lower case(%[1]s)",
	"intValue/0":         "%[1]s",
	"longValue/0":        "%[1]s",
	"doubleValue/0":      "%[1]s",
	"booleanValue/0":     "%[1]s",
	"trim/0":             "replace(%[1]s, \"^\\\\s+|\\\\s+$\", \"\")",
	"substring/1":        "substring(%[1]s, %[2]s + 1)",
	"substring/2":        "substring(%[1]s, %[2]s + 1, %[3]s - %[2]s)",
	"indexOf/1":          "(if contains(%[1]s, %[2]s) then string length(substring before(%[1]s, %[2]s)) else -1)",
	"getOrDefault/2":     "(if get value(%[1]s, %[2]s) = null then %[3]s else get value(%[1]s, %[2]s))",

	// Of Camunda's JSON values, which are plain values here.
	"prop/1":        "get value(%[1]s, %[2]s)",
	"hasProp/1":     "(get value(%[1]s, %[2]s) != null)",
	"value/0":       "%[1]s",
	"stringValue/0": "%[1]s",
	"numberValue/0": "%[1]s",
	"boolValue/0":   "%[1]s",
	"elements/0":    "%[1]s",
}

// python maps Python's functions, and those of its methods on text that Java does not have.
var python = map[string]string{
	"len/1": "(if %[1]s instance of string then string length(%[1]s) else count(%[1]s))",
	"str/1": "string(%[1]s)", "int/1": "floor(if %[1]s instance of string then number(%[1]s) else %[1]s)",
	"float/1":      "(if %[1]s instance of string then number(%[1]s) else %[1]s)",
	"bool/1":       "(%[1]s != null and %[1]s != false and %[1]s != 0 and %[1]s != \"\" and %[1]s != [])",
	"lower/0":      "lower case(%[1]s)",
	"upper/0":      "upper case(%[1]s)",
	"startswith/1": "starts with(%[1]s, %[2]s)",
	"endswith/1":   "ends with(%[1]s, %[2]s)",
}

// constants are Python's.
var constants = map[string]string{"None": "null", "True": "true", "False": "false"}

// membership is Python's x in y: a member of a list, a part of a text, a key of an object.
func membership(x, y string) string {
	return "(if " + y + " instance of list then list contains(" + y + ", " + x + ") else if " + y + " instance of string then contains(" + y + ", " + x +
		") else get value(" + y + ", " + x + ") != null)"
}

// arithmetic maps what Java's Math is asked for.
var arithmetic = map[string]string{
	"abs/1": "abs(%[1]s)", "max/2": "max(%[1]s, %[2]s)", "min/2": "min(%[1]s, %[2]s)", "floor/1": "floor(%[1]s)", "ceil/1": "ceiling(%[1]s)",
	"round/1": "round half up(%[1]s, 0)", "pow/2": "(%[1]s ** %[2]s)", "sqrt/1": "sqrt(%[1]s)",
}

// variable is a name that stands for a value. The engines that write expressions in this language
// count the instances of a loop from 0, the standard from 1.
func variable(name string) string {
	if name == "loopCounter" {
		return "(loopCounter - 1)"
	}
	return firstOf(constants[name], name)
}

// member is what follows a dot: a property, or a call of a method whose meaning is known.
func (j *juel) member(x, name string, depth int) (string, error) {
	if !j.is("(") {
		if contexts[x] {
			return contextCall(x, name, nil)
		}
		return x + "." + name, nil
	}
	args, err := j.arguments(depth)
	if err != nil {
		return "", err
	}
	if contexts[x] {
		return contextCall(x, name, args)
	}
	if form := arithmetic[fmt.Sprintf("%s/%d", name, len(args))]; x == "Math" && form != "" {
		return fmt.Sprintf(form, anys(args)...), nil
	}
	key := fmt.Sprintf("%s/%d", name, len(args))
	switch form := firstOf(methods[key], python[key]); {
	case form != "":
		return fmt.Sprintf(form, append([]any{x}, anys(args)...)...), nil
	case name == "isEmpty" && len(args) == 0:
		return emptiness(x), nil
	case name == "get" && len(args) == 1 && strings.HasPrefix(args[0], `"`):
		return "get value(" + x + ", " + args[0] + ")", nil
	case name == "get" && len(args) == 1:
		return x + "[" + fromOne(args[0]) + "]", nil
	}
	if property := getter(name); property != "" && len(args) == 0 && isName(x) {
		return x + "." + property, nil
	}
	return "", fmt.Errorf("the method %s is not known here", name)
}

// contextCall is execution.getVariable("x") and its like: just the variable. A property is a call
// without arguments.
func contextCall(x, name string, args []string) (string, error) {
	wanted := ""
	if len(args) > 0 {
		wanted = unquote(args[0])
	}
	switch {
	case isName(wanted) && len(args) == 1 && (name == "getVariable" || name == "getVariableLocal"):
		return variable(wanted), nil
	case isName(wanted) && len(args) == 1 && (name == "hasVariable" || name == "hasVariableLocal"):
		return "(" + wanted + " != null)", nil
	case len(args) == 0 && businessKeys[name]:
		return "businessKey", nil
	}
	return "", fmt.Errorf("%s.%s is a thing of another engine", x, name)
}

// prefixed is vars:get(name) and its like; the token is the colon.
func (j *juel) prefixed(depth int) (string, error) {
	if err := j.next(); err != nil {
		return "", err
	}
	name := j.token
	if err := j.next(); err != nil {
		return "", err
	}
	args, err := j.arguments(depth)
	if err != nil {
		return "", err
	}
	if len(args) == 0 {
		return "", fmt.Errorf("the function %s needs a variable", name)
	}
	if v := unquote(args[0]); isName(v) {
		args[0] = v
	}
	switch form := functions[fmt.Sprintf("%s/%d", name, len(args))]; {
	case form != "":
		return fmt.Sprintf(form, anys(args)...), nil
	case name == "contains" && len(args) > 2:
		return containing("every", args), nil
	case name == "containsAny" && len(args) > 1:
		return containing("some", args), nil
	case name == "empty" || name == "isEmpty":
		return emptiness(args[0]), nil
	case name == "notEmpty" || name == "isNotEmpty":
		return "not(" + emptiness(args[0]) + ")", nil
	}
	return "", fmt.Errorf("the function %s is not known here", name)
}

// containing asks whether a text or list contains some or every one of the values after it.
func containing(which string, args []string) string {
	test := fmt.Sprintf(methods["contains/1"], args[0], "wanted")
	return "(" + which + " wanted in [" + strings.Join(args[1:], ", ") + "] satisfies " + test + ")"
}

// call is a function without a value before it.
func (j *juel) call(name string, depth int) (string, error) {
	args, err := j.arguments(depth)
	switch {
	case err != nil:
		return "", err
	case (name == "now" || name == "dateTime") && len(args) == 0:
		return "now()", nil
	case (name == "S" || name == "JSON") && len(args) == 1: // Camunda's JSON values
		return args[0], nil
	case len(args) == 1 && (name == "getVariable" || name == "hasVariable"):
		return contextCall("execution", name, args)
	case len(args) == 1 && python[name+"/1"] != "":
		return fmt.Sprintf(python[name+"/1"], args[0]), nil
	}
	return "", fmt.Errorf("the function %s is not known here", name)
}

// assignment recognizes execution.setVariable("x", value), which some vendor models use
// as the whole expression of a listener or service task.
func assignment(text string) (variable, source string, ok bool) {
	body, found := strings.CutPrefix(strings.TrimSpace(text), "execution.setVariable")
	if !found {
		return "", "", false
	}
	j := &juel{text: body}
	if len(body) > maxText || j.next() != nil {
		return "", "", false
	}
	args, err := j.arguments(0)
	if err != nil || len(args) != 2 || j.token != "" || unquote(args[0]) == "" {
		return "", "", false
	}
	return unquote(args[0]), args[1], true
}

func getter(name string) string {
	for _, prefix := range []string{"get", "is"} {
		rest, ok := strings.CutPrefix(name, prefix)
		r, n := utf8.DecodeRuneInString(rest)
		if ok && unicode.IsUpper(r) {
			return string(unicode.ToLower(r)) + rest[n:]
		}
	}
	return ""
}

func isName(s string) bool {
	return s != "" && scanName(s) == len(s) && !unicode.IsDigit(rune(s[0]))
}

func unquote(literal string) string {
	if len(literal) < 2 || literal[0] != '"' {
		return ""
	}
	return literal[1 : len(literal)-1]
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
