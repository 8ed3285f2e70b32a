package record

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// Import is a file of records to be written: the first row names the columns.
type Import struct {
	Format  Format
	Data    []byte
	Sheet   string            // of a workbook; empty: the first
	Columns map[string]string // what a column holds, by its heading: the path of a field, _id, or - for nothing
	Key     []string          // the fields of the unique key by which records are found; empty: _id, else the first key that has its columns
	DryRun  bool              // check everything, write nothing
	SkipBad bool              // write the good rows; else all rows or none
}

// Report tells what an import did, or would do.
type Report struct {
	Import    string       `json:"import,omitempty" doc:"by which its progress is found"`
	Rows      int          `json:"rows" doc:"that were read"`
	Created   int          `json:"created"`
	Changed   int          `json:"changed"`
	Unchanged int          `json:"unchanged"`
	Bad       int          `json:"bad" doc:"rows that are wrong"`
	Problems  []RowProblem `json:"problems" doc:"at most 1000 of them"`
	Written   bool         `json:"written" doc:"false: nothing was, because of dryRun or of a bad row"`
	Finished  bool         `json:"finished"`
}

// RowProblem is one thing wrong in a file.
type RowProblem struct {
	Row     int    `json:"row" doc:"in the file, from 1; the headings are row 1"`
	Column  string `json:"column,omitempty" doc:"heading"`
	Field   string `json:"field,omitempty" doc:"path"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// Bounds of an import.
const (
	maxProblems  = 1000
	importBatch  = 200    // rows of a transaction
	maxWhole     = 10_000 // rows that are written all or none, in one transaction
	keepProgress = 7 * 24 * time.Hour
	importSpan   = 20 * time.Second // of one call, in batches; the caller calls again
)

// Import writes the rows of a file as records: a row that names a record by _id or a unique key changes it where
// the values differ, another one makes a new record. Wrong rows are in the report, all of them; the error is
// for what keeps the file from being read at all.
//
// With SkipBad rows are written in batches, each with its progress in one transaction, and a repeat under the same
// idempotency key goes on where the first ended. After twenty seconds it answers with a report that is not
// finished, to be called again with the same key. Otherwise every row is checked first, and all are written in one
// transaction.
func (s *Records) Import(ctx context.Context, actor *org.Actor, appName, table string, in Import) (report Report, err error) {
	defer errs.Wrap(&err, "record.Import")
	v, err := s.open(actor, appName, table)
	if err != nil {
		return report, err
	}
	if err := actor.Require(org.WriteRecords); err != nil {
		return report, err
	}
	r := &importing{s: s, v: v, in: in, by: author{actor: actor, via: viaImport}}
	if in.DryRun {
		err = r.check(ctx, s.now().Add(importSpan))
		if r.report.Finished = err == nil; errors.Is(err, errPause) {
			err = nil
		}
		return r.done(), err
	}
	if err := r.begin(ctx); err != nil || r.report.Finished {
		return r.done(), err
	}
	paused := false
	if in.SkipBad {
		paused, err = r.inBatches(ctx, s.now().Add(importSpan))
	} else {
		err = r.asWhole(ctx)
	}
	if err == nil && !r.report.Finished && !paused {
		r.report.Finished = true
		err = r.keep(ctx, s.db, r.read)
	}
	if r.report.Written {
		s.changed(v)
	}
	return r.done(), err
}

// Progress tells how far an import of the actor's is, by the key it was sent with.
func (s *Records) Progress(ctx context.Context, actor *org.Actor, key string) (report Report, err error) {
	defer errs.Wrap(&err, "record.Progress")
	if err := actor.Require(org.ReadRecords); err != nil {
		return report, err
	}
	var text string
	err = s.db.QueryRow(ctx, "SELECT report FROM record_import WHERE import_key = ? AND actor = ?", actor.ID.String()+":"+key, actor.ID).Scan(&text)
	if errors.Is(err, db.ErrNoRows) {
		return report, errs.New(errs.NotFound, "there is no import %s of yours", clip(key, 60))
	}
	if err != nil {
		return report, err
	}
	return report, json.Unmarshal([]byte(text), &report)
}

// Sweep forgets the progress of old imports.
func (s *Records) Sweep(ctx context.Context) (err error) {
	defer errs.Wrap(&err, "record.Sweep")
	_, err = s.db.Exec(ctx, "DELETE FROM record_import WHERE updated < ?", db.Micros(s.now().Add(-keepProgress)))
	return err
}

// importing is one pass or more over a file.
type importing struct {
	s      *Records
	v      *view
	in     Import
	by     author
	key    string // of the progress
	hash   string
	report Report
	read   int // number of the last row that is done with
	stored int // and as the database has it
	plan   *plan
}

func (r *importing) done() Report {
	if r.report.Problems == nil {
		r.report.Problems = []RowProblem{}
	}
	return r.report
}

// begin finds the progress of an earlier attempt, or notes the start.
func (r *importing) begin(ctx context.Context) error {
	options := r.in
	options.Data = nil
	text, err := json.Marshal(options)
	if err != nil {
		return err
	}
	sum := sha256.New()
	sum.Write([]byte(tableName(r.v.table)))
	sum.Write(text)
	sum.Write(r.in.Data)
	r.hash = hex.EncodeToString(sum.Sum(nil))
	r.key = r.by.actor.ID.String() + ":" + r.s.newID().String()
	if once, ok := db.OnceFrom(ctx); ok {
		r.key = once.Key
	}
	r.report.Import = r.key[len(r.by.actor.ID.String())+1:]
	report, err := json.Marshal(r.report)
	if err != nil {
		return err
	}
	now := db.Micros(r.s.now())
	fresh, err := r.s.db.InsertIgnore(ctx, db.Row{Table: imports, Values: []any{r.key, r.hash, tableName(r.v.table), r.by.actor.ID, now, now, 0, string(report)}})
	if err != nil || fresh {
		return err
	}
	var hash, said string
	if err := r.s.db.QueryRow(ctx, "SELECT hash, read_rows, report FROM record_import WHERE import_key = ?", r.key).Scan(&hash, &r.stored, &said); err != nil {
		return err
	}
	if hash != r.hash {
		return db.ErrKeyReused
	}
	name := r.report.Import
	if err := json.Unmarshal([]byte(said), &r.report); err != nil {
		return err
	}
	if !r.in.SkipBad && !r.report.Finished { // only the check was begun
		r.report = Report{Import: name}
	}
	r.read = r.stored
	return nil
}

// keep notes the progress. That somebody else has noted more in the meantime is ErrKeyBusy, and undoes the
// transaction.
func (r *importing) keep(ctx context.Context, q db.Queryer, read int) error {
	text, err := json.Marshal(r.report)
	if err != nil {
		return err
	}
	n, err := q.Exec(ctx, "UPDATE record_import SET read_rows = ?, report = ?, updated = ? WHERE import_key = ? AND read_rows = ?",
		read, string(text), db.Micros(r.s.now()), r.key, r.stored)
	if err == nil && n == 0 {
		err = db.ErrKeyBusy
	}
	return err
}

// each reads the file from its beginning and gives its rows after the headings. The plan of the columns is made of these; with
// a problem there no row is given.
func (r *importing) each(visit func(row int, cells []string) error) (err error) {
	sh, err := openSheet(r.in.Format, r.in.Data, r.in.Sheet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sh.close()) }()
	_, heading, err := sh.next()
	if errors.Is(err, io.EOF) {
		return errs.New(errs.Invalid, "the file is empty").WithCure("the first row has to name the columns")
	}
	if err != nil {
		return err
	}
	var problems []RowProblem
	if r.plan, problems = r.v.plan(heading, r.in); len(problems) > 0 {
		r.report.Problems, r.report.Bad = problems, 1
		return nil
	}
	for {
		row, cells, err := sh.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(row, cells); err != nil {
			return err
		}
	}
}

// check holds every row against the form, the rights and the keys, and writes nothing. When it is time to answer
// it ends with errPause, and the report is of the rows so far.
func (r *importing) check(ctx context.Context, until time.Time) error {
	noted := 0
	return r.each(func(row int, cells []string) error {
		switch {
		case row <= r.read:
			return nil
		case !r.in.DryRun && r.report.Rows == maxWhole:
			return errs.New(errs.Invalid, "the file has more than %d rows, the most that are written all or none", maxWhole).
				WithCure("split it, or let bad rows be skipped")
		case r.in.DryRun && r.report.Rows%500 == 499 && r.s.now().After(until):
			return errPause
		}
		r.report.Rows++
		done, problems, err := r.row(ctx, nil, row, cells)
		if err != nil {
			return err
		}
		r.count(done, problems)
		if noted++; noted%500 == 0 && r.key != "" {
			return r.keep(ctx, r.s.db, r.stored)
		}
		return nil
	})
}

// count adds a row to the report.
func (r *importing) count(done Done, problems []RowProblem) {
	switch {
	case len(problems) > 0:
		r.report.Bad++
		r.report.Problems = append(r.report.Problems, problems[:min(len(problems), maxProblems-len(r.report.Problems))]...)
	case done == Created:
		r.report.Created++
	case done == Changed:
		r.report.Changed++
	default:
		r.report.Unchanged++
	}
}

// asWhole checks everything, and then writes every row in one transaction or none.
func (r *importing) asWhole(ctx context.Context) error {
	if err := r.check(ctx, time.Time{}); err != nil || r.report.Bad > 0 {
		return err
	}
	checked := r.report
	err := r.s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		r.report = checked
		r.report.Created, r.report.Changed, r.report.Unchanged = 0, 0, 0
		err := r.each(func(row int, cells []string) error {
			done, problems, err := r.row(ctx, tx, row, cells)
			if err == nil && len(problems) > 0 { // somebody else wrote since the check
				r.count(done, problems)
				return errRow
			}
			if err == nil {
				r.count(done, nil)
				r.read = row
			}
			return err
		})
		if err != nil {
			return err
		}
		r.report.Written, r.report.Finished = true, true
		return r.keep(ctx, tx, r.read)
	})
	if errors.Is(err, errRow) {
		problems := r.report.Problems
		r.report = checked
		r.report.Created, r.report.Changed, r.report.Unchanged = 0, 0, 0
		r.report.Problems, r.report.Bad = problems, 1
		return nil
	}
	if err != nil {
		r.report = checked
	}
	return err
}

// errRow undoes a transaction in which a row turned out to be wrong.
var errRow = errs.New(errs.Conflict, "a row is wrong")

// pending is a row that waits for its batch.
type pending struct {
	row   int
	cells []string
}

// errPause ends the reading of a file that goes on at the next call.
var errPause = errs.New(errs.Unavailable, "the import goes on")

// inBatches writes good rows and notes the others, until it is time to answer.
func (r *importing) inBatches(ctx context.Context, until time.Time) (paused bool, err error) {
	var batch []pending
	skip := r.read
	err = r.each(func(row int, cells []string) error {
		switch {
		case row <= skip:
			return nil
		case len(batch) == 0 && r.read > skip && r.s.now().After(until):
			return errPause
		}
		batch = append(batch, pending{row, cells})
		if len(batch) < importBatch {
			return nil
		}
		err := r.write(ctx, batch)
		batch = nil
		return err
	})
	switch {
	case errors.Is(err, errPause):
		return true, nil
	case err != nil || len(batch) == 0:
		return false, err
	}
	return false, r.write(ctx, batch)
}

// write writes a batch in one transaction; when a row of it turns out to be wrong, row by row.
func (r *importing) write(ctx context.Context, batch []pending) error {
	err := r.transact(ctx, batch, false)
	if !errors.Is(err, errRow) {
		return err
	}
	for _, one := range batch {
		if err := r.transact(ctx, []pending{one}, true); err != nil {
			return err
		}
	}
	return nil
}

// transact writes rows and the progress together. A wrong row is noted where it is alone, and else ends the
// transaction with errRow.
func (r *importing) transact(ctx context.Context, rows []pending, alone bool) error {
	before := r.report
	last := rows[len(rows)-1].row
	try := func(note []RowProblem) error {
		return r.s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
			r.report = before
			for _, p := range rows {
				r.report.Rows++
				if note != nil {
					r.count("", note)
					continue
				}
				done, problems, err := r.row(ctx, tx, p.row, p.cells)
				if err != nil {
					return err
				}
				if len(problems) > 0 {
					return wrongRow{problems}
				}
				r.count(done, nil)
				r.report.Written = true
			}
			return r.keep(ctx, tx, last)
		})
	}
	err := try(nil)
	var bad wrongRow
	if errors.As(err, &bad) {
		r.report = before
		if !alone && len(rows) > 1 {
			return errRow
		}
		err = try(bad.problems)
	}
	if err == nil {
		r.read, r.stored = last, last
	}
	return err
}

// wrongRow ends the transaction of a row that is wrong.
type wrongRow struct{ problems []RowProblem }

func (w wrongRow) Error() string { return "a row is wrong" }
