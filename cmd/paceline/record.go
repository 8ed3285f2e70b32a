package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/errs"
)

type recordCmd struct {
	Tables  recordTablesCmd  `cmd:"" help:"List the data tables that you may use."`
	List    recordListCmd    `cmd:"" help:"List the records of a table."`
	Get     recordGetCmd     `cmd:"" help:"Show a record."`
	Create  recordCreateCmd  `cmd:"" help:"Make a record."`
	Update  recordUpdateCmd  `cmd:"" help:"Change values of a record."`
	Delete  recordDeleteCmd  `cmd:"" help:"Delete a record; its history stays."`
	Import  recordImportCmd  `cmd:"" help:"Write the rows of a CSV or XLSX file as records."`
	Export  recordExportCmd  `cmd:"" help:"Write records as CSV or XLSX to a file or standard output."`
	History recordHistoryCmd `cmd:"" help:"Tell who changed what."`
}

type recordTablesCmd struct{}

// Run lists the tables.
func (recordTablesCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	tables, err := c.RecordTables(ctx)
	if err != nil {
		return err
	}
	return con.print(tables, func(t *table) {
		t.head = []string{"TABLE", "NAME", "MAY CREATE", "DESCRIPTION"}
		for _, r := range tables {
			t.add(r.App+"/"+r.ID, r.Name, mark(r.MayCreate), r.Description)
		}
	})
}

// tableArg names a table as APP/TABLE.
type tableArg struct {
	Table string `arg:"" placeholder:"APP/TABLE" help:"As in service-desk/assets."`
}

func (a tableArg) split() (app, table string, err error) {
	app, table, ok := strings.Cut(a.Table, "/")
	if !ok || app == "" || table == "" {
		return "", "", errs.New(errs.Invalid, "%q names no table", a.Table).WithCure("write it as APP/TABLE, as in service-desk/assets")
	}
	return app, table, nil
}

// open reads the argument and dials.
func (a tableArg) open(con *console) (c *client.Client, app, table string, err error) {
	if app, table, err = a.split(); err != nil {
		return nil, "", "", err
	}
	c, err = dial(con)
	return c, app, table, err
}

type recordFilterFlags struct {
	Search string   `help:"Part of the title or of a searchable text."`
	Mine   bool     `help:"Only those you made."`
	Field  []string `placeholder:"NAME:OP:VALUE" sep:"none" help:"Only where a searchable field compares so; OP is eq, ne, in, prefix, contains, lt, le, gt, ge, empty. Repeatable."`
	Sort   string   `help:"newest, oldest, or a searchable field; downwards with - before it, as in --sort=-tag."`
}

func (f recordFilterFlags) query() client.RecordQuery {
	return client.RecordQuery{Search: f.Search, Mine: f.Mine, Fields: f.Field, Sort: f.Sort}
}

type recordListCmd struct {
	tableArg
	recordFilterFlags
	Limit int    `default:"50" help:"How many at most."`
	After string `help:"The next of the page before."`
}

// Run lists one page of records.
func (l recordListCmd) Run(ctx context.Context, con *console) error {
	c, app, name, err := l.open(con)
	if err != nil {
		return err
	}
	q := l.query()
	q.Paging = client.Paging{After: l.After, Limit: l.Limit}
	page, err := c.Records(ctx, app, name, q)
	if err != nil {
		return err
	}
	return con.print(page, func(t *table) {
		t.head = []string{"ID", "TITLE", "VERSION", "UPDATED", "BY", "DATA"}
		for _, r := range page.Items {
			t.add(r.ID, r.Title, strconv.FormatInt(r.Version, 10), when(r.Updated), r.UpdatedBy.Name, oneLine(r.Data))
		}
	})
}

type recordGetCmd struct {
	tableArg
	ID string `arg:""`
}

// Run shows the record.
func (g recordGetCmd) Run(ctx context.Context, con *console) error {
	c, app, name, err := g.open(con)
	if err != nil {
		return err
	}
	r, err := c.Record(ctx, app, name, g.ID)
	if err != nil {
		return err
	}
	return con.print(r, func(t *table) {
		t.add("id", r.ID)
		t.add("title", r.Title)
		t.add("version", strconv.FormatInt(r.Version, 10))
		t.add("created", when(r.Created)+" by "+r.CreatedBy.Name)
		t.add("updated", when(r.Updated)+" by "+r.UpdatedBy.Name)
		t.add("data", oneLine(r.Data))
		t.add("may", strings.Join(r.May, ", "))
	})
}

type recordCreateCmd struct {
	tableArg
	fieldFlags
}

// Run makes the record.
func (r recordCreateCmd) Run(ctx context.Context, con *console) error {
	data, err := r.read(con)
	if err != nil {
		return err
	}
	c, app, name, err := r.open(con)
	if err != nil {
		return err
	}
	done, err := c.CreateRecord(ctx, app, name, data)
	if err != nil {
		return err
	}
	return con.wrote(done)
}

func (c *console) wrote(done client.WrittenRecord) error {
	return c.print(done, func(t *table) { t.add(done.ID, done.Title, done.Done, "version "+strconv.FormatInt(done.Version, 10)) })
}

type recordUpdateCmd struct {
	tableArg
	ID string `arg:""`
	fieldFlags
	Version int64 `help:"The version you saw; left out: the one that there is."`
}

