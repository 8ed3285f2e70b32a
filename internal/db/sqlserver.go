package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// sqlserver commits a group with one batch in one round trip (see sqlserver_group.go).
// It needs SQL Server 2017 or later, and a database with READ_COMMITTED_SNAPSHOT on.
type sqlserver struct {
	texts groupTexts
}

func (*sqlserver) kind() string { return "sqlserver" }

func (*sqlserver) open(cfg Config) (pools, error) {
	connector, err := mssql.NewConnector(cfg.DSN)
	if err != nil {
		return pools{}, err
	}
	connector.Dialer = dialer(cfg)
	wait := cmp.Or(cfg.Patience, 20*time.Second)
	connector.SessionInitSQL = fmt.Sprintf("SET XACT_ABORT ON; SET LOCK_TIMEOUT %d", wait.Milliseconds())
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(cfg.MaxConns)
	pool.SetMaxIdleConns(cfg.MaxConns)
	return pools{read: pool, write: pool, hot: pool}, nil
}

func (*sqlserver) placeholder(n int) string { return "@p" + strconv.Itoa(n) }

func (*sqlserver) name(word string) string { return word }

func (*sqlserver) wildcards() string { return "%_[!" }

func (*sqlserver) fragment(name string) (string, bool) {
	switch name {
	case "now":
		return "DATEDIFF_BIG(MICROSECOND, '1970-01-01', SYSUTCDATETIME())", true
	case "limit":
		return "OFFSET 0 ROWS FETCH NEXT ? ROWS ONLY", true
	case "atmost":
		return "ORDER BY (SELECT 1) OFFSET 0 ROWS FETCH NEXT ? ROWS ONLY", true
	case "page":
		return "OFFSET ? ROWS FETCH NEXT ? ROWS ONLY", true
	case "dual":
		return "", true
	}
	return "", false
}

// sqlserverCollation compares code points.
const sqlserverCollation = "Latin1_General_100_BIN2"

func (*sqlserver) columnType(c *Column) string {
	switch c.Type {
	case BigInt:
		return "bigint"
	case Int:
		return "int"
	case Bool:
		return "smallint"
	case Text:
		return fmt.Sprintf("nvarchar(%d) COLLATE %s", c.Size, sqlserverCollation)
	case Long:
		return "nvarchar(max) COLLATE " + sqlserverCollation
	}
	return "varbinary(max)"
}

func (*sqlserver) columnDefault(c *Column) string {
	switch c.Type {
	case Text, Long:
		return "''"
	case Bytes:
		return "0x"
	}
	return "0"
}

func (s *sqlserver) createTable(t *Table, columns []Column) []string {
	return []string{tableText(s, t, columns, ")")}
}

func (*sqlserver) partialIndexes() bool { return true }

func (*sqlserver) exists(error) bool { return false }

func (*sqlserver) tableCount(ctx context.Context, conn *sql.Conn, table string) (n int, err error) {
	err = conn.QueryRowContext(ctx, "SELECT count(*) FROM sys.tables WHERE name = @p1 AND schema_id = SCHEMA_ID()", table).Scan(&n)
	return n, err
}

func (*sqlserver) lock(ctx context.Context, conn *sql.Conn) (func(context.Context, bool) error, error) {
	return transaction(ctx, conn, "BEGIN TRANSACTION",
		`DECLARE @got int;
EXEC @got = sp_getapplock @Resource = 'paceline migration', @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 600000;
IF @got < 0 THROW 50000, 'another process has been migrating the schema for ten minutes', 1`)
}

func (*sqlserver) fault(err error) fault {
	var e mssql.Error
	if !errors.As(err, &e) {
		return commonFault(err)
	}
	switch e.Number {
	case 1205, 1222, 3960: // deadlock, lock timeout, snapshot conflict
		return faultRetry
	case 2601, 2627:
		return faultDuplicate
	case 220, 245, 515, 547, 2628, 8114, 8115, 8152:
		return faultData
	case 596, 6005: // session killed, shutdown
		return faultLost
	}
	return faultOther
}

func (*sqlserver) insertIgnore(t *Table) string {
	names := t.names()
	same := make([]string, len(t.Key))
	for i, k := range t.Key {
		same[i] = fmt.Sprintf("t.%[1]s = v.%[1]s", k)
	}
	return fmt.Sprintf("INSERT INTO %[1]s (%[2]s) SELECT %[2]s FROM (VALUES (%[3]s)) AS v(%[2]s) WHERE NOT EXISTS (SELECT 1 FROM %[1]s t WITH (UPDLOCK, HOLDLOCK) WHERE %[4]s)",
		t.Name, strings.Join(names, ", "), marks(len(names)), strings.Join(same, " AND "))
}

// lockHints: REPEATABLEREAD takes a real shared lock to the end of the transaction, also
// where READ_COMMITTED_SNAPSHOT is on.
func (*sqlserver) lockHints(mode LockMode) (hint, end string) {
	if mode == LockNoWait {
		return " WITH (UPDLOCK, ROWLOCK, NOWAIT)", ""
	}
	return " WITH (REPEATABLEREAD, ROWLOCK)", ""
}

// incarnation is the server and when the database was made or restored.
func (*sqlserver) incarnation(ctx context.Context, d *DB) (string, error) {
	return d.askIncarnation(ctx, "SELECT CONCAT(@@SERVERNAME, '/', CONVERT(varchar(30), create_date, 126)) FROM sys.databases WHERE database_id = DB_ID()")
}

// lease takes the rows with one statement, past those that others have locked.
func (*sqlserver) lease(ctx context.Context, d *DB, l *Lease, scan func(Scanner) error) error {
	text := fmt.Sprintf(
		"UPDATE %[1]s SET %[2]s OUTPUT %[6]s WHERE %[3]s IN (SELECT TOP (?) %[3]s FROM %[1]s WITH (UPDLOCK, READPAST, ROWLOCK) WHERE %[4]s ORDER BY %[5]s)",
		l.Table.Name, l.sets(), l.Table.Key[0], l.Where, l.OrderBy, l.returns("inserted."))
	args := append(append([]any{}, l.Values...), l.Limit)
	return d.leaseRows(ctx, d.pools.hot, text, append(args, l.Args...), scan)
}
