package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/record"
)

// ByTable names a data table.
type ByTable struct {
	App   string `path:"app" maxLength:"63"`
	Table string `path:"table" maxLength:"63"`
}

// ByRecord names a record.
type ByRecord struct {
	ByTable
	ID idParam `path:"id"`
}

// RecordFilter narrows and orders the records of a table.
type RecordFilter struct {
	Mine   bool     `query:"mine" doc:"Only what the caller made."`
	Search string   `query:"search" maxLength:"200" doc:"Part of the title or of a searchable text."`
	Field  []string `query:"field,explode" maxItems:"8" doc:"NAME:OP:VALUE for a searchable field; OP is eq, ne, in (values parted by |), prefix, contains, lt, le, gt, ge, or empty (true or false). Repeatable."`
	Sort   string   `query:"sort" maxLength:"120" default:"newest" doc:"newest, oldest, or a searchable field, with - before it downwards."`
}

func (f RecordFilter) query() (record.Query, error) {
	q := record.Query{Mine: f.Mine, Search: f.Search, Sort: f.Sort}
	for _, text := range f.Field {
		part := strings.SplitN(text, ":", 3)
		if len(part) != 3 {
			return q, errs.New(errs.Invalid, "the filter is not usable").
				WithDetails(errs.Detail{Place: "query.field", Rule: "format", Message: "expected NAME:OP:VALUE, such as state:eq:inUse"})
		}
		q.Fields = append(q.Fields, record.Filter{Name: part[0], Op: part[1], Value: part[2]})
	}
	return q, nil
}

type tableInput struct {
	ByTable
	PageInput
	RecordFilter
}

type createRecordInput struct {
	ByTable
	Body struct {
		Data json.RawMessage `json:"data" doc:"Object: the values of the table's form."`
	}
}

type changeRecordInput struct {
	ByRecord
	Body struct {
		Version int64           `json:"version" minimum:"1" doc:"The version that was seen."`
		Data    json.RawMessage `json:"data" doc:"Object: the values to change; null clears, what is absent stays."`
	}
}

type deleteRecordInput struct {
	ByRecord
	Version int64 `query:"version" minimum:"1" required:"true" doc:"The version that was seen."`
}

type recordHistoryInput struct {
	ByRecord
	PageInput
}

type choicesInput struct {
	ByTable
	Value  string `query:"value" maxLength:"120" doc:"The field whose value is chosen; left out: the first unique key."`
	Search string `query:"search" maxLength:"200"`
}

type importInput struct {
	ByTable
	Format  string   `query:"format" enum:"csv,xlsx" default:"csv"`
	Sheet   string   `query:"sheet" maxLength:"40" doc:"Of a workbook; left out: the first."`
	Column  []string `query:"column,explode" maxItems:"200" doc:"HEADING=FIELD for a column that is called neither as the field nor as its label; - stands for no field. Repeatable."`
	Key     string   `query:"key" maxLength:"300" doc:"The unique key by which records are found, fields parted by commas, or _id."`
	DryRun  bool     `query:"dryRun" doc:"Check every row and write nothing."`
	SkipBad bool     `query:"skipBad" doc:"Write the good rows; else all rows or none."`
	RawBody []byte   `contentType:"application/octet-stream"`
}

func (in *importInput) options() (record.Import, error) {
	out := record.Import{Format: record.Format(in.Format), Data: in.RawBody, Sheet: in.Sheet, DryRun: in.DryRun, SkipBad: in.SkipBad, Columns: map[string]string{}}
	if in.Key != "" {
		out.Key = strings.Split(in.Key, ",")
	}
	for _, text := range in.Column {
		at := strings.LastIndexByte(text, '=')
		if at < 1 {
			return out, errs.New(errs.Invalid, "the column is not usable").
				WithDetails(errs.Detail{Place: "query.column", Rule: "format", Message: "expected HEADING=FIELD"})
		}
		out.Columns[text[:at]] = text[at+1:]
	}
	return out, nil
}

type progressInput struct {
	Key string `path:"key" maxLength:"128"`
}

type exportRecordsInput struct {
	ByTable
	RecordFilter
	Format string `query:"format" enum:"csv,xlsx" default:"csv"`
}

