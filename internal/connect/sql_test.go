package connect

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// crm is somebody else's database, of every kind.
func crm(t *testing.T, run func(t *testing.T, c *Connectors)) {
	for _, kind := range dbtest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			dsn := dbtest.DSN(t, kind)
			d := dbtest.OpenDSN(t, dsn)
			for _, statement := range []string{
				"CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR(100), credit DECIMAL(12,2))",
				"INSERT INTO customer (id, name, credit) VALUES (1, 'Ann', 12.10), (2, 'Bob', NULL), (3, 'Cid?', 7)",
			} {
				if _, err := d.Exec(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			run(t, connectors(t, Config{Databases: []Database{{Name: "crm", DSN: dsn, Write: true, Rows: 2}, {Name: "mirror", DSN: dsn}}}))
		})
	}
}

func TestReadingAndWriting(t *testing.T) {
	crm(t, func(t *testing.T, c *Connectors) {
		vars, err := c.do(t, job("sql", fixed{"database": "crm", "statement": "SELECT id, name, credit FROM customer WHERE id <= ? AND name <> 'x?' -- why?\n ORDER BY id"},
			given{"parameters": feel.List{feel.Int(2)}}, nil))
		if err != nil {
			t.Fatal(err)
		}
		found, _ := feel.ToJSON(vars["rows"])
		if string(found) != `[{"id":1,"name":"Ann","credit":12.10},{"id":2,"name":"Bob","credit":null}]` && string(found) != `[{"id":1,"name":"Ann","credit":12.1},{"id":2,"name":"Bob","credit":null}]` {
			t.Errorf("found %s", found)
		}
		credit, _ := feel.ParseNumber("99.95")
		j := job("sql", fixed{"database": "crm", "mode": "write", "statement": "UPDATE customer SET name = ?, credit = ? WHERE id > ?"},
			given{"parameters": feel.List{"O'Neil'; DROP TABLE customer", credit, feel.Int(1)}}, nil)
		j.Node.Work.ResultVar = "n"
		if vars, err = c.do(t, j); err != nil || !feel.Equal(vars["n"], feel.Int(2)) {
			t.Errorf("changed %v, %v", vars, err)
		}
		vars, err = c.do(t, job("sql", fixed{"database": "crm", "statement": "SELECT name, credit FROM customer WHERE credit > ? AND id = 3"},
			given{"parameters": feel.List{feel.Int(99)}}, nil))
		if found, _ = feel.ToJSON(vars["rows"]); err != nil || string(found) != `[{"name":"O'Neil'; DROP TABLE customer","credit":99.95}]` {
			t.Errorf("found %s, %v", found, err)
		}
	})
}

// A question mark that is no parameter is written twice.
func TestQuestionMark(t *testing.T) {
	c := connectors(t, Config{Databases: []Database{{Name: "crm", DSN: dbtest.DSN(t, "postgres")}}})
	vars, err := c.do(t, job("sql", fixed{"database": "crm", "statement": `SELECT '{"a": 1}'::jsonb ?? CAST(? AS text) AS has`}, given{"parameters": feel.List{"a"}}, nil))
	if found, _ := feel.ToJSON(vars["rows"]); err != nil || string(found) != `[{"has":true}]` {
		t.Errorf("found %s, %v", found, err)
	}
}

func TestStatementsThatAreRefused(t *testing.T) {
	crm(t, func(t *testing.T, c *Connectors) {
		count := func() string {
			vars, err := c.do(t, job("sql", fixed{"database": "crm", "statement": "SELECT count(*) AS n FROM customer"}, nil, nil))
			if err != nil {
				t.Fatal(err)
			}
			text, _ := feel.ToJSON(vars["rows"])
			return string(text)
		}
		before := count()
		for name, x := range map[string]struct {
			headers fixed
			in      given
			want    string
		}{
			"too many rows":           {fixed{"database": "crm", "statement": "SELECT * FROM customer"}, nil, "more than 2 rows"},
			"computed statement":      {fixed{"database": "crm"}, given{"statement": "SELECT 1"}, "fixed text"},
			"no such database":        {fixed{"database": "erp", "statement": "SELECT 1"}, nil, `no database "erp"`},
			"write to a mirror":       {fixed{"database": "mirror", "mode": "write", "statement": "DELETE FROM customer"}, nil, "lets nobody write"},
			"write in a read":         {fixed{"database": "mirror", "statement": "DELETE FROM customer"}, nil, ""},
			"too few parameters":      {fixed{"database": "crm", "statement": "SELECT ?"}, nil, "0 parameters for 1"},
			"what is no SQL":          {fixed{"database": "crm", "statement": "SELEKT 1"}, nil, "refuses the statement"},
			"parameter of no meaning": {fixed{"database": "crm", "statement": "SELECT ?"}, given{"parameters": feel.List{&feel.Range{}}}, "parameter 1"},
		} {
			_, err := c.do(t, job("sql", x.headers, x.in, nil))
			if x.want != "" && (!permanent(err) || !strings.Contains(err.Error(), x.want)) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if after := count(); after != before {
			t.Errorf("there were %s customers, now %s", before, after)
		}
		_, err := c.do(t, job("sql", fixed{"database": "crm", "mode": "write", "statement": "INSERT INTO customer (id) VALUES (1)"}, nil, nil))
		var coded *process.BPMNError
		if !errors.As(err, &coded) || coded.Code != "SQL_DUPLICATE" {
			t.Errorf("a duplicate key: %v", err)
		}
	})
}

// A database that is away keeps nobody from starting, and is asked again.
func TestDatabaseThatIsAway(t *testing.T) {
	path := t.TempDir() + "/crm.db"
	c := connectors(t, Config{Databases: []Database{{Name: "crm", DSN: "sqlite:" + path}, {Name: "far", DSN: "postgres://u:hidden@127.0.0.1:1/d"}}})
	for _, name := range []string{"crm", "far"} {
		_, err := c.do(t, job("sql", fixed{"database": name, "statement": "SELECT 1 AS x"}, nil, nil))
		if err == nil || permanent(err) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", name, err)
		}
	}
	dbtest.OpenDSN(t, "sqlite:"+path)
	vars, err := c.do(t, job("sql", fixed{"database": "crm", "statement": "SELECT 1 AS x"}, nil, nil))
	if err != nil || fmt.Sprint(len(vars["rows"].(feel.List))) != "1" {
		t.Errorf("once it is there: %v, %v", vars, err)
	}
}
