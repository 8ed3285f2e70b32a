package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// Errors of the business that models may catch.
const (
	CodeNotFound  = "RECORD_NOT_FOUND"
	CodeInvalid   = "RECORD_INVALID"   // the form refuses the values
	CodeDuplicate = "RECORD_DUPLICATE" // another record has a unique key
)

// maxQueried bounds the records that one job of type record.query brings back.
const maxQueried = 1000

// Handlers are the types of job by which processes read and write records: those of the tables of
// their own app, and of tables that name the app in apps.
func (s *Records) Handlers() map[string]process.Handler {
	return map[string]process.Handler{"record.read": s.doRead, "record.write": s.doWrite, "record.query": s.doQuery}
}

// reach is a table as a process has it.
func (s *Records) reach(appName, tableID string) (*view, error) {
	live, err := s.apps.Active(appName)
	if err != nil {
		return nil, err
	}
	v := &view{live: live, table: live.Table(tableID), dir: s.org.Directory(), now: s.now()}
	if v.table == nil {
		return nil, errNoTable(appName, tableID)
	}
	return v, nil
}

// doRead brings one record, found by its id or a unique key, into the result variable record: its data with _id,
// _version and _title.
func (s *Records) doRead(ctx context.Context, job process.Job) (feel.Vars, error) {
	p := paramsOf(job, "table", "id", "key")
	v, err := s.tableOf(ctx, p)
	if err != nil {
		return nil, err
	}
	st, err := s.named(ctx, s.db, v, p)
	if err != nil {
		return nil, thrown(err)
	}
	return feel.Vars{p.result("record"): whole(st)}, nil
}

// doQuery brings the records that fit into the result variable records. where is a context of
// field and value, or a list of {field, op, value}.
func (s *Records) doQuery(ctx context.Context, job process.Job) (feel.Vars, error) {
	p := paramsOf(job, "table", "where", "search", "sort", "limit")
	v, err := s.tableOf(ctx, p)
	if err != nil {
		return nil, err
	}
	most, err := p.limit()
	if err != nil {
		return nil, err
	}
	q := Query{Search: p.text("search"), Sort: p.text("sort"), Fields: filters(p.value("where"))}
	found := feel.List{}
	for len(found) < most {
		q.Limit = min(maxPage, most-len(found))
		rows, next, err := s.list(ctx, v, q)
		if err != nil {
			return nil, thrown(err)
		}
		for _, st := range rows {
			found = append(found, whole(st))
		}
		if q.After = next; next == "" {
			break
		}
	}
	return feel.Vars{p.result("records"): found}, nil
}

// doWrite creates, changes, upserts or deletes one record. It happens once, however often the job is tried: the
// job's key is that of the write. The result variable record is {id, version, done}.
func (s *Records) doWrite(ctx context.Context, job process.Job) (feel.Vars, error) {
	p := paramsOf(job, "table", "do", "id", "key", "values")
	v, err := s.tableOf(ctx, p)
	if err != nil {
		return nil, err
	}
	values, isContext := p.value("values").(*feel.Context)
	do := p.text("do")
	if do == "" {
		do = "upsert"
	}
	switch {
	case !slices.Contains([]string{"create", "change", "upsert", "delete"}, do):
		return nil, process.Permanent(fmt.Errorf("record.write: do is %q, not one of create, change, upsert, delete", clip(do, 40)))
	case !isContext && do != "delete":
		return nil, process.Permanent(errors.New("record.write: values has to be a context, such as {tag: \"A-1\"}"))
	}
	by := author{via: viaProcess, instance: job.Root, name: clip(v.live.Manifest.Name, 200)}
	ctx = db.WithOnce(ctx, db.Once{Key: "record:" + job.Key, Hash: "record.write"})
	w, err := s.once(ctx, v, func(ctx context.Context, tx *db.Tx) (Written, error) {
		return s.write(ctx, tx, v, p, do, values, by)
	})
	if err != nil {
		return nil, thrown(err)
	}
	return feel.Vars{p.result("record"): feel.NewContext(
		feel.Entry{Name: "id", Value: w.ID.String()},
		feel.Entry{Name: "version", Value: feel.Int(w.Version)},
		feel.Entry{Name: "title", Value: w.Title},
		feel.Entry{Name: "done", Value: string(w.Done)},
	)}, nil
}

