package dbtest

import (
	"os"
	"slices"
	"testing"

	"github.com/paceline/paceline/internal/db"
)

// external are servers that somebody else runs. The variable names a database, of which
// everything is dropped before each test.
var external = map[string]struct {
	variable string
	tables   string // query for the names of the tables
}{
	"postgres":  {"PACELINE_TEST_POSTGRES", "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"},
	"mysql":     {"PACELINE_TEST_MYSQL", "SELECT table_name FROM information_schema.tables WHERE table_schema = database()"},
	"sqlserver": {"PACELINE_TEST_SQLSERVER", "SELECT name FROM sys.tables WHERE schema_id = SCHEMA_ID()"},
	"oracle":    {"PACELINE_TEST_ORACLE", "SELECT table_name FROM user_tables"},
}

// Kinds are the databases that Each runs a test over: sqlite, postgres and mariadb, and
// mysql, sqlserver and oracle where PACELINE_TEST_MYSQL and so on hold an address.
// PACELINE_TEST_POSTGRES takes the place of the server that Open would start. Whatever
// is in the databases of these addresses is dropped.
func Kinds() []string {
	kinds := []string{"sqlite", "postgres", "mariadb"}
	for _, kind := range []string{"mysql", "sqlserver", "oracle"} {
		if os.Getenv(external[kind].variable) != "" {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// externalDSN is the address of an external database, emptied; "" when there is none.
func externalDSN(t testing.TB, kind string) string {
	t.Helper()
	dsn := os.Getenv(external[kind].variable)
	if dsn == "" {
		return ""
	}
	d, err := db.Open(t.Context(), db.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tables, err := db.All(t.Context(), d, func(s db.Scanner) (name string, err error) { return name, s.Scan(&name) }, external[kind].tables)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Backward(tables) {
		if _, err := d.Exec(t.Context(), "DROP TABLE "+name); err != nil {
			t.Fatal(err)
		}
	}
	return dsn
}
