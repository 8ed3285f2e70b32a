package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/paceline/paceline/internal/bpmn"
)

// move is work that goes back.
type move struct {
	from, to *bpmn.Node
	label    string
}

// step is what of a step is drawn.
type step struct {
	Complete string   `json:"complete"`
	Assign   string   `json:"assign"`
	Delegate bool     `json:"delegate"`
	To       string   `json:"to"`
	Sign     string   `json:"sign"`
	Add      []string `json:"add"`
	Where    string   `json:"where"`
	Remove   bool     `json:"remove"`
	Return   string   `json:"return"`
	From     string   `json:"from"`
	Straight bool     `json:"straight"`
	Withdraw string   `json:"withdraw"`
	Cancel   int      `json:"cancel"`
	By       string   `json:"by"`
}

// follow notes what people do in the steps.
func (p *picture) follow(steps []byte) error {
	last := map[string]string{} // what each person has completed last
	for _, line := range strings.Split(string(steps), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		var s step
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		if s.Complete != "" {
			last[s.By] = s.Complete
		}
		if err := p.note(s, last); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return nil
}

func (p *picture) note(s step, last map[string]string) error {
	switch {
	case s.Assign != "" && s.Delegate:
		return p.people(s.Assign, "delegated to "+s.To+", comes back")
	case s.Assign != "":
		return p.people(s.Assign, "transferred to "+s.To)
	case s.Sign != "" && s.Remove:
		return p.people(s.Sign, "signer removed")
	case s.Sign != "":
		return p.people(s.Sign, "signer added "+s.Where+": "+strings.Join(s.Add, ", "))
	case s.Return != "" && s.Straight:
		return p.back(s.From, s.Return, "return, then straight back")
	case s.Return != "":
		return p.back(s.From, s.Return, "return")
	case s.Withdraw != "":
		node := p.process.Node(last[s.Withdraw])
		if node == nil || len(node.Out) == 0 {
			return fmt.Errorf("%s has completed nothing", s.Withdraw)
		}
		return p.back(node.Out[0].To.ID, node.ID, "withdraw")
	case s.Cancel != 0:
		p.foot = "cancel: the ticket ends, wherever it is"
	}
	return nil
}

func (p *picture) people(element, text string) error {
	n := p.process.Node(element)
	if n == nil {
		return fmt.Errorf("there is no element %q", element)
	}
	p.notes[n] = append(p.notes[n], note{text: text, person: true})
	return nil
}

func (p *picture) back(from, to, label string) error {
	m := move{p.process.Node(from), p.process.Node(to), label}
	if m.from == nil || m.to == nil {
		return fmt.Errorf("from %q to %q: there is no such element", from, to)
	}
	p.moves = append(p.moves, m)
	return nil
}