func (s *Records) write(ctx context.Context, tx *db.Tx, v *view, p *params, do string, values *feel.Context, by author) (Written, error) {
	sent := feel.Vars{}
	if values != nil {
		for i := range values.Len() {
			sent[values.At(i).Name] = values.At(i).Value
		}
	}
	if do == "create" {
		return s.insert(ctx, tx, v, sent, by)
	}
	st, err := s.wanted(ctx, tx, v, p, sent)
	switch {
	case do == "upsert" && errs.Is(err, errs.NotFound):
		return s.insert(ctx, tx, v, sent, by)
	case err != nil:
		return Written{}, err
	case do == "delete":
		return s.erase(ctx, tx, v, st, by)
	}
	return s.update(ctx, tx, v, st, sent, by)
}

// wanted finds the record to write: the one named, else that which has the unique key of the values.
func (s *Records) wanted(ctx context.Context, tx *db.Tx, v *view, p *params, sent feel.Vars) (*stored, error) {
	if p.value("id") != nil || p.value("key") != nil {
		return s.named(ctx, tx, v, p)
	}
	for _, key := range v.table.Unique {
		if value := keyValue(key, sent); value != "" {
			return s.byKey(ctx, tx, v, key, value)
		}
	}
	return nil, errs.New(errs.Invalid, "which record is meant is not said: give id, key, or values of a unique key of %s", tableName(v.table))
}

// named finds the record that id or key name. A key is the value of the first unique key of one field, or a context of fields.
func (s *Records) named(ctx context.Context, q db.Queryer, v *view, p *params) (*stored, error) {
	if id := p.text("id"); id != "" {
		parsed, err := db.ParseID(id)
		if err != nil {
			return nil, err
		}
		return s.find(ctx, q, v, parsed)
	}
	given := p.value("key")
	values := feel.Vars{}
	if c, ok := given.(*feel.Context); ok {
		for i := range c.Len() {
			values[c.At(i).Name] = c.At(i).Value
		}
	} else if field := v.table.KeyField(); field != "" {
		values = nested(field, given)
	}
	for _, key := range v.table.Unique {
		if value := keyValue(key, values); value != "" {
			return s.byKey(ctx, q, v, key, value)
		}
	}
	return nil, errs.New(errs.Invalid, "the key names no unique key of %s", tableName(v.table))
}

// byKey finds the record that has a unique key.
func (s *Records) byKey(ctx context.Context, q db.Queryer, v *view, key []string, value string) (*stored, error) {
	var id db.ID
	err := q.QueryRow(ctx, "SELECT record FROM record_key WHERE name = ? AND value = ?", keyName(v.table, key), value).Scan(&id)
	if errors.Is(err, db.ErrNoRows) {
		return nil, errs.New(errs.NotFound, "no record of %s has this %s", tableName(v.table), strings.Join(key, ", "))
	}
	if err != nil {
		return nil, err
	}
	return s.find(ctx, q, v, id)
}

// nested is data with one value at a path.
func nested(path string, value feel.Value) feel.Vars {
	parts := strings.Split(path, ".")
	for _, part := range slices.Backward(parts[1:]) {
		value = feel.NewContext(feel.Entry{Name: part, Value: value})
	}
	return feel.Vars{parts[0]: value}
}

// whole is a record as processes have it.
func whole(st *stored) *feel.Context {
	data := contextOf(st.data)
	entries := []feel.Entry{{Name: "_id", Value: st.id.String()}, {Name: "_version", Value: feel.Int(st.version)}, {Name: "_title", Value: st.title}}
	for i := range data.Len() {
		entries = append(entries, data.At(i))
	}
	return feel.NewContext(entries...)
}

