package bpmn

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden holds the graph and the problems of every model in testdata.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bpmn")
	if err != nil || len(files) == 0 {
		t.Fatal("no models", err)
	}
	more, _ := filepath.Glob("testdata/*.dmn")
	for _, file := range append(files, more...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d, _ := Parse(src)
			got := dump(d)
			golden := file + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; run with -update and look at the difference\n%s", golden, got)
			}
		})
	}
}

// dump writes a file as indented text: what a reader of the graph sees.
func dump(d *Definitions) string {
	w := &dumper{}
	for _, p := range d.Processes {
		w.line(0, "process %s %q executable=%v global=%v version=%q starters=%v", p.ID, p.Name, p.Executable, p.Global, p.VersionTag, p.CandidateStarters)
		for _, l := range p.Lanes {
			parent := ""
			if l.Parent != nil {
				parent = " in " + l.Parent.ID
			}
			w.line(1, "lane %s %q%s", l.ID, l.Name, parent)
		}
		w.scope(1, &p.Scope)
	}
	for _, x := range d.Decisions {
		w.decision(x)
	}
	for _, p := range d.Problems {
		w.line(0, "%s: %s", p.Severity, p)
	}
	return w.String()
}

type dumper struct{ strings.Builder }

func (w *dumper) line(depth int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(w, "%s%s\n", strings.Repeat("  ", depth), strings.TrimRight(text, " "))
}

func (w *dumper) scope(depth int, s *Scope) {
	for _, n := range s.Nodes {
		w.node(depth, n)
	}
	for _, f := range s.Flows {
		w.line(depth, "flow %s: %s -> %s%s", f.ID, f.From.ID, f.To.ID, text(" if ", f.Condition))
	}
}

func (w *dumper) node(depth int, n *Node) {
	w.line(depth, "%s %s %q", n.Tag, n.ID, n.Name)
	d := depth + 1
	if n.Lane != nil {
		w.line(d, "lane %s", n.Lane.ID)
	}
	if n.Default != nil {
		w.line(d, "default %s", n.Default.ID)
	}
	if n.AttachedTo != nil {
		w.line(d, "attached to %s, interrupting=%v", n.AttachedTo.ID, n.Interrupting)
	}
	if n.CompensatedBy != nil {
		w.line(d, "compensated by %s", n.CompensatedBy.ID)
	}
	if n.Initiator != "" {
		w.line(d, "initiator %s", n.Initiator)
	}
	if n.StartQuantity > 1 || n.EndQuantity > 1 {
		w.line(d, "quantities %d %d", n.StartQuantity, n.EndQuantity)
	}
	w.event(d, n)
	w.activity(d, n)
	if n.Inner != nil {
		w.scope(d, n.Inner)
	}
}

func (w *dumper) event(d int, n *Node) {
	e := n.Event
	if e == nil {
		return
	}
	w.line(d, "%s event %q%s%s%s interrupting=%v", e.Kind, e.Name, text(" name ", e.NameExpr), text(" key ", e.CorrelationKey), text(" when ", e.Condition), n.Interrupting)
	if e.Timer != nil {
		w.line(d, "timer%s%s%s", text(" date ", e.Timer.Date), text(" after ", e.Timer.Duration), text(" cycle ", e.Timer.Cycle))
	}
	if e.LinkTo != nil {
		w.line(d, "link to %s", e.LinkTo.ID)
	}
	if e.CodeVariable+e.MessageVar != "" {
		w.line(d, "code into %s, message into %s", e.CodeVariable, e.MessageVar)
	}
	if e.Message != nil {
		w.line(d, "message%s", text(" ", e.Message))
	}
	w.mappings(d, "payload", e.Payload)
}

func (w *dumper) activity(d int, n *Node) {
	if l := n.Loop; l != nil {
		w.line(d, "loop standard=%v before=%v sequential=%v%s%s%s%s%s", l.Standard, l.TestBefore, l.Sequential, text(" while ", l.While),
			text(" maximum ", l.Maximum), text(" times ", l.Cardinality), text(" over ", l.Collection), text(" until ", l.Completion))
		if l.ElementVar+l.OutputList != "" {
			w.line(d, "each %s into %s%s", l.ElementVar, l.OutputList, text(" of ", l.OutputItem))
		}
	}
	if u := n.User; u != nil {
		w.line(d, "user form=%q outcomes=%v assignment=%q returnable=%v%s%s%s%s%s", u.FormKey, u.Outcomes, u.Assignment, u.Returnable, text(" assignee ", u.Assignee),
			text(" users ", u.CandidateUsers), text(" groups ", u.CandidateGroups), text(" due ", u.Due), text(" priority ", u.Priority))
		w.pairs(d, "right", u.FormRights)
		w.pairs(d, "property", u.Properties)
	}
	if k := n.Work; k != nil {
		w.line(d, "work type=%q%s retries=%d result=%q decision=%q map=%q%s", k.Type, text(" type ", k.TypeExpr), k.Retries, k.ResultVar, k.Decision, k.MapResult, text(" script ", k.Script))
		if k.ScriptText != "" {
			w.line(d, "script in %q: %s", k.Language, k.ScriptText)
		}
		w.pairs(d, "header", k.Headers)
	}
	if c := n.Call; c != nil {
		w.line(d, "calls %q%s%s version=%q", c.Process, text(" process ", c.ProcessExpr), text(" key ", c.BusinessKey), c.Version)
	}
	if a := n.AdHoc; a != nil {
		w.line(d, "ad hoc sequential=%v cancel=%v%s%s", a.Sequential, a.CancelRemaining, text(" until ", a.Completion), text(" active ", a.Active))
	}
	w.mappings(d, "in", n.Inputs)
	w.mappings(d, "out", n.Outputs)
	for _, l := range n.Listeners {
		w.line(d, "on %s%s into %s", l.Event, text(" ", l.Script), l.Result)
	}
}

func (w *dumper) mappings(d int, name string, all []Mapping) {
	for _, m := range all {
		w.line(d, "%s all=%v %s%s", name, m.All, m.Target, text(" := ", m.Source))
	}
}

func (w *dumper) pairs(d int, name string, all map[string]string) {
	keys := make([]string, 0, len(all))
	for k := range all {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		w.line(d, "%s %s = %s", name, k, all[k])
	}
}

func (w *dumper) decision(x *Decision) {
	w.line(0, "decision %s %q result=%q requires=%v%s", x.ID, x.Name, x.ResultVar, x.Requires, text(" literal ", x.Literal))
	if x.Table == nil {
		return
	}
	w.line(1, "hit policy %s%s", x.Table.HitPolicy, x.Table.Aggregation)
	for _, in := range x.Table.Inputs {
		w.line(1, "input%s%s", text(" ", in.Expr), text(" values ", in.Values))
	}
	for _, out := range x.Table.Outputs {
		w.line(1, "output %s%s%s", out.Name, text(" values ", out.Values), text(" default ", out.Default))
	}
	for _, r := range x.Table.Rules {
		cells := ""
		for _, c := range r.When {
			cells += text(" | ", c)
		}
		for _, c := range r.Then {
			cells += text(" => ", c)
		}
		w.line(1, "rule %s%s", r.ID, cells)
	}
}

func text(prefix string, e *Expression) string {
	if e == nil {
		return ""
	}
	return prefix + "{" + e.Source + "}"
}
