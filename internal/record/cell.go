package record

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
)

// column is a column of a sheet that holds a field of the form.
type column struct {
	field   *form.Component
	options map[string]feel.Value // what a cell may say for each choice: its value, or its label in any language
}

// columnOf prepares a field for the cells of sheets.
func columnOf(live *app.Loaded, table *app.Table, field *form.Component) column {
	c := column{field: field}
	if field.Options == nil || field.Options.Values == nil {
		return c
	}
	c.options = map[string]feel.Value{}
	name := "forms." + live.FormName(table.Form) + "." + field.Path + ".options."
	for _, option := range field.Options.Values { // values win over labels
		text := feel.String(option.Value)
		for _, texts := range live.Texts {
			if label, ok := texts[name+text]; ok {
				c.options[fold(label)] = option.Value
			}
		}
		c.options[fold(option.Label)] = option.Value
	}
	for _, option := range field.Options.Values {
		c.options[fold(feel.String(option.Value))] = option.Value
	}
	return c
}

// fold makes two texts the same that people take for the same name.
func fold(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

var truths = map[string]bool{
	"true": true, "yes": true, "1": true, "x": true, "是": true, "はい": true,
	"false": false, "no": false, "0": false, "否": false, "いいえ": false,
}

// value reads a cell. An empty one is no value. What cannot be read goes to the form as text, which says what
// is wrong with it; only what the form could not tell is an error here.
func (c column) value(format Format, cell string) (feel.Value, error) {
	if strings.TrimSpace(cell) == "" {
		return nil, nil
	}
	switch c.field.Type {
	case form.Number:
		return c.number(format, cell), nil
	case form.Checkbox:
		if truth, known := truths[fold(cell)]; known {
			return truth, nil
		}
		return nil, fmt.Errorf("true or false is expected")
	case form.Radio, form.Select:
		return c.choice(cell), nil
	case form.Checklist, form.Taglist, form.Filepicker:
		list := feel.List{}
		for part := range strings.SplitSeq(cell, ";") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, c.choice(part))
			}
		}
		return list, nil
	case form.Datetime:
		return c.moment(format, strings.TrimSpace(cell)), nil
	case form.DynamicList:
		v, err := feel.FromJSON([]byte(cell))
		if err != nil {
			return nil, fmt.Errorf("rows are expected as a JSON list of objects")
		}
		return v, nil
	}
	return cell, nil
}

func (c column) number(format Format, cell string) feel.Value {
	cell = strings.TrimSpace(cell)
	if format == XLSX {
		cell = tidyNumber(cell)
	}
	n, ok := feel.ParseNumber(cell)
	if !ok {
		return cell
	}
	return n
}

func (c column) choice(cell string) feel.Value {
	if v, known := c.options[fold(cell)]; known {
		return v
	}
	return strings.TrimSpace(cell)
}

// moment reads what spreadsheets make of dates: days since 1900 in a workbook, 2026/3/1 in a CSV file.
func (c column) moment(format Format, cell string) feel.Value {
	if format == XLSX {
		if t, ok := serialTime(cell); ok {
			switch {
			case c.field.Subtype == "date":
				return t.Format(time.DateOnly)
			case c.field.Subtype == "time":
				return t.Format(time.TimeOnly) + c.zone()
			}
			return t.Format("2006-01-02T15:04:05") + c.zone()
		}
	}
	if c.field.Subtype == "date" {
		for _, layout := range []string{"2006/1/2", "2006-1-2"} {
			if t, err := time.Parse(layout, cell); err == nil {
				return t.Format(time.DateOnly)
			}
		}
	}
	return cell
}

// zone is that of a moment which a workbook keeps without one.
func (c column) zone() string {
	if c.field.TimeFormat == "no_timezone" {
		return ""
	}
	return "Z"
}

// text is a value as a cell of a CSV file has it.
func (c column) text(v feel.Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case feel.List:
		if c.field.Type == form.DynamicList {
			break
		}
		parts := make([]string, len(v))
		for i, member := range v {
			parts[i] = feel.String(member)
		}
		return strings.Join(parts, "; ")
	case *feel.Context:
	case feel.Number:
		return v.String()
	default:
		return guard(feel.String(v))
	}
	text, err := feel.ToJSON(v)
	if err != nil { // it was read from JSON
		return ""
	}
	return string(text)
}

// typed is a value as a cell of a workbook has it: numbers, truths and dates keep their type.
func (c column) typed(v feel.Value) any {
	switch v := v.(type) {
	case bool:
		return v
	case feel.Number:
		if digits := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(v.String()), "0"); len(digits) <= 15 {
			return v.Float64()
		}
		return v.String()
	case string:
		if c.field.Type == form.Datetime && c.field.Subtype == "date" {
			if t, err := time.Parse(time.DateOnly, v); err == nil && t.Year() >= 1901 {
				return t
			}
		}
		return v
	}
	return c.text(v)
}

// columns are the fields that sheets have: not hidden, and none inside rows, which are in the cell of their list.
func (v *view) columns() []column {
	var all []column
	seen := map[string]bool{}
	for _, field := range v.table.Schema().Fields() {
		if !field.InRows() && !v.hides(field.Path) && !seen[field.Path] {
			seen[field.Path] = true
			all = append(all, columnOf(v.live, v.table, field))
		}
	}
	return all
}

// labelKeys are how texts call what stands beside a field.
var labelKeys = []string{".label", ".dateLabel", ".timeLabel"}

// labels are what the columns are called in a language; a path where two would be called the same.
func (v *view) labels(columns []column, language string) []string {
	name := "forms." + v.live.FormName(v.table.Form) + "."
	labels := make([]string, len(columns))
	for i, c := range columns {
		labels[i] = c.field.Label
		for _, key := range labelKeys {
			if text, ok := v.live.Text(language, name+c.field.Path+key); ok {
				labels[i] = text
				break
			}
		}
	}
	for i, label := range slices.Clone(labels) {
		same := 0
		for _, other := range labels {
			if fold(other) == fold(label) {
				same++
			}
		}
		if strings.TrimSpace(label) == "" || strings.HasPrefix(label, "=") || same > 1 {
			labels[i] = columns[i].field.Path
		}
	}
	return labels
}
