package form

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Line is the line, from 1, of a place in the JSON of a form, as the errors of Parse
// name it: "components[2].validate.min". For a place that is not there it is the line of
// the nearest one around it; 0 when src is no JSON.
func Line(src []byte, place string) int {
	l := &locator{dec: json.NewDecoder(bytes.NewReader(src)), want: place}
	l.dec.UseNumber()
	if !l.value("") {
		return 0
	}
	return 1 + bytes.Count(src[:l.at], []byte("\n"))
}

// locator walks a JSON text towards a place.
type locator struct {
	dec  *json.Decoder
	want string
	at   int64 // offset behind the nearest name found so far
}

// leads tells whether the place looked for is at path or inside it.
func (l *locator) leads(path string) bool {
	rest, found := strings.CutPrefix(l.want, path)
	return found && (path == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// value reads one value; false when the text ends or is no JSON.
func (l *locator) value(path string) bool {
	token, err := l.dec.Token()
	if err != nil {
		return false
	}
	if l.leads(path) {
		l.at = l.dec.InputOffset()
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return true
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
		if !l.value(inner) {
			return false
		}
	}
	_, err = l.dec.Token()
	return err == nil
}
