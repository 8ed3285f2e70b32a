package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/paceline/paceline/internal/errs"
)

// sqlite keeps everything in one file in WAL mode: one writer at a time, also among
// processes, beside any number of readers. The writer's pool is one connection whose
// transactions begin IMMEDIATE, so none waits for a lock half-way.
type sqlite struct {
	path string

	mu       sync.Mutex
	opened   os.FileInfo             // the file when its incarnation was asked for first
	prepared map[string]preparedPart // of the writer, by the shape of the part
}

type preparedPart struct{ check, write *sql.Stmt }

func (*sqlite) kind() string { return "sqlite" }

func (s *sqlite) open(cfg Config) (pools, error) {
	path, sync, found := strings.Cut(strings.TrimPrefix(cfg.DSN, "sqlite:"), "?sync=")
	if !found {
		sync = "full"
	}
	switch sync {
	case "full", "normal", "off":
	default:
		return pools{}, fmt.Errorf("sync=%s: expected full, normal or off", sync)
	}
	if path == "" || path == ":memory:" {
		return pools{}, errors.New("expected the path of a file")
	}
	mode := "&_pragma=journal_mode(WAL)"
	if cfg.foreign {
		mode = "&mode=rw"
	} else if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return pools{}, err
	}
	s.path = path
	wait := cmp.Or(cfg.Patience, 10*time.Second)
	address := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String() +
		"?_pragma=busy_timeout(" + strconv.FormatInt(wait.Milliseconds(), 10) + ")" + mode + "&_pragma=synchronous(" + sync + ")" +
		"&_pragma=cache_size(-32000)&_pragma=case_sensitive_like(1)"
	write, err := sql.Open("sqlite", address+"&_txlock=immediate")
	if err != nil {
		return pools{}, err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", address+"&_pragma=query_only(1)")
	if err != nil {
		return pools{}, errors.Join(err, write.Close())
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return pools{read: read, write: write, hot: write}, nil
}

func (*sqlite) placeholder(n int) string { return "?" + strconv.Itoa(n) }

func (*sqlite) name(word string) string { return word }

func (*sqlite) wildcards() string { return "%_!" }

func (*sqlite) fragment(name string) (string, bool) {
	switch name {
	case "now":
		return "CAST(unixepoch('subsec') * 1000000 AS INTEGER)", true
	case "limit", "atmost":
		return "LIMIT ?", true
	case "page":
		return "LIMIT ?, ?", true
	case "dual":
		return "", true
	}
	return "", false
}

func (*sqlite) columnType(c *Column) string {
	switch c.Type {
	case Text, Long:
		return "TEXT"
	case Bytes:
		return "BLOB"
	}
	return "INTEGER"
}

func (*sqlite) columnDefault(c *Column) string {
	switch c.Type {
	case Text, Long:
		return "''"
	case Bytes:
		return "x''"
	}
	return "0"
}

// createTable makes a lone number key the row id. Small rows under another key live in
// the key's own tree.
func (s *sqlite) createTable(t *Table, columns []Column) []string {
	key := t.column(t.Key[0])
	rowid := len(t.Key) == 1 && key.Type == BigInt
	end := ") STRICT"
	large := false
	for i := range columns {
		large = large || columns[i].Type == Bytes || columns[i].Type == Long
	}
	if !rowid && !large {
		end = ") STRICT, WITHOUT ROWID"
	}
	return []string{tableText(s, t, columns, end)}
}

func (*sqlite) partialIndexes() bool { return true }

func (*sqlite) exists(error) bool { return false }

func (*sqlite) tableCount(ctx context.Context, conn *sql.Conn, table string) (n int, err error) {
	err = conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?", table).Scan(&n)
	return n, err
}

// lock takes the one writer's place; BEGIN waits for it.
func (*sqlite) lock(ctx context.Context, conn *sql.Conn) (func(context.Context, bool) error, error) {
	return transaction(ctx, conn, "BEGIN IMMEDIATE")
}

func (*sqlite) fault(err error) fault {
	var e *driver.Error
	if !errors.As(err, &e) {
		return commonFault(err)
	}
	switch code := e.Code(); code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return faultDuplicate
	default:
		switch code & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return faultRetry
		case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
			return faultData
		}
	}
	return faultOther
}

func (*sqlite) insertIgnore(t *Table) string { return insertText(t) + " ON CONFLICT DO NOTHING" }

