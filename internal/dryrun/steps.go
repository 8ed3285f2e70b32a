package dryrun

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// step is one line of a steps file (section 2): one verb and what belongs to it.
type step struct {
	n    int // from 1
	verb string
	err  error // why it cannot be read

	Start    string       `json:"start"`
	Deploy   string       `json:"deploy"`
	Complete *target      `json:"complete"`
	Job      *target      `json:"job"`
	Fail     *target      `json:"fail"`
	Message  string       `json:"message"`
	Signal   string       `json:"signal"`
	Advance  string       `json:"advance"`
	Fire     string       `json:"fire"`
	Set      jsonVars     `json:"set"`
	Cancel   int          `json:"cancel"`
	Suspend  int          `json:"suspend"`
	Resume   int          `json:"resume"`
	Return   string       `json:"return"`   // to this element
	Straight bool         `json:"straight"` // and from there straight back
	From     string       `json:"from"`     // what is moved; empty: all that cannot stay
	Withdraw string       `json:"withdraw"` // who takes the last task back
	Assign   *target      `json:"assign"`
	To       string       `json:"to"`
	Delegate bool         `json:"delegate"`
	Sign     *target      `json:"sign"` // the task whose group changes
	Add      []string     `json:"add"`
	Where    string       `json:"where"` // beside, before or after
	Remove   bool         `json:"remove"`
	By       string       `json:"by"`
	Migrate  string       `json:"migrate"` // to the process of the same id in this file
	Expect   *expectation `json:"expect"`
	Vars     jsonVars     `json:"vars"`
	Key      *string      `json:"key"`
	All      bool         `json:"all"`
	Error    string       `json:"error"`
	Instance int          `json:"instance"`
	Element  string       `json:"element"`
	At       string       `json:"at"`

	Map   map[string]string `json:"map"`
	Renew []string          `json:"renew"`
}

// verbs are the verbs with the other keys that belong to each.
var verbs = map[string][]string{
	"start":    {"vars", "key", "at"},
	"deploy":   {},
	"complete": {"vars", "all", "by"},
	"job":      {"vars", "all"},
	"fail":     {"error", "message", "vars"},
	"message":  {"key", "vars", "instance", "element"},
	"signal":   {"vars", "instance", "element"},
	"advance":  {},
	"fire":     {"instance"},
	"set":      {"instance", "element"},
	"cancel":   {},
	"suspend":  {},
	"resume":   {},
	"return":   {"instance", "straight", "from"},
	"withdraw": {"instance"},
	"assign":   {"to", "by", "delegate"},
	"sign":     {"add", "where", "remove", "by"},
	"migrate":  {"instance", "map", "renew"},
	"expect":   {},
}

// target names something open: by element, by its n, or by what it has.
type target struct {
	Element  string `json:"element"`
	Name     string `json:"name"`
	Instance int    `json:"instance"`
	n        int
}

func (t *target) UnmarshalJSON(src []byte) error {
	src = bytes.TrimSpace(src)
	if len(src) > 0 && src[0] == '"' {
		return json.Unmarshal(src, &t.Element)
	}
	if len(src) > 0 && src[0] == '{' {
		type plain target
		return strict(src, (*plain)(t))
	}
	if err := json.Unmarshal(src, &t.n); err != nil || t.n < 1 {
		return errors.New("a target is an element id, the n of an open entry, or an object")
	}
	return nil
}

func (t *target) String() string {
	switch {
	case t.n > 0:
		return fmt.Sprint(t.n)
	case t.Name != "":
		return t.Name
	case t.Element != "":
		return t.Element
	}
	return "anything"
}

// expectation is what an expect step compares.
type expectation struct {
	Active *[]string `json:"active"`
	Ended  *bool     `json:"ended"`
	Vars   jsonVars  `json:"vars"`
}

func strict(src []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// readSteps reads a steps file. A line that cannot be read is refused when its turn comes.
func readSteps(path string) ([]step, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the steps cannot be read: %w", err)
	}
	if info.Size() > maxSteps {
		return nil, fmt.Errorf("the steps are larger than %d bytes", maxSteps)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the steps cannot be read: %w", err)
	}
	var steps []step
	for _, line := range bytes.Split(src, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		s := parseStep(line)
		s.n = len(steps) + 1
		steps = append(steps, s)
	}
	return steps, nil
}

func parseStep(line []byte) step {
	var s step
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(line, &keys); err != nil {
		s.err = fmt.Errorf("the step is no JSON object: %w", err)
		return s
	}
	if s.verb, s.err = findVerb(keys); s.err != nil {
		return s
	}
	verb := s.verb
	if string(keys[verb]) == "null" {
		s.err = fmt.Errorf("%s needs a value", verb)
		return s
	}
	if err := strict(line, &s); err != nil {
		s.err = fmt.Errorf("%s: %w", verb, err)
	}
	return s
}

// findVerb finds the one verb of a step and checks that the other keys belong to it.
func findVerb(keys map[string]json.RawMessage) (string, error) {
	var found []string
	for key := range keys {
		if _, known := verbs[key]; known {
			found = append(found, key)
		}
	}
	slices.Sort(found)
	if len(found) == 2 && found[0] == "fail" && found[1] == "message" {
		found = found[:1] // the message of a failure
	}
	if len(found) != 1 {
		return "", fmt.Errorf("a step has exactly one verb; this one has %d: %s", len(found), strings.Join(found, ", "))
	}
	verb := found[0]
	for key := range keys {
		if key != verb && !slices.Contains(verbs[verb], key) {
			return verb, fmt.Errorf("%s has no key %q", verb, key)
		}
	}
	return verb, nil
}
