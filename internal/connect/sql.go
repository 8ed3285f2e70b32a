package connect

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// Database is one that models may name.
type Database struct {
	Name  string `yaml:"name"`
	DSN   string `yaml:"dsn" secret:"true"` // as the server's own, see db.Config
	Write bool   `yaml:"write"`             // statements may change it; else they only read
	Rows  int    `yaml:"rows"`              // that one statement may bring back; 0: 1000
}

// foreignConns bounds the connections to one foreign database.
const foreignConns = 4

// database is connected to when it is first asked, so that one that is away keeps nobody
// from starting. mu guards open.
type database struct {
	Database
	log *slog.Logger

	mu   sync.Mutex
	open *db.Foreign
}

func newDatabases(all []Database, log *slog.Logger) (map[string]*database, error) {
	byName := map[string]*database{}
	for _, d := range all {
		if d.Name == "" || byName[d.Name] != nil {
			return nil, errs.New(errs.Invalid, "each database needs a name of its own, and %q is none", d.Name)
		}
		if d.DSN == "" {
			return nil, errs.New(errs.Invalid, "the database %s has no dsn", d.Name)
		}
		if d.Rows <= 0 {
			d.Rows = 1000
		}
		byName[d.Name] = &database{Database: d, log: log}
	}
	return byName, nil
}

func closeDatabases(all map[string]*database) error {
	var failed error
	for _, d := range all {
		d.mu.Lock()
		if d.open != nil {
			failed = errors.Join(failed, d.open.Close())
			d.open = nil
		}
		d.mu.Unlock()
	}
	return failed
}

func (d *database) connect(ctx context.Context) (*db.Foreign, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		opened, err := db.OpenForeign(ctx, db.Config{DSN: d.DSN, MaxConns: foreignConns, Log: d.log})
		if err != nil {
			return nil, err
		}
		d.open = opened
	}
	return d.open, nil
}

// doSQL runs one statement. It is a fixed header of the model, so no data can become a part of it: values
// are parameters. A read puts a list of contexts into the result variable, rows where the model
// names none; a write the number of rows changed, affected. A key that exists already is the
// BPMN error SQL_DUPLICATE.
func (c *Connectors) doSQL(ctx context.Context, job process.Job) (feel.Vars, error) {
	p := read(job, "database", "statement", "parameters", "mode", "timeout")
	d := c.database(p)
	statement := p.fixed("statement")
	if _, computed := p.input("statement"); computed || statement == "" {
		p.fail("statement has to be a header with fixed text; values go to parameters")
	}
	write := p.oneOf("mode", "read", "write") == "write"
	if write && d != nil && !d.Write {
		p.fail("the configuration lets nobody write to the database %s", d.Name)
	}
	args := arguments(p)
	timeout := p.duration("timeout", usualTimeout, mostTimeout)
	if err := p.err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	vars, err := d.run(ctx, job, statement, write, args)
	switch {
	case errors.Is(err, db.ErrDuplicate):
		return nil, &process.BPMNError{Code: "SQL_DUPLICATE", Message: err.Error()}
	case errs.Is(err, errs.Invalid):
		return nil, process.Permanent(err)
	}
	return vars, err
}

func (c *Connectors) database(p *params) *database {
	name := p.need("database")
	d := c.databases[name]
	if d == nil && name != "" {
		p.fail("the configuration has no database %q", name)
	}
	return d
}

func (d *database) run(ctx context.Context, job process.Job, statement string, write bool, args []any) (feel.Vars, error) {
	open, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	if write {
		n, err := open.Write(ctx, statement, args...)
		return feel.Vars{result(job, "affected"): feel.Int(n)}, err
	}
	found, err := open.Read(ctx, statement, d.Rows, args...)
	if err != nil {
		return nil, err
	}
	list := make(feel.List, 0, len(found.Rows))
	for _, row := range found.Rows {
		entries := make([]feel.Entry, len(row))
		for i, v := range row {
			entries[i] = feel.Entry{Name: found.Columns[i].Name, Value: fromSQL(found.Columns[i].Type, v)}
		}
		list = append(list, feel.NewContext(entries...))
	}
	return feel.Vars{result(job, "rows"): list}, nil
}

// arguments are the parameters as drivers take them.
func arguments(p *params) []any {
	v := p.value("parameters")
	if v == nil {
		return nil
	}
	list, ok := v.(feel.List)
	if !ok {
		list = feel.List{v}
	}
	args := make([]any, len(list))
	for i, v := range list {
		var err error
		if args[i], err = toSQL(v); err != nil {
			p.fail("parameter %d: %v", i+1, err)
		}
	}
	return args
}

func toSQL(v feel.Value) (any, error) {
	switch v := v.(type) {
	case nil, bool, string:
		return v, nil
	case feel.Number:
		if n, ok := v.Int64(); ok {
			return n, nil
		}
		return v.String(), nil // all its digits; databases read it as a number
	case feel.DateTime:
		return v.Instant(), nil
	case feel.List, *feel.Context:
		text, err := feel.ToJSON(v)
		return string(text), err
	case *feel.Function, *feel.Range:
		return nil, errors.New("it is no plain value")
	}
	return feel.String(v), nil
}

// exact are the types whose text is a number.
var exact = []string{"NUMERIC", "DECIMAL", "NUMBER", "MONEY", "SMALLMONEY", "BIGINT", "INT", "FLOAT", "DOUBLE", "UNSIGNED BIGINT"}

func fromSQL(kind string, v any) feel.Value {
	switch v := v.(type) {
	case []byte:
		if !utf8.Valid(v) {
			return base64.StdEncoding.EncodeToString(v)
		}
		return fromText(kind, string(v))
	case string:
		return fromText(kind, v)
	case time.Time:
		if kind == "DATE" {
			return feel.DateOf(v)
		}
		return feel.From(v.UTC())
	}
	return feel.From(v)
}

func fromText(kind, text string) feel.Value {
	kind, _, _ = strings.Cut(kind, "(")
	if slices.Contains(exact, strings.TrimSpace(kind)) {
		if n, ok := feel.ParseNumber(text); ok {
			return n
		}
	}
	return text
}