// commit checks and writes row by row with prepared statements: without a network
// between there is nothing to gain from larger ones.
func (s *sqlite) commit(ctx context.Context, d *DB, g *group) error {
	// The driver watches a context that can end from one more goroutine per statement.
	ctx = context.WithoutCancel(ctx)
	checks, writes, err := s.prepareGroup(ctx, d, g)
	if err != nil {
		return err
	}
	d.trip(1)
	tx, err := d.pools.hot.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, m := range g.members {
		m.applied = true
	}
	for i, p := range g.parts {
		if checks[i] == nil {
			continue
		}
		if err := refuse(ctx, tx.StmtContext(ctx, checks[i]), g, p); err != nil {
			return err
		}
	}
	for i, p := range g.parts {
		stmt := tx.StmtContext(ctx, writes[i])
		write := func(row []any) error { _, err := stmt.ExecContext(ctx, row...); return err }
		if err := g.each(p, write); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// prepareGroup finds the statements of the parts, before the transaction takes the one
// connection that could prepare them.
func (s *sqlite) prepareGroup(ctx context.Context, d *DB, g *group) (checks, writes []*sql.Stmt, err error) {
	checks, writes = make([]*sql.Stmt, len(g.parts)), make([]*sql.Stmt, len(g.parts))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prepared == nil {
		s.prepared = make(map[string]preparedPart)
	}
	for i, p := range g.parts {
		made, ok := s.prepared[p.shape]
		if !ok {
			check, write := sqlitePart(p)
			if made.write, err = d.pools.hot.PrepareContext(ctx, write); err != nil {
				return nil, nil, err
			}
			if check != "" {
				if made.check, err = d.pools.hot.PrepareContext(ctx, check); err != nil {
					return nil, nil, err
				}
			}
			s.prepared[p.shape] = made
		}
		checks[i], writes[i] = made.check, made.write
	}
	return checks, writes, nil
}

// refuse finds the members with a guard that does not hold or a claim that is taken.
func refuse(ctx context.Context, check *sql.Stmt, g *group, p *part) error {
	args := 2
	if p.kind == partClaim {
		args = 1
	}
	for i, row := range p.rows {
		var good bool
		if err := check.QueryRowContext(ctx, row[:args]...).Scan(&good); err != nil {
			return err
		}
		if !good {
			g.members[p.member[i]].applied = false
		}
	}
	return nil
}

// sqlitePart is the text that checks a row of the part, and the one that writes it. The
// arguments are the row's values in order.
func sqlitePart(p *part) (check, write string) {
	table := p.table.Name
	switch p.kind {
	case partGuard:
		set := []string{"version = version + 1"}
		for i, c := range p.columns[2:] {
			set = append(set, fmt.Sprintf("%s = ?%d", c.Name, i+3))
		}
		where := fmt.Sprintf("FROM %s WHERE %s = ?1 AND version = ?2", table, p.columns[0].Name)
		return "SELECT count(*) = 1 " + where,
			fmt.Sprintf("UPDATE %s SET %s WHERE %s = ?1 AND version = ?2", table, strings.Join(set, ", "), p.columns[0].Name)
	case partGone:
		return "", fmt.Sprintf("DELETE FROM %s WHERE %s = ?1", table, p.columns[0].Name)
	case partSet:
		var set, where []string
		for i, c := range p.columns {
			term := fmt.Sprintf("%s = ?%d", c.Name, i+1)
			if i < p.keys {
				where = append(where, term)
			} else {
				set = append(set, term)
			}
		}
		return "", fmt.Sprintf("UPDATE %s SET %s WHERE %s", table, strings.Join(set, ", "), strings.Join(where, " AND "))
	case partClaim:
		return "SELECT count(*) = 0 FROM command WHERE command_key = ?1", insertText(p.table)
	case partIgnore:
		return "", insertText(p.table) + " ON CONFLICT DO NOTHING"
	}
	return "", insertText(p.table)
}

// lockHints are none: the transaction is the only one that writes.
func (*sqlite) lockHints(LockMode) (hint, end string) { return "", "" }

// incarnation tells whether the path still leads to the file that is open.
func (s *sqlite) incarnation(context.Context, *DB) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := os.Stat(s.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if s.opened == nil {
		s.opened = now
	}
	if now == nil || !os.SameFile(s.opened, now) {
		return "", errs.New(errs.Conflict, "another file has taken the place of %s, which is open", s.path).
			WithCure("restart, to work with the new one")
	}
	return s.path, nil
}

// lease takes the rows with one statement.
func (s *sqlite) lease(ctx context.Context, d *DB, l *Lease, scan func(Scanner) error) error {
	return d.leaseRows(ctx, d.pools.hot, fmt.Sprintf(
		"UPDATE %[1]s SET %[2]s WHERE %[3]s IN (SELECT %[3]s FROM %[1]s WHERE %[4]s ORDER BY %[5]s {limit}) RETURNING %[6]s",
		l.Table.Name, l.sets(), l.Table.Key[0], l.Where, l.OrderBy, l.returns()), l.args(l.Limit), scan)
}
