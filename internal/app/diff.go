package app

import (
	"bytes"
	"encoding/json"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/form"
)

// Diff is what changed from one version to another.
type Diff struct {
	From  int          `json:"from"`
	To    int          `json:"to"`
	Files []FileChange `json:"files"`
}

// How something changed.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// FileChange is a file that is not the same, with the parts that differ where its kind
// is understood: elements and flows of a process, fields of a form, keys of texts.
type FileChange struct {
	File  string       `json:"file"`
	How   string       `json:"how" enum:"added,removed,changed"`
	Parts []PartChange `json:"parts,omitempty"`
}

// PartChange is an element, a field or a text that is not the same.
type PartChange struct {
	Part string `json:"part"`
	How  string `json:"how" enum:"added,removed,changed"`
}

// Compare tells what changed from one bundle to another. A file that changed without a part
// that differs changed in layout, order or remarks only.
func Compare(from, to *Bundle) Diff {
	d := Diff{Files: []FileChange{}}
	for _, change := range changes(from.Files, to.Files, bytes.Equal) {
		f := FileChange{File: change.Part, How: change.How}
		if f.How == Changed {
			before, after := parts(f.File, from.Files[f.File]), parts(f.File, to.Files[f.File])
			f.Parts = changes(before, after, func(a, b any) bool { return reflect.DeepEqual(a, b) })
		}
		d.Files = append(d.Files, f)
	}
	return d
}

// changes compares two maps, in order of key.
func changes[V any](from, to map[string]V, same func(a, b V) bool) []PartChange {
	var list []PartChange
	keys := slices.AppendSeq(slices.Collect(maps.Keys(from)), maps.Keys(to))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		before, was := from[key]
		after, is := to[key]
		switch {
		case !was:
			list = append(list, PartChange{key, Added})
		case !is:
			list = append(list, PartChange{key, Removed})
		case !same(before, after):
			list = append(list, PartChange{key, Changed})
		}
	}
	return list
}

// parts takes a file apart by its kind: what is comparable, by the name people know it by.
func parts(file string, src []byte) map[string]any {
	switch path.Ext(file) {
	case ".bpmn", ".dmn":
		return modelParts(src)
	case ".json", ".form":
		return formParts(src)
	case ".yaml":
		texts, _, _ := parseTexts(file, src)
		if !strings.HasPrefix(file, "texts/") {
			return nil
		}
		out := map[string]any{}
		for key, text := range texts {
			out[key] = text
		}
		return out
	}
	return nil
}

// formParts are the components of a form by their path, else id, without those inside them.
func formParts(src []byte) map[string]any {
	f, err := form.Parse(src)
	if err != nil {
		return nil
	}
	out := map[string]any{}
	f.Walk(func(c *form.Component) {
		name := c.Path
		if name == "" {
			name = c.ID
		}
		if name == "" {
			name = c.Place
		}
		var properties map[string]any
		if json.Unmarshal(c.Source(), &properties) == nil {
			delete(properties, "components")
			out[name] = properties
		}
	})
	return out
}

// modelParts are the elements and flows of the processes, each as what it says by itself.
func modelParts(src []byte) map[string]any {
	d, _ := bpmn.Parse(src)
	out := map[string]any{}
	for _, p := range d.Processes {
		out[p.ID] = []any{p.Name, p.Executable, p.CandidateStarters, p.Properties}
		scopeParts(&p.Scope, out)
	}
	for _, dec := range d.Decisions {
		out[dec.ID] = plain(reflect.ValueOf(*dec), 0)
	}
	return out
}

func scopeParts(s *bpmn.Scope, out map[string]any) {
	for _, f := range s.Flows {
		condition := ""
		if f.Condition != nil {
			condition = f.Condition.Text
		}
		out[f.ID] = []any{f.Name, f.From.ID, f.To.ID, condition, f.From.Default == f}
	}
	for _, n := range s.Nodes {
		out[n.ID] = plain(reflect.ValueOf(*n), 0)
		if n.Inner != nil {
			scopeParts(n.Inner, out)
		}
	}
}

// plain turns a part of a model into comparable data: lines are left out, expressions
// become their text, other nodes and flows are not followed.
func plain(v reflect.Value, depth int) any {
	if depth > 12 {
		return nil
	}
	switch x := v.Interface().(type) {
	case *bpmn.Expression:
		if x == nil {
			return nil
		}
		return x.Text
	case *bpmn.Node:
		if x == nil {
			return nil
		}
		return x.ID
	case *bpmn.Lane:
		if x == nil {
			return nil
		}
		return x.Name
	case *bpmn.Flow, []*bpmn.Flow, []*bpmn.Node, *bpmn.Scope:
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem(), depth+1)
	case reflect.Struct:
		fields := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Line" {
				fields[f.Name] = plain(v.Field(i), depth+1)
			}
		}
		return fields
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i), depth+1)
		}
		return list
	}
	return v.Interface()
}
