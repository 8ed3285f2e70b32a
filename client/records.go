package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// RecordTable is a data table that the user may use.
type RecordTable struct {
	App         string        `json:"app"`
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	Icon        string        `json:"icon"`
	Version     int           `json:"version"` // of the app
	Fields      []SearchField `json:"fields"`
	Unique      [][]string    `json:"unique"`
	MayCreate   bool          `json:"mayCreate"`
}

// SearchField is a field by which records are filtered and sorted.
type SearchField struct {
	Path string `json:"path"`
	Type string `json:"type"` // string, number, time
}

// Record is one row of a table.
type Record struct {
	ID        string          `json:"id"`
	Version   int64           `json:"version"`
	Title     string          `json:"title"`
	Data      json.RawMessage `json:"data"`
	Created   time.Time       `json:"created"`
	CreatedBy Person          `json:"createdBy"`
	Updated   time.Time       `json:"updated"`
	UpdatedBy Person          `json:"updatedBy"`
}

// RecordView is a record as its page shows it.
type RecordView struct {
	Record
	Form Form     `json:"form"`
	May  []string `json:"may"`
}

// WrittenRecord answers a write.
type WrittenRecord struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	Title   string `json:"title"`
	Done    string `json:"done"` // created, changed, unchanged, deleted
}

// RecordEntry is one write in the history of a record.
type RecordEntry struct {
	Version  int64           `json:"version"`
	At       time.Time       `json:"at"`
	By       Person          `json:"by"`
	Done     string          `json:"done"`
	Via      string          `json:"via"` // form, import, process
	Instance string          `json:"instance"`
	Before   json.RawMessage `json:"before"`
	After    json.RawMessage `json:"after"`
}

// RecordQuery narrows and orders the records of a table.
type RecordQuery struct {
	Mine   bool
	Search string
	Fields []string // NAME:OP:VALUE
	Sort   string   // newest, oldest, FIELD, -FIELD
	Paging
}

func (q RecordQuery) values() url.Values {
	v := q.Paging.query()
	set(v, "search", q.Search)
	set(v, "sort", q.Sort)
	if q.Mine {
		v.Set("mine", "true")
	}
	for _, f := range q.Fields {
		v.Add("field", f)
	}
	return v
}

// RecordImport says how a file is read.
type RecordImport struct {
	Format  string            // csv, xlsx
	Sheet   string            // of a workbook; empty: the first
	Columns map[string]string // field by heading; - for none
	Key     []string          // the unique key by which records are found
	DryRun  bool
	SkipBad bool
}

// RecordReport tells what an import did, or would do.
type RecordReport struct {
	Import    string       `json:"import"`
	Rows      int          `json:"rows"`
	Created   int          `json:"created"`
	Changed   int          `json:"changed"`
	Unchanged int          `json:"unchanged"`
	Bad       int          `json:"bad"`
	Problems  []RowProblem `json:"problems"`
	Written   bool         `json:"written"`
	Finished  bool         `json:"finished"`
}

// RowProblem is one thing wrong in a file.
type RowProblem struct {
	Row     int    `json:"row"`
	Column  string `json:"column"`
	Field   string `json:"field"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

func tablePath(app, table, rest string) string {
	return "/records/" + url.PathEscape(app) + "/" + url.PathEscape(table) + rest
}

func recordPath(app, table, id, rest string) string {
	return tablePath(app, table, "/items/"+url.PathEscape(id)+rest)
}

// RecordTables lists the tables that the user may use.
func (c *Client) RecordTables(ctx context.Context) ([]RecordTable, error) {
	list, err := get[Page[RecordTable]](ctx, c, "/records", nil)
	return list.Items, err
}

// Records lists the records that the user may see.
func (c *Client) Records(ctx context.Context, app, table string, q RecordQuery) (Page[Record], error) {
	return get[Page[Record]](ctx, c, tablePath(app, table, ""), q.values())
}

// Record shows one record.
func (c *Client) Record(ctx context.Context, app, table, id string) (RecordView, error) {
	return get[RecordView](ctx, c, recordPath(app, table, id, ""), nil)
}

// CreateRecord makes a record; data is anything that is a JSON object.
func (c *Client) CreateRecord(ctx context.Context, app, table string, data any) (WrittenRecord, error) {
	return send[WrittenRecord](ctx, c, http.MethodPost, tablePath(app, table, ""), map[string]any{"data": data})
}

// ChangeRecord writes values over those of the version that was seen.
func (c *Client) ChangeRecord(ctx context.Context, app, table, id string, version int64, data any) (WrittenRecord, error) {
	return send[WrittenRecord](ctx, c, http.MethodPatch, recordPath(app, table, id, ""), map[string]any{"version": version, "data": data})
}

// DeleteRecord deletes the version that was seen.
func (c *Client) DeleteRecord(ctx context.Context, app, table, id string, version int64) (WrittenRecord, error) {
	return answer[WrittenRecord](ctx, c, call{method: http.MethodDelete, path: recordPath(app, table, id, ""),
		query: url.Values{"version": {strconv.FormatInt(version, 10)}}})
}

// RecordHistory tells who changed what, newest first.
func (c *Client) RecordHistory(ctx context.Context, app, table, id string, p Paging) (Page[RecordEntry], error) {
	return get[Page[RecordEntry]](ctx, c, recordPath(app, table, id, "/history"), p.query())
}

// ImportRecords writes the rows of a file. Its progress is found under the key of WithKey. A large file takes
// several requests, each of which goes on where the one before has ended.
func (c *Client) ImportRecords(ctx context.Context, app, table string, file []byte, in RecordImport) (RecordReport, error) {
	if key, _ := ctx.Value(keyType{}).(string); key == "" {
		ctx = WithKey(ctx, rand.Text())
	}
	q := url.Values{}
	set(q, "format", in.Format)
	set(q, "sheet", in.Sheet)
	set(q, "key", strings.Join(in.Key, ","))
	for heading, field := range in.Columns {
		q.Add("column", heading+"="+field)
	}
	if in.DryRun {
		q.Set("dryRun", "true")
	}
	if in.SkipBad {
		q.Set("skipBad", "true")
	}
	for {
		report, err := answer[RecordReport](ctx, c, call{method: http.MethodPost, path: tablePath(app, table, "/import"), query: q, kind: "application/octet-stream", body: file})
		if err != nil || report.Finished || !in.SkipBad {
			return report, err
		}
	}
}

// Import tells how far an import of the user's is.
func (c *Client) Import(ctx context.Context, key string) (RecordReport, error) {
	return get[RecordReport](ctx, c, "/imports/"+url.PathEscape(key), nil)
}

// ExportRecords writes the records of a query as a file, csv or xlsx; After and Limit do not count.
func (c *Client) ExportRecords(ctx context.Context, app, table string, q RecordQuery, format string, w io.Writer) error {
	q.Paging = Paging{}
	v := q.values()
	set(v, "format", format)
	res, err := c.do(ctx, call{method: http.MethodGet, path: tablePath(app, table, "/export"), query: v})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(w, res.Body)
	return err
}

// Choice is a record that a field of a form offers.
type Choice struct {
	Label string `json:"label"`
	Value string `json:"value"`
}
