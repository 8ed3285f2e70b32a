package bpmn

// Finding is one problem as `paceline bpmn lint --json` prints it, one line each.
type Finding struct {
	File     string `json:"file"`
	Element  string `json:"element"`
	Line     int    `json:"line"`
	Severity string `json:"severity"` // error or warning
	Message  string `json:"message"`  // with the cure and the rule
}

// Lint reads a BPMN or DMN file and gives what is wrong with it, in order of line. A file
// can be run when no finding is an error; one that is no XML or no BPMN has an error.
func Lint(file string, src []byte) []Finding {
	d, _ := Parse(src)
	findings := make([]Finding, len(d.Problems))
	for i, p := range d.Problems {
		findings[i] = p.Finding(file)
	}
	return findings
}

// Finding is the problem as lint prints it, of a file.
func (p Problem) Finding(file string) Finding {
	return Finding{file, p.Element, p.Line, p.Severity.String(), p.text()}
}
