package form

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Lines are the lines, from 1, of the places in the JSON of a form.
type Lines map[string]int

// maxLineDepth is how deep places are noted; the components of a form end far above.
const maxLineDepth = 4 * MaxDepth

// LinesOf finds every place in a form's JSON, in one pass. What follows a mistake in the JSON
// has no line.
func LinesOf(src []byte) Lines {
	l := &locator{src: src, dec: json.NewDecoder(bytes.NewReader(src)), line: 1, lines: Lines{}}
	l.dec.UseNumber()
	l.value("", 0)
	return l.lines
}

// At is the line of a place as the errors of Parse name it, "components[2].validate.min".
// For a place that is not there it is the line of the nearest one around it; 0 when there is none.
func (l Lines) At(place string) int {
	for {
		if line, found := l[place]; found || place == "" {
			return line
		}
		place = place[:max(strings.LastIndexAny(place, ".["), 0)]
	}
}

// locator walks a JSON text and notes where things are.
type locator struct {
	src   []byte
	dec   *json.Decoder
	seen  int64 // newlines before this offset are counted in line
	line  int
	lines Lines
}

// value reads one value; false when the text ends or is no JSON.
func (l *locator) value(path string, depth int) bool {
	token, err := l.dec.Token()
	if err != nil {
		return false
	}
	at := l.dec.InputOffset()
	l.line += bytes.Count(l.src[l.seen:at], []byte("\n"))
	l.seen = at
	l.lines[path] = l.line
	delim, nested := token.(json.Delim)
	switch {
	case !nested:
		return true
	case depth == maxLineDepth:
		return l.skip()
	}
	for i := 0; l.dec.More(); i++ {
		inner := path + "[" + strconv.Itoa(i) + "]"
		if delim == '{' {
			name, err := l.dec.Token()
			if err != nil {
				return false
			}
			inner, _ = name.(string)
			if path != "" {
				inner = path + "." + inner
			}
		}
		if !l.value(inner, depth+1) {
			return false
		}
	}
	_, err = l.dec.Token()
	return err == nil
}

// skip reads the rest of the value whose opening was read.
func (l *locator) skip() bool {
	for open := 1; open > 0; {
		token, err := l.dec.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
	}
	return true
}
