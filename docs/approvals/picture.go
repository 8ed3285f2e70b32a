package main

import (
	"bytes"
	"fmt"
	"html"
	"slices"
	"unicode/utf8"

	"github.com/paceline/paceline/internal/bpmn"
)

// picture is a process from left to right, with a row for each branch.
type picture struct {
	process *bpmn.Process
	notes   map[*bpmn.Node][]note
	moves   []move
	foot    string

	boxes         map[*bpmn.Node]box
	width, height int
}

// box is where a node is: its middle and its size.
type box struct{ x, y, w, h int }

func (b box) left() int   { return b.x - b.w/2 }
func (b box) right() int  { return b.x + b.w/2 }
func (b box) top() int    { return b.y - b.h/2 }
func (b box) bottom() int { return b.y + b.h/2 }

// Sizes in pixels.
const (
	margin  = 20
	gap     = 46
	rowStep = 84
	line    = 17
	arc     = 30 // from one arc over the tasks to the next
)

func sizeOf(n *bpmn.Node) (w, h int) {
	switch {
	case n.Kind.IsEvent():
		return 34, 34
	case n.Kind.IsGateway():
		return 42, 42
	}
	return 168, 60
}

// layOut gives every node its place: the column is the longest way from the start.
func (p *picture) layOut() {
	column, row := map[*bpmn.Node]int{}, map[*bpmn.Node]int{}
	var place func(n *bpmn.Node, col, line int)
	place = func(n *bpmn.Node, col, line int) {
		if _, seen := row[n]; !seen {
			row[n] = line
		}
		column[n] = max(column[n], col)
		for i, f := range n.Out {
			place(f.To, col+1, row[n]+i)
		}
	}
	place(p.process.Nodes[0], 0, 0)

	widths := map[int]int{}
	for _, n := range p.process.Nodes {
		w, _ := sizeOf(n)
		for _, t := range p.notes[n] {
			w = max(w, textWidth(t.text))
		}
		if n.Kind.IsEvent() {
			w = max(w, textWidth(n.Name))
		}
		widths[column[n]] = max(widths[column[n]], w)
	}
	middle, x := map[int]int{}, margin
	for col := range len(widths) {
		middle[col] = x + widths[col]/2
		x += widths[col] + gap
	}
	p.width = x - gap + margin
	first := margin + arc*len(p.moves) + 36
	for _, n := range p.process.Nodes {
		w, h := sizeOf(n)
		b := box{middle[column[n]], first + row[n]*rowStep, w, h}
		p.boxes[n] = b
		below := b.bottom() + line*len(p.notes[n])
		if n.Kind.IsEvent() && n.Name != "" {
			below += line
		}
		p.height = max(p.height, below+margin)
	}
	if p.foot != "" {
		p.height += line + 4
	}
}

// textWidth is about what a text of the small size takes.
func textWidth(s string) int { return utf8.RuneCountInString(s) * 13 / 2 }

const style = `  <style>
    text { fill: #12263f; font-size: 14px; text-anchor: middle } .note { font-size: 12.5px; fill: #41597a } .people { font-size: 12.5px; fill: #0b66c3; font-weight: 600 }
    .shape { fill: #eef3fb; stroke: #1d4f91; stroke-width: 1.5 } .end { stroke-width: 3.5 } .flow { stroke: #1d4f91; stroke-width: 1.5; fill: none; marker-end: url(#a) }
    .move { stroke: #0b66c3; stroke-width: 1.5; stroke-dasharray: 6 4; fill: none; marker-end: url(#b) }
  </style>
  <defs>
    <marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#1d4f91"/></marker>
    <marker id="b" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#0b66c3"/></marker>
  </defs>
`

