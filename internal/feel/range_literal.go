package feel

import "strings"

// readRange reads the text of a range (rule 66): its ends are literals, or date("...") and the
// like, and one of them may be left out where the range is open; nil for any other text.
func readRange(text string) *Range {
	tree, err := parse(omittedEnds(text), false, options{})
	if err != nil {
		return nil
	}
	n, ok := tree.(*interval)
	if !ok || !fixedEnd(n.low) || !fixedEnd(n.high) {
		return nil
	}
	c := &compiler{src: text, free: map[string]bool{}}
	run, err := c.whole(tree)
	if err != nil {
		return nil
	}
	r, _ := run(newMachine(nil), nil).(*Range)
	return r
}

// omittedEnds writes null for an end that is left out, as in (..10] and [1..).
func omittedEnds(text string) string {
	text = strings.TrimSpace(text)
	if len(text) < 4 {
		return text
	}
	open, inner, end := text[:1], strings.TrimSpace(text[1:len(text)-1]), text[len(text)-1:]
	switch {
	case strings.HasPrefix(inner, "..") && (open == "(" || open == "]"):
		inner = "null" + inner
	case strings.HasSuffix(inner, "..") && (end == ")" || end == "["):
		inner += "null"
	case strings.Contains(inner, "null"):
		return ""
	}
	return open + inner + end
}

// fixedEnd reports whether a node is a literal or a conversion of one.
func fixedEnd(n node) bool {
	switch n := n.(type) {
	case *literal:
		return true
	case *negation:
		return fixedEnd(n.of)
	case *call:
		fn, ok := n.fn.(*name)
		if !ok || conversionFunctions[fn.text] == nil || len(n.args) != 1 {
			return false
		}
		_, isLiteral := n.args[0].(*literal)
		return isLiteral
	}
	return false
}