// Run changes the record.
func (r recordUpdateCmd) Run(ctx context.Context, con *console) error {
	data, err := r.read(con)
	if err != nil {
		return err
	}
	c, app, name, err := r.open(con)
	if err != nil {
		return err
	}
	if r.Version, err = seen(ctx, c, app, name, r.ID, r.Version); err != nil {
		return err
	}
	done, err := c.ChangeRecord(ctx, app, name, r.ID, r.Version, data)
	if err != nil {
		return err
	}
	return con.wrote(done)
}

// seen is the version to write on: the one told, else the one that there is.
func seen(ctx context.Context, c *client.Client, app, table, id string, told int64) (int64, error) {
	if told != 0 {
		return told, nil
	}
	r, err := c.Record(ctx, app, table, id)
	return r.Version, err
}

type recordDeleteCmd struct {
	tableArg
	ID      string `arg:""`
	Version int64  `help:"The version you saw; left out: the one that there is."`
}

// Run deletes the record.
func (r recordDeleteCmd) Run(ctx context.Context, con *console) error {
	c, app, name, err := r.open(con)
	if err != nil {
		return err
	}
	if r.Version, err = seen(ctx, c, app, name, r.ID, r.Version); err != nil {
		return err
	}
	done, err := c.DeleteRecord(ctx, app, name, r.ID, r.Version)
	if err != nil {
		return err
	}
	return con.wrote(done)
}

type recordHistoryCmd struct {
	tableArg
	ID string `arg:""`
}

// Run lists the writes, newest first.
func (h recordHistoryCmd) Run(ctx context.Context, con *console) error {
	c, app, name, err := h.open(con)
	if err != nil {
		return err
	}
	page, err := c.RecordHistory(ctx, app, name, h.ID, client.Paging{Limit: 200})
	if err != nil {
		return err
	}
	return con.print(page, func(t *table) {
		t.head = []string{"AT", "VERSION", "DONE", "VIA", "BY", "BEFORE", "AFTER"}
		for _, e := range page.Items {
			t.add(when(e.At), strconv.FormatInt(e.Version, 10), e.Done, e.Via, e.By.Name, oneLine(e.Before), oneLine(e.After))
		}
	})
}

type recordImportCmd struct {
	tableArg
	File    string   `arg:"" help:"A .csv or .xlsx file; the first row names the columns."`
	Sheet   string   `help:"Of a workbook; left out: the first."`
	Column  []string `placeholder:"HEADING=FIELD" sep:"none" help:"What a column holds; - for nothing. Repeatable."`
	Key     string   `help:"The unique key by which records are found, fields parted by commas, or _id."`
	DryRun  bool     `help:"Check every row and write nothing."`
	SkipBad bool     `help:"Write the good rows; else all rows or none."`
}

// Run sends the file, tells the progress, and prints every bad row; it fails when there is one.
func (r recordImportCmd) Run(ctx context.Context, con *console) error {
	file, err := os.ReadFile(r.File)
	if err != nil {
		return err
	}
	in := client.RecordImport{Format: strings.TrimPrefix(strings.ToLower(filepath.Ext(r.File)), "."), Sheet: r.Sheet, DryRun: r.DryRun, SkipBad: r.SkipBad, Columns: map[string]string{}}
	if r.Key != "" {
		in.Key = strings.Split(r.Key, ",")
	}
	for _, pair := range r.Column {
		heading, field, ok := strings.Cut(pair, "=")
		if !ok {
			return errs.New(errs.Invalid, "--column %q has no =", pair).WithCure("write it as --column HEADING=FIELD")
		}
		in.Columns[heading] = field
	}
	c, app, name, err := r.open(con)
	if err != nil {
		return err
	}
	key := rand.Text()
	stop := con.follow(ctx, c, key)
	report, err := c.ImportRecords(client.WithKey(ctx, key), app, name, file, in)
	stop()
	if err != nil {
		return err
	}
	err = con.print(report, func(t *table) {
		if len(report.Problems) > 0 {
			t.head = []string{"ROW", "COLUMN", "RULE", "PROBLEM"}
		}
		for _, p := range report.Problems {
			t.add(strconv.Itoa(p.Row), p.Column, p.Rule, p.Message)
		}
	})
	if err == nil {
		con.say("%d rows: %d created, %d changed, %d unchanged, %d bad. %s", report.Rows, report.Created, report.Changed, report.Unchanged, report.Bad,
			map[bool]string{true: "Written.", false: "Nothing is written."}[report.Written])
	}
	if err == nil && report.Bad > 0 {
		err = errSaid
	}
	return err
}

// follow tells on standard error how far an import is, until it is stopped.
func (c *console) follow(ctx context.Context, from *client.Client, key string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if report, err := from.Import(ctx, key); err == nil {
					fmt.Fprintf(c.err, "%d rows\n", report.Rows)
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

type recordExportCmd struct {
	tableArg
	recordFilterFlags
	File string `short:"f" default:"-" help:"Where to save it, by its ending as CSV or XLSX; - for CSV on standard output."`
}

// Run streams the file.
func (e recordExportCmd) Run(ctx context.Context, con *console) error {
	c, app, name, err := e.open(con)
	if err != nil {
		return err
	}
	if e.File == "-" {
		return c.ExportRecords(ctx, app, name, e.query(), "csv", con.out)
	}
	file, err := os.Create(e.File)
	if err != nil {
		return err
	}
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(e.File)), ".")
	if err := c.ExportRecords(ctx, app, name, e.query(), format, file); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