func (p *picture) svg() []byte {
	var out bytes.Buffer
	name := html.EscapeString(p.process.Name)
	fmt.Fprintf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" font-family=\"system-ui, sans-serif\" role=\"img\" aria-label=\"%s\">\n",
		p.width, p.height, p.width, p.height, name)
	out.WriteString(style)
	fmt.Fprintf(&out, "  <rect width=\"%d\" height=\"%d\" rx=\"10\" fill=\"#f7f9fc\"/>\n", p.width, p.height)
	for _, f := range p.process.Flows {
		p.flow(&out, f)
	}
	for _, n := range p.process.Nodes {
		p.node(&out, n)
	}
	slices.SortStableFunc(p.moves, func(a, b move) int { return p.span(b) - p.span(a) }) // the widest above the others
	for i, m := range p.moves {
		from, to := p.boxes[m.from], p.boxes[m.to]
		y := margin + arc*i + 12
		fmt.Fprintf(&out, "  <path class=\"move\" d=\"M%d %dV%dH%dV%d\"/>\n", from.x-14*(i+1), from.top(), y, to.x+14*(i+1), to.top()-2)
		write(&out, "people", (from.x+to.x)/2, y-4, m.label)
	}
	if p.foot != "" {
		write(&out, "people", p.width/2, p.height-margin/2, p.foot)
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func (p *picture) span(m move) int { return p.boxes[m.from].x - p.boxes[m.to].x }

func (p *picture) flow(out *bytes.Buffer, f *bpmn.Flow) {
	from, to := p.boxes[f.From], p.boxes[f.To]
	if from.y == to.y {
		fmt.Fprintf(out, "  <path class=\"flow\" d=\"M%d %dH%d\"/>\n", from.right(), from.y, to.left())
	} else {
		fmt.Fprintf(out, "  <path class=\"flow\" d=\"M%d %dV%dH%d\"/>\n", from.x, from.bottom(), to.y, to.left())
	}
	if f.Name != "" {
		write(out, "note", (from.right()+to.left())/2, to.y-7, f.Name)
	}
}

func (p *picture) node(out *bytes.Buffer, n *bpmn.Node) {
	b := p.boxes[n]
	switch {
	case n.Kind.IsEvent():
		class := "shape"
		if len(n.Out) == 0 {
			class += " end"
		}
		fmt.Fprintf(out, "  <circle class=\"%s\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>\n", class, b.x, b.y, b.w/2)
		write(out, "note", b.x, b.bottom()+line, n.Name)
	case n.Kind.IsGateway():
		fmt.Fprintf(out, "  <path class=\"shape\" d=\"M%d %dL%d %dL%d %dL%d %dz\"/>\n", b.x, b.top(), b.right(), b.y, b.x, b.bottom(), b.left(), b.y)
		fmt.Fprintf(out, "  <path class=\"shape\" d=\"M%d %dl14 14m0-14l-14 14\"/>\n", b.x-7, b.y-7)
	default:
		fmt.Fprintf(out, "  <rect class=\"shape\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", b.left(), b.top(), b.w, b.h)
		fmt.Fprintf(out, "  <path fill=\"none\" stroke=\"#1d4f91\" d=\"M%d %da4 4 0 1 1 .1 0m-6 9c0-8 12-8 12 0z\"/>\n", b.left()+14, b.top()+14)
		write(out, "", b.x, b.y+5, n.Name)
		if n.Loop != nil && n.Loop.Approval != nil {
			mark := "v12m5-12v12m5-12v12" // everybody at once
			if n.Loop.Approval.InTurn {
				mark = "h14m-14 5h14m-14 5h14"
			}
			fmt.Fprintf(out, "  <path stroke=\"#1d4f91\" stroke-width=\"2\" fill=\"none\" d=\"M%d %d%s\"/>\n", b.x-6, b.bottom()-15, mark)
		}
	}
	for i, t := range p.notes[n] {
		class := "note"
		if t.person {
			class = "people"
		}
		write(out, class, b.x, b.bottom()+line*(i+1), t.text)
	}
}

func write(out *bytes.Buffer, class string, x, y int, text string) {
	if text == "" {
		return
	}
	if class != "" {
		class = ` class="` + class + `"`
	}
	fmt.Fprintf(out, "  <text%s x=\"%d\" y=\"%d\">%s</text>\n", class, x, y, html.EscapeString(text))
}
