package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres commits a group with one statement in one round trip (see groupText).
type postgres struct {
	texts groupTexts
}

func (*postgres) kind() string { return "postgres" }

func (*postgres) open(cfg Config) (pools, error) {
	config, err := pgx.ParseConfig(cfg.DSN)
	if err != nil {
		return pools{}, err
	}
	config.DialFunc = dialer(cfg).DialContext
	config.RuntimeParams["application_name"] = "paceline"
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["default_transaction_isolation"] = "read committed"
	if cfg.Patience > 0 {
		ms := strconv.FormatInt(cfg.Patience.Milliseconds(), 10)
		config.RuntimeParams["lock_timeout"] = ms
		config.RuntimeParams["idle_in_transaction_session_timeout"] = ms
	}
	// Every statement is written for the indexes that it is to walk: it is planned once, for
	// any arguments, and reads no whole table, whatever the statistics of a young table say.
	config.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	config.RuntimeParams["enable_seqscan"] = "off"
	config.RuntimeParams["random_page_cost"] = "1.1"
	config.RuntimeParams["jit"] = "off"

	hot := config.Copy() // joins the arrays of a group with each other, for which hashes are best
	hot.RuntimeParams["work_mem"] = "32MB"

	// Portable statements join tables, from row to row.
	config.RuntimeParams["enable_hashjoin"] = "off"
	config.RuntimeParams["enable_mergejoin"] = "off"
	main := stdlib.OpenDB(*config)
	main.SetMaxOpenConns(cfg.MaxConns)
	main.SetMaxIdleConns(cfg.MaxConns)

	group := stdlib.OpenDB(*hot)
	group.SetMaxOpenConns(hotConns)
	group.SetMaxIdleConns(hotConns)
	return pools{read: main, write: main, hot: group}, nil
}

// hotConns bounds the groups in flight of one node; more than a few gain nothing.
const hotConns = 8

func (*postgres) placeholder(n int) string { return "$" + strconv.Itoa(n) }

func (*postgres) name(word string) string { return word }

func (*postgres) wildcards() string { return "%_!" }

func (*postgres) fragment(name string) (string, bool) {
	switch name {
	case "now":
		return "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint", true
	case "limit", "atmost":
		return "LIMIT ?", true
	case "page":
		return "OFFSET ? LIMIT ?", true
	case "dual":
		return "", true
	}
	return "", false
}

func (*postgres) columnType(c *Column) string {
	switch c.Type {
	case BigInt:
		return "bigint"
	case Int:
		return "integer"
	case Bool:
		return "smallint"
	case Text:
		return fmt.Sprintf(`varchar(%d) COLLATE "C"`, c.Size)
	case Long:
		return `text COLLATE "C"`
	}
	return "bytea"
}

func (*postgres) columnDefault(c *Column) string {
	switch c.Type {
	case Text, Long:
		return "''"
	case Bytes:
		return `'\x'`
	}
	return "0"
}

// createTable keeps bytes uncompressed, for what is large comes compressed, and leaves
// room in the pages of tables whose rows are updated, so that updates stay there (HOT).
func (p *postgres) createTable(t *Table, columns []Column) []string {
	end := ")"
	if t.versioned() || t.Rewritten {
		end = ") WITH (fillfactor = 70, toast_tuple_target = 8160)"
	}
	texts := []string{tableText(p, t, columns, end)}
	for i := range columns {
		if columns[i].Type == Bytes {
			texts = append(texts, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET STORAGE EXTERNAL", t.Name, columns[i].Name))
		}
	}
	return texts
}

func (*postgres) partialIndexes() bool { return true }

func (*postgres) exists(error) bool { return false }

func (*postgres) tableCount(ctx context.Context, conn *sql.Conn, table string) (n int, err error) {
	err = conn.QueryRowContext(ctx, "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1", table).Scan(&n)
	return n, err
}

// migrationLock is an advisory lock of the database; any number would do.
const migrationLock = 7022_5169

func (*postgres) lock(ctx context.Context, conn *sql.Conn) (func(context.Context, bool) error, error) {
	return transaction(ctx, conn, "BEGIN", fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", migrationLock))
}

// fault reads the SQLSTATE.
func (*postgres) fault(err error) fault {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch {
		case e.Code == "40001", e.Code == "40P01", e.Code == "55P03":
			return faultRetry
		case e.Code == "23505":
			return faultDuplicate
		case strings.HasPrefix(e.Code, "22"), strings.HasPrefix(e.Code, "23"), strings.HasPrefix(e.Code, "54"):
			return faultData
		case e.Code == "57P03", e.Code == "53300":
			return faultAway
		case strings.HasPrefix(e.Code, "57P"), strings.HasPrefix(e.Code, "08"):
			return faultLost
		}
		return faultOther
	}
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &connect):
		return faultAway
	case pgconn.SafeToRetry(err):
		return faultStale
	}
	return commonFault(err)
}

func (*postgres) insertIgnore(t *Table) string { return insertText(t) + " ON CONFLICT DO NOTHING" }

func (*postgres) lockHints(mode LockMode) (hint, end string) {
	if mode == LockNoWait {
		return "", " FOR UPDATE NOWAIT"
	}
	return "", " FOR SHARE" // FOR KEY SHARE would let the row change
}

// incarnation is the cluster, its timeline, which a promotion and a restore to a point
// in time change, and the database.
func (*postgres) incarnation(ctx context.Context, d *DB) (string, error) {
	return d.askIncarnation(ctx, `SELECT s.system_identifier || '/' ||
CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END || '/' || d.oid
FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()`)
}

// lease takes the rows with one statement. They are joined by where they lie: a row
// that another node took since this statement began lies elsewhere by now, and is not
// taken again although Where, judged by what was there at the beginning, may hold.
func (*postgres) lease(ctx context.Context, d *DB, l *Lease, scan func(Scanner) error) error {
	text := fmt.Sprintf(`WITH taken_ AS (SELECT ctid AS place_ FROM %[1]s WHERE %[3]s ORDER BY %[4]s {limit} FOR NO KEY UPDATE SKIP LOCKED)
UPDATE %[1]s SET %[2]s FROM taken_ WHERE %[1]s.ctid = place_ RETURNING %[5]s`,
		l.Table.Name, l.sets(), l.Where, l.OrderBy, l.returns())
	// The arguments of WHERE stand first in the text.
	args := append(append(append([]any{}, l.Args...), l.Limit), l.Values...)
	return d.leaseRows(ctx, d.pools.hot, text, args, scan)
}
