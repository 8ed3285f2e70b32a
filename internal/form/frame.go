package form

import (
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/feel"
)

// frame is one record that fields are written into: the form's data, or one row of a
// dynamic list. It is the scope of the expressions inside it, where this is the row,
// parent the record around it and i the row's number, from 1.
type frame struct {
	list  *Component // the dynamic list of the row; nil: the form's data
	place string     // prefix of field paths in problems: "lines[0]."
	row   int
	old   *feel.Context // before the submission
	data  *feel.Context // as it will be
	outer *frame
	now   time.Time
}

// Lookup makes a frame a feel.Scope.
func (fr *frame) Lookup(name string) (feel.Value, bool) {
	if v, ok := fr.data.Get(name); ok {
		return v, true
	}
	if fr.outer == nil {
		return nil, false
	}
	switch name {
	case "this":
		return fr.data, true
	case "parent":
		return fr.outer.data, true
	case "i":
		return feel.Int(int64(fr.row + 1)), true
	}
	return fr.outer.Lookup(name)
}

// Now makes a frame a feel.Clock.
func (fr *frame) Now() time.Time { return fr.now }

// at is the path of a field of the frame, with the row's number where there is one.
func (fr *frame) at(c *Component) string { return fr.place + strings.Join(c.keys, ".") }

// child is the frame of one row of a list in this frame.
func (fr *frame) child(list *Component, row int, old, data *feel.Context) *frame {
	return &frame{
		list: list, row: row, old: old, data: data, outer: fr, now: fr.now,
		place: fr.at(list) + "[" + strconv.Itoa(row) + "].",
	}
}

// rowsOf are the rows of a list in a record; what is no record among them counts as an empty one.
func rowsOf(data *feel.Context, list *Component) []*feel.Context {
	v, _ := find(data, list.keys)
	members, _ := v.(feel.List)
	rows := make([]*feel.Context, len(members))
	for i, m := range members {
		rows[i], _ = m.(*feel.Context)
		if rows[i] == nil {
			rows[i] = feel.NewContext()
		}
	}
	return rows
}

func rowAt(rows []*feel.Context, i int) *feel.Context {
	if i < len(rows) {
		return rows[i]
	}
	return feel.NewContext()
}
