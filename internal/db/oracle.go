package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	ora "github.com/sijms/go-ora/v2"
	"github.com/sijms/go-ora/v2/network"
)

// oracle is Oracle 12.2 and later. A group is locked, checked here, and written with
// array binds, one statement for each part (see oracle_group.go).
//
// Oracle takes empty text for NULL: text columns have no NOT NULL there and are read
// as empty, and portable SQL must not compare with empty text.
type oracle struct {
	pool *sql.DB
}

func (*oracle) kind() string { return "oracle" }

func (o *oracle) open(cfg Config) (pools, error) {
	connector := ora.NewConnector(cfg.DSN)
	if c, ok := connector.(*ora.OracleConnector); ok {
		c.Dialer(dialer(cfg))
	}
	o.pool = sql.OpenDB(connector)
	o.pool.SetMaxOpenConns(cfg.MaxConns)
	o.pool.SetMaxIdleConns(cfg.MaxConns)
	return pools{read: o.pool, write: o.pool, hot: o.pool}, nil
}

func (*oracle) placeholder(n int) string { return ":" + strconv.Itoa(n) }

// oracleWords are no names for Oracle unless they are quoted, but have no meaning in
// portable SQL.
var oracleWords = []string{
	"access", "audit", "cluster", "comment", "compress", "connect", "date", "exclusive", "identified", "immediate", "increment", "initial",
	"level", "maxextents", "minus", "mode", "modify", "noaudit", "nocompress", "nowait", "number", "offline", "online", "pctfree", "raw",
	"resource", "session", "share", "size", "start", "successful", "synonym", "uid", "validate",
}

func (*oracle) name(word string) string {
	if _, found := slices.BinarySearch(oracleWords, word); found {
		return `"` + strings.ToUpper(word) + `"`
	}
	return word
}

func (*oracle) wildcards() string { return "%_!" }

func (*oracle) fragment(name string) (string, bool) {
	switch name {
	case "now":
		const since = "(SYS_EXTRACT_UTC(SYSTIMESTAMP) - TIMESTAMP '1970-01-01 00:00:00')"
		return "ROUND(EXTRACT(DAY FROM " + since + ") * 86400000000 + EXTRACT(HOUR FROM " + since + ") * 3600000000 + " +
			"EXTRACT(MINUTE FROM " + since + ") * 60000000 + EXTRACT(SECOND FROM " + since + ") * 1000000)", true
	case "limit", "atmost":
		return "FETCH NEXT ? ROWS ONLY", true
	case "page":
		return "OFFSET ? ROWS FETCH NEXT ? ROWS ONLY", true
	case "dual":
		return " FROM dual", true
	}
	return "", false
}

func (*oracle) columnType(c *Column) string {
	switch c.Type {
	case BigInt:
		return "NUMBER(19)"
	case Int:
		return "NUMBER(10)"
	case Bool:
		return "NUMBER(5)"
	case Text:
		return fmt.Sprintf("VARCHAR2(%d CHAR)", c.Size)
	case Long:
		return "CLOB"
	}
	return "BLOB"
}

func (*oracle) columnDefault(c *Column) string {
	switch c.Type {
	case Text, Long:
		return "NULL"
	case Bytes:
		return "EMPTY_BLOB()"
	}
	return "0"
}

func (o *oracle) createTable(t *Table, columns []Column) []string {
	return []string{tableText(o, t, columns, ")")}
}

func (*oracle) partialIndexes() bool { return false }

// exists: DDL commits, so a migration may have been done by half.
func (*oracle) exists(err error) bool {
	switch oracleCode(err) {
	case 955, 1408, 1430:
		return true
	}
	return false
}

func (*oracle) tableCount(ctx context.Context, conn *sql.Conn, table string) (n int, err error) {
	err = conn.QueryRowContext(ctx, "SELECT count(*) FROM user_tables WHERE table_name = :1", strings.ToUpper(table)).Scan(&n)
	return n, err
}

// lock holds a row on a connection of its own, because DDL commits on the other.
func (o *oracle) lock(ctx context.Context, _ *sql.Conn) (func(context.Context, bool) error, error) {
	if _, err := o.pool.ExecContext(ctx, "CREATE TABLE schema_lock (id NUMBER(1) PRIMARY KEY)"); err != nil && !o.exists(err) {
		return nil, err
	}
	if _, err := o.pool.ExecContext(ctx, "INSERT INTO schema_lock (id) VALUES (1)"); err != nil && oracleCode(err) != 1 {
		return nil, err
	}
	tx, err := o.pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	var id int
	if err := tx.QueryRowContext(ctx, "SELECT id FROM schema_lock FOR UPDATE").Scan(&id); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return func(context.Context, bool) error { return tx.Rollback() }, nil
}

func oracleCode(err error) int {
	var e *network.OracleError
	if errors.As(err, &e) {
		return e.ErrCode
	}
	return 0
}

func (*oracle) fault(err error) fault {
	switch oracleCode(err) {
	case 0:
		return commonFault(err)
	case 60, 8177, 54, 30006: // deadlock, serialization, lock wait
		return faultRetry
	case 1:
		return faultDuplicate
	case 1400, 1407, 1438, 1722, 2290, 2291, 2292, 12899:
		return faultData
	case 1033, 1034, 12514, 12541:
		return faultAway
	case 28, 1012, 3113, 3114, 3135, 12537:
		return faultLost
	}
	return faultOther
}

// blank reads NULL as empty text.
func (*oracle) blank(into *string) sql.Scanner { return blankText{into} }

type blankText struct{ into *string }

func (b blankText) Scan(v any) error {
	var s sql.NullString
	err := s.Scan(v)
	*b.into = s.String
	return err
}

func (*oracle) insertIgnore(t *Table) string {
	return fmt.Sprintf("INSERT /*+ IGNORE_ROW_ON_DUPKEY_INDEX(%s (%s)) */", t.Name, strings.Join(t.Key, ", ")) +
		strings.TrimPrefix(insertText(t), "INSERT")
}

func (*oracle) lockHints(mode LockMode) (hint, end string) {
	if mode == LockNoWait {
		return "", " FOR UPDATE NOWAIT"
	}
	return "", " FOR UPDATE"
}

// incarnation is the database's own name among its replicas.
func (*oracle) incarnation(ctx context.Context, d *DB) (string, error) {
	return d.askIncarnation(ctx, "SELECT SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME') || '/' || SYS_CONTEXT('USERENV', 'SERVER_HOST') FROM dual")
}

// lease locks rows as it fetches them, then takes them. A limit in the statement would
// be applied before those that others have locked are skipped, so the fetching ends it.
func (o *oracle) lease(ctx context.Context, d *DB, l *Lease, scan func(Scanner) error) error {
	return d.leaseInSteps(ctx, l, scan, func(tx *sql.Tx) (keys []int64, err error) {
		text := fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s FOR UPDATE SKIP LOCKED", l.Table.Key[0], l.Table.Name, l.Where, l.OrderBy)
		return d.leaseKeys(ctx, tx, text, l.Args, l.Limit)
	})
}