func (s *Server) registerRecords() {
	const tag = "records"
	add(s, route{Method: http.MethodGet, Path: "/records", ID: "listTables", Tag: tag, Summary: "The data tables that the caller may use"},
		func(ctx context.Context, _ *struct{}) (*page[record.Table], error) {
			tables, err := s.records.Tables(ctx, actorOf(ctx))
			return paged(tables, "", err)
		})
	add(s, route{Method: http.MethodGet, Path: "/records/{app}/{table}", ID: "listRecords", Tag: tag, Summary: "The records that the caller may see"}, s.listRecords)
	add(s, route{Method: http.MethodPost, Path: "/records/{app}/{table}", ID: "createRecord", Tag: tag, Summary: "Make a record", MaxBody: formBody, Status: http.StatusCreated},
		func(ctx context.Context, in *createRecordInput) (*item[record.Written], error) {
			return one(s.records.Create(ctx, actorOf(ctx), in.App, in.Table, in.Body.Data))
		})
	add(s, route{Method: http.MethodGet, Path: "/records/{app}/{table}/form", ID: "getRecordForm", Tag: tag, Summary: "The form of a new record, with its defaults"},
		func(ctx context.Context, in *ByTable) (*item[record.FormView], error) {
			return one(s.records.Form(ctx, actorOf(ctx), in.App, in.Table))
		})
	add(s, route{Method: http.MethodGet, Path: "/records/{app}/{table}/choices", ID: "getChoices", Tag: tag, Summary: "Records to choose from in a form"},
		func(ctx context.Context, in *choicesInput) (*page[form.Choice], error) {
			choices, err := s.records.Choices(ctx, actorOf(ctx), in.App, &form.RecordSource{Table: in.Table, Value: in.Value}, in.Search)
			return paged(choices, "", err)
		})
	add(s, route{Method: http.MethodGet, Path: "/records/{app}/{table}/items/{id}", ID: "getRecord", Tag: tag, Summary: "One record with its form"},
		func(ctx context.Context, in *ByRecord) (*item[record.View], error) {
			return one(s.records.Show(ctx, actorOf(ctx), in.App, in.Table, in.ID.ID))
		})
	add(s, route{Method: http.MethodPatch, Path: "/records/{app}/{table}/items/{id}", ID: "changeRecord", Tag: tag, Summary: "Change values of a record", MaxBody: formBody},
		func(ctx context.Context, in *changeRecordInput) (*item[record.Written], error) {
			return one(s.records.Change(ctx, actorOf(ctx), in.App, in.Table, in.ID.ID, in.Body.Version, in.Body.Data))
		})
	add(s, route{Method: http.MethodDelete, Path: "/records/{app}/{table}/items/{id}", ID: "deleteRecord", Tag: tag, Summary: "Delete a record; its history stays", Status: http.StatusOK},
		func(ctx context.Context, in *deleteRecordInput) (*item[record.Written], error) {
			return one(s.records.Delete(ctx, actorOf(ctx), in.App, in.Table, in.ID.ID, in.Version))
		})
	add(s, route{Method: http.MethodGet, Path: "/records/{app}/{table}/items/{id}/history", ID: "listRecordHistory", Tag: tag, Summary: "Who changed what, newest first"},
		func(ctx context.Context, in *recordHistoryInput) (*item[record.Page[record.Entry]], error) {
			return one(s.records.History(ctx, actorOf(ctx), in.App, in.Table, in.ID.ID, in.After, in.Limit))
		})
	add(s, route{Method: http.MethodPost, Path: "/records/{app}/{table}/import", ID: "importRecords", Tag: tag, Summary: "Write the rows of a CSV or XLSX file as records", MaxBody: record.MaxFile,
		Doc: "Rows that name a record by _id or a unique key change it, the others make new ones. Wrong rows are in the answer, all of them. " +
			"The progress is found under the Idempotency-Key, and a repeat goes on where the first ended. A large file with skipBad " +
			"is answered after twenty seconds with finished false: send it again with the same key."}, s.importRecords)
	add(s, route{Method: http.MethodGet, Path: "/imports/{key}", ID: "getImport", Tag: tag, Summary: "How far an import of the caller's is, by the Idempotency-Key it was sent with"},
		func(ctx context.Context, in *progressInput) (*item[record.Report], error) {
			return one(s.records.Progress(ctx, actorOf(ctx), in.Key))
		})
	add(s, route{Method: http.MethodGet, Path: "/records/{app}/{table}/export", ID: "exportRecords", Tag: tag, Summary: "Records as CSV (RFC 4180, UTF-8) or XLSX", Produces: "text/csv"}, s.exportRecords)
}

func (s *Server) listRecords(ctx context.Context, in *tableInput) (*item[record.Page[record.Item]], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	q.After, q.Limit = in.After, in.Limit
	return one(s.records.List(ctx, actorOf(ctx), in.App, in.Table, q))
}

func (s *Server) importRecords(ctx context.Context, in *importInput) (*item[record.Report], error) {
	options, err := in.options()
	if err != nil {
		return nil, err
	}
	return one(s.records.Import(ctx, actorOf(ctx), in.App, in.Table, options))
}

// exportRecords streams: what was found is sent while more is read.
func (s *Server) exportRecords(ctx context.Context, in *exportRecordsInput) (*streamOutput, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	return &streamOutput{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		out := &fileStream{w: w, name: in.Table + "." + in.Format, kind: fileKinds[in.Format]}
		err := s.records.Export(ctx, actorOf(ctx), in.App, in.Table, q, record.Format(in.Format), out.begin)
		switch {
		case err != nil && !out.begun:
			s.refuse(w, r, err)
		case err != nil:
			s.log.WarnContext(ctx, "export broken off", "request", requestID(ctx), "err", err)
			panic(http.ErrAbortHandler) // the only way left to tell the client that it is not whole
		}
	}}, nil
}

var fileKinds = map[string]string{
	"csv":  "text/csv; charset=utf-8",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// fileStream is a response that is a file. It gives a slow reader time as long as it reads.
type fileStream struct {
	w          http.ResponseWriter
	name, kind string
	begun      bool
	sent       int
}

func (f *fileStream) begin() io.Writer {
	f.begun = true
	f.w.Header().Set("Content-Type", f.kind)
	f.w.Header().Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
	return f
}

// Write sends, and moves the deadline.
func (f *fileStream) Write(p []byte) (int, error) {
	if f.sent += len(p); f.sent > 64<<10 {
		f.sent = 0
		err := http.NewResponseController(f.w).SetWriteDeadline(time.Now().Add(writeTimeout))
		if err != nil && !errors.Is(err, http.ErrNotSupported) {
			return 0, err
		}
	}
	return f.w.Write(p)
}
