package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"
)

// mysql is MySQL 8.0.19 and MariaDB 10.6, and later. A group is locked, checked here,
// and written, in two round trips (see commit).
//
// Arguments are put into the text by the driver, for a prepared statement would cost a
// round trip each time.
type mysql struct{}

func (*mysql) kind() string { return "mysql" }

func (m *mysql) open(cfg Config) (pools, error) {
	u, err := url.Parse(cfg.DSN)
	if err != nil {
		return pools{}, err
	}
	c := driver.NewConfig()
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.DBName = strings.TrimPrefix(u.Path, "/")
	c.Net, c.Addr = "tcp", u.Host
	if u.Port() == "" {
		c.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	if socket := u.Query().Get("socket"); socket != "" {
		c.Net, c.Addr = "unix", socket
	}
	c.DialFunc = dialer(cfg).DialContext
	c.TLSConfig = u.Query().Get("tls")
	if c.DBName == "" {
		return pools{}, errors.New("expected the name of a database after the host")
	}
	c.InterpolateParams = true
	c.ClientFoundRows = true
	// The driver's Commit knows no context.
	c.ReadTimeout, c.WriteTimeout = 2*cfg.Patience, 2*cfg.Patience
	c.Logger = &driver.NopLogger{} // what it would say comes back as an error too
	main := mysqlPool(c, cfg.MaxConns, cfg.Patience)
	hot := c.Clone()
	hot.MultiStatements = true // on this handle only, which sees no text from outside this package
	return pools{read: main, write: main, hot: mysqlPool(hot, hotConns, cfg.Patience)}, nil
}

func mysqlPool(c *driver.Config, conns int, patience time.Duration) *sql.DB {
	wait, silent := 20, ""
	if patience > 0 {
		wait = int(math.Ceil(patience.Seconds()))
		// MySQL has no limit for silence within a transaction only; an idle connection
		// that it ends is made again when it is needed.
		silent = fmt.Sprintf(" /*M! , idle_transaction_timeout = %d */ /*!80000 , wait_timeout = %[1]d */", wait)
	}
	connector, _ := driver.NewConnector(c) // fails for a configuration that ParseDSN would refuse
	pool := sql.OpenDB(&session{connector, []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		"SET time_zone = '+00:00', sql_mode = 'TRADITIONAL,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = " +
			strconv.Itoa(wait) + silent,
	}})
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool
}

func (*mysql) placeholder(int) string { return "?" }

func (*mysql) name(word string) string { return word }

func (*mysql) wildcards() string { return "%_!" }

func (*mysql) fragment(name string) (string, bool) {
	switch name {
	case "now":
		return "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)", true
	case "limit", "atmost":
		return "LIMIT ?", true
	case "page":
		return "LIMIT ?, ?", true
	case "dual":
		return "", true
	}
	return "", false
}

func (*mysql) columnType(c *Column) string {
	switch c.Type {
	case BigInt:
		return "bigint"
	case Int:
		return "int"
	case Bool:
		return "smallint"
	case Text:
		return fmt.Sprintf("varchar(%d)", c.Size)
	case Long:
		return "longtext"
	}
	return "longblob"
}

func (*mysql) columnDefault(c *Column) string {
	switch c.Type {
	case Text:
		return "''"
	case Long, Bytes:
		return "('')"
	}
	return "0"
}

// createTable names the collation that compares byte by byte and minds blanks at the
// end; MariaDB and MySQL have different ones and each reads only its comment.
func (m *mysql) createTable(t *Table, columns []Column) []string {
	return []string{tableText(m, t, columns,
		") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*M! COLLATE=utf8mb4_nopad_bin */ /*!80017 COLLATE=utf8mb4_0900_bin */")}
}

func (*mysql) partialIndexes() bool { return false }

// exists: DDL ends the transaction it is in, so a migration may have been done by half.
func (*mysql) exists(err error) bool {
	switch mysqlCode(err) {
	case 1050, 1060, 1061:
		return true
	}
	return false
}

func (*mysql) tableCount(ctx context.Context, conn *sql.Conn, table string) (n int, err error) {
	err = conn.QueryRowContext(ctx, "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name = ?", table).Scan(&n)
	return n, err
}

// lock is one of the server, so its name holds that of the database.
func (*mysql) lock(ctx context.Context, conn *sql.Conn) (func(context.Context, bool) error, error) {
	const name = "CONCAT('paceline ', LEFT(database(), 50))"
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+name+", 600)").Scan(&got); err != nil {
		return nil, err
	}
	if got.Int64 != 1 {
		return nil, errors.New("another process has been migrating the schema for ten minutes")
	}
	return func(ctx context.Context, _ bool) error {
		_, err := conn.ExecContext(ctx, "DO RELEASE_LOCK("+name+")")
		return err
	}, nil
}

func mysqlCode(err error) uint16 {
	var e *driver.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

func (*mysql) fault(err error) fault {
	switch mysqlCode(err) {
	case 0:
		if errors.Is(err, driver.ErrInvalidConn) {
			return faultLost
		}
		return commonFault(err)
	case 1205, 1213, 1020, 3572: // lock wait, deadlock, row changed since it was read, row locked
		return faultRetry
	case 1062, 1586:
		return faultDuplicate
	case 1048, 1153, 1264, 1292, 1364, 1366, 1406, 1451, 1452, 3819, 4025:
		return faultData
	case 1040, 1203: // too many connections
		return faultAway
	case 1053, 1317, 1927: // shutdown, interrupted, killed
		return faultLost
	}
	return faultOther
}

// insertIgnore may let the server pass over errors: Column.fit has found all others.
func (*mysql) insertIgnore(t *Table) string {
	return "INSERT IGNORE" + strings.TrimPrefix(insertText(t), "INSERT")
}

// lockHints: MariaDB has only the old words for a shared lock, and MySQL has them too.
func (*mysql) lockHints(mode LockMode) (hint, end string) {
	if mode == LockNoWait {
		return "", " FOR UPDATE NOWAIT"
	}
	return "", " LOCK IN SHARE MODE"
}

// incarnation is the server and its files; only MySQL has a name for them.
func (*mysql) incarnation(ctx context.Context, d *DB) (string, error) {
	return d.askIncarnation(ctx, "SELECT CONCAT(@@hostname, '/', @@port, '/', @@server_id, '/', @@datadir, '/', database() /*!80000 , '/', @@server_uuid */)")
}

// lease locks rows past those that others have locked, then takes them.
func (m *mysql) lease(ctx context.Context, d *DB, l *Lease, scan func(Scanner) error) error {
	return d.leaseInSteps(ctx, l, scan, func(tx *sql.Tx) (keys []int64, err error) {
		text := fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s {limit} FOR UPDATE SKIP LOCKED", l.Table.Key[0], l.Table.Name, l.Where, l.OrderBy)
		return d.leaseKeys(ctx, tx, text, append(append([]any{}, l.Args...), l.Limit), l.Limit)
	})
}
