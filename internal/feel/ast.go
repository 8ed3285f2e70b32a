package feel

// node is a node of the syntax tree. Positions are byte offsets.
type node interface{}

type (
	literal struct{ value Value }
	name    struct {
		text string
		pos  int
	}
	path struct {
		of   node
		name string
		deep bool // "...": at any depth
	}
	filter struct{ of, by node }
	call   struct {
		fn    node
		args  []node
		names []string // of named arguments; nil when positional
		pos   int
	}
	negation struct{ of node }
	binary   struct {
		op          string
		left, right node
	}
	between struct{ of, low, high node }
	// membership is "of in (tests)".
	membership struct {
		of    node
		tests []*unaryTest
	}
	// unaryTest is a test of a value; input: it speaks of the value as "?".
	unaryTest struct {
		of    node
		input bool
	}
	instance struct {
		of  node
		typ *Type
	}
	conditional struct{ when, then, otherwise node }
	// iterator is "name in over", or "name in over..to".
	iterator struct {
		name     string
		over, to node
	}
	loop struct {
		iterators []iterator
		body      node
	}
	quantified struct {
		every     bool
		iterators []iterator
		satisfies node
	}
	function struct {
		params   []param
		body     node
		external bool // not FEEL: the function is null whatever its arguments
	}
	list         struct{ items []node }
	contextEntry struct {
		name  string
		value node
	}
	context  struct{ entries []contextEntry }
	interval struct {
		low, high             node
		lowClosed, highClosed bool
	}
	// halfRange is "< x", "(>= x)" and so on. As a unary test it tests "?".
	halfRange struct {
		op string
		of node
	}
	// testList is a top-level list of unary tests; negated by not(...).
	testList struct {
		tests   []*unaryTest
		negated bool
	}
	anyTest struct{} // the unary test "-"
)

// param is a parameter of a function.
type param struct {
	name     string
	typ      *Type // of FEEL functions; nil: any
	kind     kind  // of built-in functions
	optional bool
}
