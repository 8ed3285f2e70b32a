package bpmn

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// reduceTemplate turns text with ${...} or #{...} in it into FEEL. Text around the
// expressions makes it a string; an expression that stands alone keeps its type.
func reduceTemplate(text string) (string, error) {
	var parts []string
	for text != "" {
		i := nextMarker(text)
		if i < 0 {
			parts = append(parts, quote(text))
			break
		}
		if i > 0 {
			parts = append(parts, quote(text[:i]))
		}
		body, rest, err := cutExpression(text[i+2:])
		if err != nil {
			return "", err
		}
		feel, err := reduceExpression(body)
		if err != nil {
			return "", err
		}
		if len(parts) == 0 && rest == "" {
			return feel, nil
		}
		parts = append(parts, "(if "+feel+" = null then \"\" else string("+feel+"))")
		text = rest
	}
	return strings.Join(parts, " + "), nil
}

// isTemplate tells whether text holds an expression in any of the spellings read here.
func isTemplate(text string) bool {
	return strings.HasPrefix(strings.TrimSpace(text), "=") || nextMarker(text) >= 0
}

func nextMarker(text string) int {
	i, j := strings.Index(text, "${"), strings.Index(text, "#{")
	if i < 0 || j >= 0 && j < i {
		return j
	}
	return i
}

// cutExpression splits after the brace that closes the expression, minding strings.
func cutExpression(text string) (body, rest string, err error) {
	var inString byte
	depth := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case inString != 0 && c == '\\':
			i++
		case inString != 0:
			if c == inString {
				inString = 0
			}
		case c == '\'' || c == '"':
			inString = c
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case c == '}':
			return text[:i], text[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("the brace of the expression is not closed")
}

// reduceExpression turns one expression of the unified expression language, or of a
// language that writes it the same way, into FEEL.
func reduceExpression(text string) (string, error) {
	if len(text) > maxText {
		return "", errTooLong
	}
	j := &juel{text: text}
	if err := j.next(); err != nil {
		return "", err
	}
	x, err := j.choice(0)
	if err != nil {
		return "", err
	}
	if j.token != "" {
		return "", fmt.Errorf("unexpected %q", j.token)
	}
	return x, nil
}

// juel is a parser of the unified expression language that writes FEEL as it goes. What
// a method of the vendor's objects would do is not known here: such text is an error.
type juel struct {
	text  string
	pos   int
	kind  byte   // of token: 'n'ame, 'd'igits, 's'tring, 'o'perator
	token string // empty at the end; a string without its quotes
}

// Bounds over hostile text: recursion, the length of one expression, and the length of
// the FEEL made of it, which repeats parts of its source.
const (
	maxNesting = 64
	maxText    = 16 << 10
	maxSource  = 64 << 10
)

var errTooLong = errors.New("the expression is too long")

func (j *juel) next() error {
	for j.pos < len(j.text) && strings.IndexByte(" \t\r\n", j.text[j.pos]) >= 0 {
		j.pos++
	}
	rest := j.text[j.pos:]
	if rest == "" {
		j.kind, j.token = 0, ""
		return nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case r == '\'' || r == '"':
		return j.scanString(rest)
	case unicode.IsDigit(r):
		j.kind, j.token = 'd', rest[:scanNumber(rest)]
	case unicode.IsLetter(r) || r == '_':
		j.kind, j.token = 'n', rest[:scanName(rest)]
	default:
		j.kind, j.token = 'o', rest[:scanOperator(rest)]
	}
	j.pos += len(j.token)
	return nil
}

func scanName(s string) int {
	for i, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' {
			return i
		}
	}
	return len(s)
}

func scanNumber(s string) int {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9') {
		i++
	}
	return i
}

func scanOperator(s string) int {
	for _, op := range []string{"===", "!==", "==", "!=", "<=", ">=", "&&", "||"} {
		if strings.HasPrefix(s, op) {
			return len(op)
		}
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

func (j *juel) scanString(s string) error {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == s[0]:
			j.kind, j.token = 's', b.String()
			j.pos += i + 1
			if j.token == "" {
				j.token = "\x00" // an empty string is no end
			}
			return nil
		default:
			b.WriteByte(s[i])
		}
	}
	return fmt.Errorf("a string is not closed")
}

// is tells whether the token is the operator or the word that means it.
func (j *juel) is(words ...string) bool {
	for _, w := range words {
		if j.token == w && j.kind != 's' && j.kind != 'd' {
			return true
		}
	}
	return false
}

func (j *juel) expect(op string) error {
	if !j.is(op) {
		return fmt.Errorf("%q expected before %q", op, j.token)
	}
	return j.next()
}

// choice is c ? a : b, or what binds tighter.
func (j *juel) choice(depth int) (string, error) {
	if depth > maxNesting {
		return "", fmt.Errorf("nested too deep")
	}
	x, err := j.binary(0, depth)
	if err != nil || !j.is("?") {
		return x, err
	}
	if err := j.next(); err != nil {
		return "", err
	}
	a, err := j.choice(depth + 1)
	if err != nil {
		return "", err
	}
	if err := j.expect(":"); err != nil {
		return "", err
	}
	b, err := j.choice(depth + 1)
	if err != nil {
		return "", err
	}
	return "(if " + x + " then " + a + " else " + b + ")", nil
}

// levels are the binary operators from loosest to tightest, each with its FEEL.
var levels = []map[string]string{
	{"||": "or", "or": "or"},
	{"&&": "and", "and": "and"},
	{"==": "=", "===": "=", "eq": "=", "is": "=", "!=": "!=", "!==": "!=", "ne": "!=", "is not": "!="},
	{"in": "in", "not in": "not in", "<": "<", "lt": "<", ">": ">", "gt": ">", "<=": "<=", "le": "<=", ">=": ">=", "ge": ">="},
	{"+": "+", "-": "-"},
	{"*": "*", "/": "/", "div": "/", "%": "%", "mod": "%"},
}

