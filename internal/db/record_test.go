package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// recorder is a driver that writes down what it gets, and answers as a test says. It
// shows what goes to the databases of which no server is at hand.
type recorder struct {
	log    strings.Builder
	answer func(query string) [][]driver.Value
}

func (r *recorder) Connect(context.Context) (driver.Conn, error) { return r, nil }
func (r *recorder) Driver() driver.Driver                        { return nil }
func (r *recorder) Prepare(string) (driver.Stmt, error)          { return nil, errors.New("not prepared") }
func (r *recorder) Close() error                                 { return nil }
func (r *recorder) CheckNamedValue(*driver.NamedValue) error     { return nil }
func (r *recorder) Begin() (driver.Tx, error)                    { return r, r.say("BEGIN", nil) }
func (r *recorder) Commit() error                                { return r.say("COMMIT", nil) }
func (r *recorder) Rollback() error                              { return r.say("ROLLBACK", nil) }

func (r *recorder) say(text string, args []driver.NamedValue) error {
	r.log.WriteString(text + ";\n")
	for _, a := range args {
		fmt.Fprintf(&r.log, "--   %d: %T %v\n", a.Ordinal, a.Value, a.Value)
	}
	return nil
}

func (r *recorder) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), r.say(query, args)
}

func (r *recorder) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return &recorded{r.answer(query)}, r.say(query, args)
}

// recorded are the rows of an answer.
type recorded struct{ rows [][]driver.Value }

func (r *recorded) Columns() []string {
	if len(r.rows) == 0 {
		return nil
	}
	return make([]string, len(r.rows[0]))
}

func (r *recorded) Close() error { return nil }

func (r *recorded) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

var recordTable = Table{
	Name: "doc",
	Columns: []Column{
		{Name: "id", Type: BigInt}, {Name: "version", Type: BigInt}, {Name: "owner", Type: BigInt, Null: true}, {Name: "number", Type: Text, Size: 9},
	},
	Key: []string{"id"},
}

// Three Changes, of which the second is stale and the third claimed; then a lease; then
// a migration.
func TestFlowOfPreviewDialects(t *testing.T) {
	answers := map[string]func(query string) [][]driver.Value{
		"sqlserver": func(query string) [][]driver.Value {
			switch {
			case strings.Contains(query, "@applied"):
				return [][]driver.Value{{int64(0)}}
			case strings.HasPrefix(query, "SELECT command_key, hash"):
				return [][]driver.Value{{"taken", "h0", []byte("a0")}}
			case strings.Contains(query, "OUTPUT"):
				return [][]driver.Value{{int64(5), "n5"}, {int64(6), ""}}
			case strings.Contains(query, "sys.tables"):
				return [][]driver.Value{{int64(0)}}
			}
			return nil
		},
		"oracle": func(query string) [][]driver.Value {
			switch {
			case strings.HasPrefix(query, "SELECT id, version"):
				return [][]driver.Value{{"1", "4"}, {"2", "9"}, {"3", "1"}} // as the driver gives a NUMBER
			case strings.HasPrefix(query, "SELECT command_key, 0"):
				return [][]driver.Value{{"taken", "0"}}
			case strings.HasPrefix(query, "SELECT command_key, hash"):
				return [][]driver.Value{{"taken", "h0", []byte("a0")}}
			case strings.Contains(query, `, "NUMBER"`):
				return [][]driver.Value{{int64(5), "n5"}, {int64(6), nil}}
			case strings.HasPrefix(query, "SELECT id FROM doc"):
				return [][]driver.Value{{"5"}, {"6"}}
			case strings.Contains(query, "schema_lock"), strings.Contains(query, "user_tables"):
				return [][]driver.Value{{int64(0)}}
			}
			return nil
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			r := &recorder{answer: answer}
			pool := sql.OpenDB(r)
			defer pool.Close()
			d := &DB{dialect: dialects[name], pools: pools{pool, pool, pool}, cfg: Config{Clock: func() time.Time { return time.Unix(1, 0) }, Log: slog.New(slog.DiscardHandler)}}
			if o, ok := d.dialect.(*oracle); ok {
				o.pool = pool
			}
			recordCommit(t, d)
			r.log.WriteString("\n")
			recordTake(t, d)
			r.log.WriteString("\n")
			if err := d.Migrate(t.Context(), nil); err != nil {
				t.Error(err)
			}
			compareFlow(t, name, r.log.String())
		})
	}
}

func recordCommit(t *testing.T, d *DB) {
	change := func(id, version int64, key string) *Change {
		return &Change{
			Guards:  []Guard{{Table: &recordTable, Key: id, Version: version, Columns: []string{"number"}, Values: []any{"n"}}},
			Claims:  []Claim{{Key: key, Hash: "h", Answer: []byte("a")}},
			Ignores: []Row{{Table: &recordTable, Values: []any{id + 10, 1, nil, "new"}}},
			Gones:   []Gone{{Table: &recordTable, Column: "owner", Value: id}},
		}
	}
	outcomes := d.Commit(t.Context(), []*Change{change(1, 4, "free"), change(2, 6, "free too"), change(3, 1, "taken")})
	var claimed *Claimed
	if outcomes[0] != nil || !errors.Is(outcomes[1], ErrStale) || !errors.As(outcomes[2], &claimed) || string(claimed.Answer) != "a0" {
		t.Error(outcomes)
	}
}

func recordTake(t *testing.T, d *DB) {
	var got []string
	_, err := Take(t.Context(), d, Lease{
		Table: &recordTable, Where: "owner IS NULL AND number <> ?", Args: []any{"x"}, OrderBy: "id",
		Columns: []string{"owner"}, Values: []any{7}, Limit: 3, Returns: []string{"id", "number"},
	}, func(s Scanner) (id ID, err error) {
		var number string
		err = s.Scan(&id, &number)
		got = append(got, fmt.Sprint(id, number))
		return id, err
	})
	if err != nil || strings.Join(got, " ") != "5n5 6" {
		t.Error(got, err)
	}
}

func compareFlow(t *testing.T, name, got string) {
	path := "testdata/flow." + name + ".golden.sql"
	if flag.Lookup("update").Value.String() == "true" { // of golden_test.go
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s differs, %v:\n%s", path, err, got)
	}
}
