package ticket

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/process"
)

// itemOrder is how a page of tasks is ordered, and where it begins.
type itemOrder struct {
	sort      Sort
	by        string // ORDER BY
	stretches []stretch
	after     string // condition that leaves out the pages before; empty on the first
	afterArgs []any
}

// A stretch is a part of a group's queue that one index has in order. What has no due date or no
// priority stands behind what has one, in an index of its own.
type stretch struct {
	where string // condition that the index needs
	by    string // ORDER BY
}

// never is process.Never in the text of a query, which has to repeat the condition of a partial index.
const never = "9223372036854775807"

// order reads the sort and the cursor of a query.
func (q InboxQuery) order() (itemOrder, error) {
	o := itemOrder{sort: q.Sort}
	var past string
	switch q.Sort {
	case "", Newest:
		o.sort, o.by = Newest, "task.id DESC"
		o.stretches = []stretch{{by: "c.task DESC"}}
	case Oldest:
		o.by = "task.id"
		o.stretches = []stretch{{by: "c.task"}}
	case DueDate:
		o.by, past = "task.due, task.id", "task.due >= ? AND (task.due > ? OR task.id > ?)"
		o.stretches = []stretch{{" AND c.due < " + never, "c.due, c.task"}, {" AND c.due = " + never, "c.task"}}
	case Urgent:
		o.by, past = "task.priority DESC, task.id", "task.priority <= ? AND (task.priority < ? OR task.id > ?)"
		o.stretches = []stretch{{" AND c.priority <> 0 AND c.priority > 0", "c.priority DESC, c.task"}, {" AND c.priority = 0", "c.task"},
			{" AND c.priority <> 0 AND c.priority < 0", "c.priority DESC, c.task"}}
	default:
		return o, errs.New(errs.Invalid, "sort %q is not known", q.Sort).WithCure("use newest, oldest, due or priority")
	}
	if q.After == "" {
		return o, nil
	}
	value, id, err := readCursor(q.After, o.sort)
	switch {
	case err != nil:
		return o, err
	case o.sort == Newest:
		o.after, o.afterArgs = "task.id < ?", []any{id}
	case o.sort == Oldest:
		o.after, o.afterArgs = "task.id > ?", []any{id}
	default:
		o.after, o.afterArgs = past, []any{value, value, id}
	}
	return o, nil
}

// cursor names the place right after an item.
func (o itemOrder) cursor(last Item) string {
	var value int64
	switch o.sort {
	case DueDate:
		value = stamp(last.Due)
	case Urgent:
		value = int64(last.Priority)
	}
	return writeCursor(o.sort, value, last.Task)
}

// A cursor is opaque to clients: the order it belongs to, the last value, the last id.
func writeCursor(sort Sort, value int64, id db.ID) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s.%d.%d", sort, value, int64(id)))
}

func readCursor(cursor string, sort Sort) (value int64, id db.ID, err error) {
	wrong := errs.New(errs.Invalid, "this cursor does not belong to this list").WithCure("leave out after, and begin with the first page")
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, 0, wrong
	}
	parts := strings.Split(string(raw), ".")
	if len(parts) != 3 || parts[0] != string(sort) {
		return 0, 0, wrong
	}
	value, err1 := strconv.ParseInt(parts[1], 10, 64)
	last, err2 := strconv.ParseInt(parts[2], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, 0, wrong
	}
	return value, db.ID(last), nil
}

// moment is the time in a column that has process.Never for none, and stamp the reverse.
func moment(micros int64) time.Time {
	if micros == process.Never {
		return time.Time{}
	}
	return db.Time(micros)
}

func stamp(t time.Time) int64 {
	if t.IsZero() {
		return process.Never
	}
	return db.Micros(t)
}
