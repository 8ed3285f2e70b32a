package feel

// readRange reads the text of a range whose ends are literals, or date("...") and the like; nil for
// any other text.
func readRange(text string) *Range {
	tree, err := parse(text, false, nil)
	if err != nil {
		return nil
	}
	switch n := tree.(type) {
	case *interval:
		if !fixedEnd(n.low) || !fixedEnd(n.high) {
			return nil
		}
	case *halfRange:
		if !fixedEnd(n.of) {
			return nil
		}
	default:
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