func (j *juel) binary(level, depth int) (string, error) {
	if level == len(levels) {
		return j.unary(depth)
	}
	x, err := j.binary(level+1, depth)
	for err == nil && j.kind != 's' {
		op := levels[level][j.operator()]
		if op == "" {
			break
		}
		if err = j.nextOperand(); err != nil {
			break
		}
		var y string
		if y, err = j.binary(level+1, depth); err != nil {
			break
		}
		if len(x)+len(y) > maxSource {
			return "", errTooLong
		}
		x = operation(x, op, y)
	}
	return x, err
}

func operation(x, op, y string) string {
	switch op {
	case "%":
		return "modulo(" + x + ", " + y + ")"
	case "in":
		return membership(x, y)
	case "not in":
		return "not(" + membership(x, y) + ")"
	}
	return "(" + x + " " + op + " " + y + ")"
}

// twoWords are the operators of two words, which only Python has, by the first word.
var twoWords = map[string]string{"is": "not", "not": "in"}

// operator is the operator at the token, which may be the first of two words.
func (j *juel) operator() string {
	if second := twoWords[j.token]; second != "" && j.peeks(second) {
		return j.token + " " + second
	}
	return j.token
}

// nextOperand goes on behind the operator.
func (j *juel) nextOperand() error {
	if strings.Contains(j.operator(), " ") {
		if err := j.next(); err != nil {
			return err
		}
	}
	return j.next()
}

// peeks tells whether a word follows the token.
func (j *juel) peeks(word string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(j.text[j.pos:], " \t\r\n"), word)
	return ok && scanName(rest) == 0
}

func (j *juel) unary(depth int) (string, error) {
	if depth > maxNesting {
		return "", fmt.Errorf("nested too deep")
	}
	form := ""
	switch {
	case j.is("!", "not"):
		form = "(%s != true)" // null counts as false there
	case j.is("-"):
		form = "-(%s)"
	case j.is("empty"):
		if err := j.next(); err != nil {
			return "", err
		}
		x, err := j.unary(depth + 1)
		if len(x) > maxSource {
			return "", errTooLong
		}
		return emptiness(x), err
	default:
		return j.postfix(depth)
	}
	if err := j.next(); err != nil {
		return "", err
	}
	x, err := j.unary(depth + 1)
	return fmt.Sprintf(form, x), err
}

// emptiness is true for null, an empty list and an empty string.
func emptiness(x string) string {
	return "(" + x + " = null or count(" + x + ") = 0 or string(" + x + ") = \"\")"
}

// postfix is a value with the properties, indexes and calls behind it.
func (j *juel) postfix(depth int) (string, error) {
	x, err := j.primary(depth)
	for err == nil {
		switch {
		case len(x) > maxSource:
			return "", errTooLong
		case j.is("."):
			if err = j.next(); err != nil {
				break
			}
			if j.kind != 'n' {
				return "", fmt.Errorf("a name expected after the dot")
			}
			name := j.token
			if err = j.next(); err != nil {
				break
			}
			x, err = j.member(x, name, depth)
		case j.is("["):
			x, err = j.index(x, depth)
		default:
			return x, nil
		}
	}
	return "", err
}

// index is a[0], counted from 1 in FEEL, or a['key'].
func (j *juel) index(x string, depth int) (string, error) {
	if err := j.next(); err != nil {
		return "", err
	}
	literal := j.kind
	i, err := j.choice(depth + 1)
	if err != nil {
		return "", err
	}
	if err := j.expect("]"); err != nil {
		return "", err
	}
	if literal == 's' {
		return "get value(" + x + ", " + i + ")", nil
	}
	return x + "[" + fromOne(i) + "]", nil
}

func fromOne(index string) string {
	if n, err := strconv.Atoi(index); err == nil {
		return strconv.Itoa(n + 1)
	}
	return index + " + 1"
}

func (j *juel) primary(depth int) (string, error) {
	kind, token := j.kind, j.token
	if token == "" {
		return "", fmt.Errorf("the expression ends too early")
	}
	if err := j.next(); err != nil {
		return "", err
	}
	switch {
	case kind == 's':
		return quote(strings.TrimPrefix(token, "\x00")), nil
	case kind == 'd':
		if j.is("L", "l", "d", "D", "f", "F") {
			return token, j.next()
		}
		return token, nil
	case token == "(":
		x, err := j.choice(depth + 1)
		if err != nil {
			return "", err
		}
		return x, j.expect(")")
	case token == "[":
		items, err := j.items("]", depth)
		return "[" + strings.Join(items, ", ") + "]", err
	case kind == 'n' && j.is("("):
		return j.call(token, depth)
	case kind == 'n' && j.is(":") && prefixes[token]:
		return j.prefixed(depth)
	case kind == 'n':
		return variable(token), nil
	}
	return "", fmt.Errorf("unexpected %q", token)
}

// arguments reads the arguments of a call; the token is the opening parenthesis.
func (j *juel) arguments(depth int) (args []string, err error) {
	if err := j.expect("("); err != nil {
		return nil, err
	}
	return j.items(")", depth)
}

// items reads values with commas between them, and what ends them.
func (j *juel) items(end string, depth int) (args []string, err error) {
	for !j.is(end) {
		if len(args) > 0 {
			if err := j.expect(","); err != nil {
				return nil, err
			}
		}
		x, err := j.choice(depth + 1)
		if err != nil {
			return nil, err
		}
		if args = append(args, x); len(x) > maxSource {
			return nil, errTooLong
		}
	}
	return args, j.next()
}

// quote writes a FEEL string literal.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