func filters(where feel.Value) []Filter {
	var all []Filter
	switch where := where.(type) {
	case *feel.Context:
		for i := range where.Len() {
			e := where.At(i)
			all = append(all, Filter{Name: e.Name, Op: "eq", Value: feel.String(e.Value)})
		}
	case feel.List:
		for _, member := range where {
			c, ok := member.(*feel.Context)
			if !ok {
				c = feel.NewContext()
			}
			text := func(name string) string {
				v, _ := c.Get(name)
				if v == nil {
					return ""
				}
				return feel.String(v)
			}
			all = append(all, Filter{Name: text("field"), Op: text("op"), Value: text("value")})
		}
	}
	return all
}

// thrown makes of what the model can deal with an error of the business, and of the rest one that
// trying again does not cure.
func thrown(err error) error {
	var told *errs.Error
	switch {
	case errs.Is(err, errs.NotFound):
		return &process.BPMNError{Code: CodeNotFound, Message: err.Error()}
	case errors.As(err, &told) && len(told.Details) > 0 && told.Details[0].Rule == "unique" && len(told.Details) == 1:
		return &process.BPMNError{Code: CodeDuplicate, Message: err.Error()}
	case errors.As(err, &told) && len(told.Details) > 0:
		said := make([]string, len(told.Details))
		for i, d := range told.Details {
			said[i] = d.Place + ": " + d.Message
		}
		return &process.BPMNError{Code: CodeInvalid, Message: strings.Join(said, "; ")}
	case errs.Is(err, errs.Invalid), errs.Is(err, errs.Denied):
		return process.Permanent(err)
	}
	return err
}

// tableOf finds the table that the parameter names, of the job's own app or as "app/table".
func (s *Records) tableOf(ctx context.Context, p *params) (*view, error) {
	if p.wrong != nil {
		return nil, process.Permanent(p.wrong)
	}
	live, err := s.apps.ByDefinition(ctx, p.job.Definition)
	if err != nil {
		return nil, err
	}
	appName, table, two := strings.Cut(p.text("table"), "/")
	if !two {
		appName, table = live.App, appName
	}
	v, err := s.reach(appName, table)
	if err != nil {
		return nil, process.Permanent(err)
	}
	if appName != live.App && !slices.Contains(v.table.Apps, live.App) {
		return nil, process.Permanent(errs.New(errs.Denied, "processes of %s may not use the table %s", live.App, tableName(v.table)).
			WithCure("name %s under apps in records/%s.yaml", live.App, v.table.ID))
	}
	return v, nil
}

// params are what the model tells a job: the declared inputs, and where there is none of a name the fixed header.
type params struct {
	job   process.Job
	wrong error
}

func paramsOf(job process.Job, names ...string) *params {
	p := &params{job: job}
	if job.Node != nil && job.Node.Work != nil {
		for name := range job.Node.Work.Headers {
			if !slices.Contains(names, name) {
				p.wrong = fmt.Errorf("%s: there is no parameter %q here; known are %s", job.Type, clip(name, 40), strings.Join(names, ", "))
			}
		}
	}
	return p
}

// value of a parameter; nil when it is not given.
func (p *params) value(name string) feel.Value {
	if p.job.Node == nil {
		return nil
	}
	for _, m := range p.job.Node.Inputs {
		if m.Target == name {
			return p.job.Vars[name]
		}
	}
	if p.job.Node.Work != nil && p.job.Node.Work.Headers[name] != "" {
		return p.job.Node.Work.Headers[name]
	}
	return nil
}

func (p *params) text(name string) string {
	v := p.value(name)
	if v == nil {
		return ""
	}
	return feel.String(v)
}

func (p *params) limit() (int, error) {
	text := p.text("limit")
	if text == "" {
		return maxPage, nil
	}
	n, ok := feel.ParseNumber(text)
	most, whole := n.Int64()
	if !ok || !whole || most < 1 || most > maxQueried {
		return 0, process.Permanent(fmt.Errorf("record.query: limit is a whole number from 1 to %d", maxQueried))
	}
	return int(most), nil
}

// result names the variable that takes what the job brings back.
func (p *params) result(usual string) string {
	if n := p.job.Node; n != nil && n.Work != nil && n.Work.ResultVar != "" {
		return n.Work.ResultVar
	}
	return usual
}
