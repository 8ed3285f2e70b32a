package record

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/xuri/excelize/v2"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// maxExported bounds the rows of one export; a sheet holds about a million.
const maxExported = 1_000_000

// Export writes the records of a query as a file, which Import reads again: the columns _id and _version, then
// the fields that the actor may see, called as in the actor's language. begin gives the
// writer once there is something to write, so that an error before it can still be told.
func (s *Records) Export(ctx context.Context, actor *org.Actor, appName, table string, q Query, format Format, begin func() io.Writer) (err error) {
	defer errs.Wrap(&err, "record.Export")
	v, err := s.open(actor, appName, table)
	if err != nil {
		return err
	}
	if format != CSV && format != XLSX {
		return wrong("query.format", "enum", "%q is no format of a file; use csv or xlsx", clip(string(format), 20))
	}
	q.After, q.Limit = "", maxPage
	rows, next, err := s.list(ctx, v, q)
	if err != nil {
		return err
	}
	columns := v.columns()
	labels := v.labels(columns, v.live.Language(actor.Languages()))
	var out outgoing
	if format == CSV {
		out = newCSVTable(begin(), columns)
	} else if out, err = newXLSXTable(begin, columns); err != nil {
		return err
	}
	if err := out.head(append([]string{"_id", "_version"}, labels...)); err != nil {
		return err
	}
	for written := 0; ; {
		for _, st := range rows {
			if err := out.row(st); err != nil {
				return err
			}
		}
		if written += len(rows); next == "" || written >= maxExported {
			return out.end()
		}
		q.After = next
		if rows, next, err = s.list(ctx, v, q); err != nil {
			return err
		}
	}
}

// outgoing is a file that records are written to.
type outgoing interface {
	head(labels []string) error
	row(st *stored) error
	end() error
}

type csvTable struct {
	out     *csv.Writer
	to      io.Writer
	columns []column
}

func newCSVTable(to io.Writer, columns []column) *csvTable {
	return &csvTable{out: csv.NewWriter(to), to: to, columns: columns}
}

// head begins with a byte order mark: without it spreadsheets take UTF-8 for something else.
func (t *csvTable) head(labels []string) error {
	if _, err := io.WriteString(t.to, "\uFEFF"); err != nil {
		return err
	}
	cells := make([]string, len(labels))
	for i, label := range labels {
		cells[i] = guard(label)
	}
	return t.out.Write(cells)
}

func (t *csvTable) row(st *stored) error {
	cells := []string{st.id.String(), strconv.FormatInt(st.version, 10)}
	for _, c := range t.columns {
		cells = append(cells, c.text(valueAt(st.data, c.field.Path)))
	}
	return t.out.Write(cells)
}

func (t *csvTable) end() error {
	t.out.Flush()
	return t.out.Error()
}

// xlsxTable streams rows into a temporary file where they are many; a workbook can only be sent once it is whole.
// Its texts are texts: a spreadsheet does not calculate them.
type xlsxTable struct {
	book    *excelize.File
	out     *excelize.StreamWriter
	begin   func() io.Writer
	date    int // style
	rows    int
	columns []column
}

func newXLSXTable(begin func() io.Writer, columns []column) (*xlsxTable, error) {
	book := excelize.NewFile()
	const isoDate = "yyyy-mm-dd"
	format := isoDate
	date, err := book.NewStyle(&excelize.Style{CustomNumFmt: &format})
	if err != nil {
		return nil, err
	}
	out, err := book.NewStreamWriter("Sheet1")
	return &xlsxTable{book: book, out: out, begin: begin, date: date, columns: columns}, err
}

func (t *xlsxTable) head(labels []string) error {
	cells := make([]any, len(labels))
	for i, label := range labels {
		cells[i] = label
	}
	return t.write(cells)
}

func (t *xlsxTable) row(st *stored) error {
	cells := []any{st.id.String(), st.version}
	for _, c := range t.columns {
		switch value := c.typed(valueAt(st.data, c.field.Path)).(type) {
		case interface{ Year() int }:
			cells = append(cells, excelize.Cell{StyleID: t.date, Value: value})
		case string:
			if len(value) > excelize.TotalCellChars {
				return errs.New(errs.Invalid, "record %s holds more text than a cell of a workbook takes", st.id).WithCure("export it as CSV")
			}
			cells = append(cells, value)
		default:
			cells = append(cells, value)
		}
	}
	return t.write(cells)
}

func (t *xlsxTable) write(cells []any) error {
	t.rows++
	return t.out.SetRow(fmt.Sprintf("A%d", t.rows), cells)
}

func (t *xlsxTable) end() error {
	if err := t.out.Flush(); err != nil {
		return err
	}
	if err := t.book.Write(t.begin()); err != nil {
		return err
	}
	return t.book.Close()
}
