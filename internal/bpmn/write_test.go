package bpmn

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWrite holds that every model of the repository, written and read again, has the same graph,
// the same problems, extension elements and diagrams, and that a second writing changes nothing.
func TestWrite(t *testing.T) {
	var models int
	for _, pattern := range []string{"testdata/*", "../engine/testdata/*.bpmn", "../../apps/*/processes/*", "../../cmd/paceline/testdata/*", "../../bench/app/processes/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !slices.Contains([]string{".bpmn", ".dmn"}, filepath.Ext(file)) {
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			models++
			t.Run(file, func(t *testing.T) { roundTrips(t, src) })
		}
	}
	if models < 100 {
		t.Errorf("only %d models were found", models)
	}
	for _, c := range invalid {
		if d, _ := Parse([]byte(c.src)); d.root != nil {
			t.Run(c.name, func(t *testing.T) { roundTrips(t, []byte(c.src)) })
		}
	}
}

func roundTrips(t *testing.T, src []byte) {
	t.Helper()
	first, _ := Parse(src)
	if first.root == nil {
		return
	}
	out := written(t, first)
	second, _ := Parse(out)
	if second.root == nil {
		t.Fatalf("what was written cannot be read: %v\n%s", second.Problems, out)
	}
	if a, b := flat(first.root), flat(second.root); a != b {
		t.Fatalf("the content differs:\n%s\n%s", a, b)
	}
	if a, b := dump(lineless(first)), dump(lineless(second)); a != b {
		t.Fatalf("the graph differs:\n%s\n%s", a, b)
	}
	if !bytes.Equal(written(t, second), out) {
		t.Fatal("a second writing differs")
	}
}

func written(t *testing.T, d *Definitions) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := d.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// flat is everything in a tree as one text.
func flat(e *element) string {
	var b strings.Builder
	b.WriteString("{" + e.space + " " + e.name)
	for _, a := range e.attrs {
		b.WriteString(" " + a.Name.Space + " " + a.Name.Local + "=" + a.Value)
	}
	b.WriteString("|" + e.text + "|")
	for _, k := range e.kids {
		b.WriteString(e.text[:k.at] + flat(k))
	}
	for _, n := range e.notes {
		b.WriteString("<!" + n.text)
	}
	return b.String() + "}"
}

// lineless takes the lines off the problems: attributes over several lines are written in one.
func lineless(d *Definitions) *Definitions {
	next := *d
	next.Problems = slices.Clone(d.Problems)
	for i := range next.Problems {
		next.Problems[i].Line = 1
	}
	slices.SortFunc(next.Problems, func(a, b Problem) int { return strings.Compare(a.String(), b.String()) })
	return &next
}

// TestWriteKeepsPrefixes holds that names in texts still mean the same, because the declarations stay.
func TestWriteKeepsPrefixes(t *testing.T) {
	src := "<!-- whose -->\n" + `<b:definitions xmlns:b="` + nsBPMN + `" xmlns:x="` + nsXSI + `" targetNamespace="t"><!-- who -->` +
		`<b:process id="p" xml:lang="de"><b:documentation>one <i xmlns="http://www.w3.org/1999/xhtml">two</i> &lt;three&gt;</b:documentation>` +
		`<b:task id="a" name="x &quot;y&quot;&#10;z"/><b:sequenceFlow id="f" sourceRef="a" targetRef="c"><b:conditionExpression x:type="b:tFormalExpression"><![CDATA[1 < 2]]></b:conditionExpression></b:sequenceFlow>` +
		`<b:task id="c"/></b:process></b:definitions>`
	d, _ := Parse([]byte(src))
	got := string(written(t, d))
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + strings.NewReplacer(`<![CDATA[1 < 2]]>`, `1 &lt; 2`, "&#10;", "&#xA;").Replace(src) + "\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWriteNothing(t *testing.T) {
	d, _ := Parse([]byte("no xml"))
	if d.Write(&bytes.Buffer{}) == nil {
		t.Error("wrote what could not be read")
	}
}
