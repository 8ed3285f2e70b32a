package db

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strings"
)

// pages reads a whole table by its key, some rows at a time, as many as make a few
// megabytes.
type pages struct {
	db    *DB
	table *Table
	after []any // key of the last row read; nil: none
	limit int
}

const (
	firstPage = 16      // rows, before their size is known
	mostRows  = 2000    // of a page
	pageBytes = 4 << 20 // that a page should have
)

func newPages(d *DB, t *Table) *pages { return &pages{db: d, table: t, limit: firstPage} }

// next reads the rows after those read before; none at the end.
func (p *pages) next(ctx context.Context) ([]Row, error) {
	where, args := p.table.beyond(p.after)
	query := "SELECT " + strings.Join(p.table.names(), ", ") + " FROM " + p.table.Name + where +
		" ORDER BY " + strings.Join(p.table.Key, ", ") + " {limit}"
	rows, err := All(ctx, p.db, p.table.scan, query, append(args, p.limit)...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	last := rows[len(rows)-1]
	p.after = make([]any, len(p.table.Key))
	for i, name := range p.table.Key {
		for j := range p.table.Columns {
			if p.table.Columns[j].Name == name {
				p.after[i] = last.Values[j]
			}
		}
	}
	p.limit = max(1, min(mostRows, 4*p.limit, len(rows)*pageBytes/max(1, weigh(rows))))
	return rows, nil
}

// beyond is the condition for the rows whose key comes after one. Its first part alone is
// what an index can be searched by.
func (t *Table) beyond(key []any) (where string, args []any) {
	if key == nil {
		return "", nil
	}
	last := len(key) - 1
	where = t.Key[last] + " > ?"
	args = []any{key[last]}
	for i := last - 1; i >= 0; i-- {
		name := t.Key[i]
		where = name + " >= ? AND (" + name + " > ? OR " + where + ")"
		args = append([]any{key[i], key[i]}, args...)
	}
	return " WHERE " + where, args
}

// scan reads a full row.
func (t *Table) scan(s Scanner) (Row, error) {
	into := make([]any, len(t.Columns))
	for i := range t.Columns {
		into[i] = t.Columns[i].place()
	}
	err := s.Scan(into...)
	row := Row{Table: t, Values: into}
	for i := range into {
		row.Values[i] = stored(into[i])
	}
	return row, err
}

// place is where a value of the column is scanned into.
func (c *Column) place() any {
	switch c.Type {
	case Text, Long:
		if c.Null {
			return new(*string)
		}
		return new(string)
	case Bytes:
		return new([]byte)
	}
	if c.Null {
		return new(*int64)
	}
	return new(int64)
}

// stored is what a place holds: int64, string, []byte or nil.
func stored(place any) any {
	switch v := place.(type) {
	case *int64:
		return *v
	case *string:
		return *v
	case **int64:
		if *v != nil {
			return **v
		}
	case **string:
		if *v != nil {
			return **v
		}
	case *[]byte:
		if *v != nil {
			return *v
		}
	}
	return nil
}

// weigh is the size of rows in bytes, about.
func weigh(rows []Row) (n int) {
	for _, row := range rows {
		for _, v := range row.Values {
			switch v := v.(type) {
			case string:
				n += len(v)
			case []byte:
				n += len(v)
			default:
				n += 8
			}
		}
	}
	return n
}

// sum is a hash over rows in any order: the hashes of the rows, added up. The databases
// need not agree on an order of texts.
type sum struct {
	rows  int64
	parts [4]uint64 // lowest first
}

func (s *sum) add(row Row) {
	text := row.bytes()
	hash := sha256.Sum256(text)
	var carry uint64
	for i := range s.parts {
		s.parts[i], carry = bits.Add64(s.parts[i], binary.LittleEndian.Uint64(hash[8*i:]), carry)
	}
	s.rows++
}

func (s *sum) text() string {
	var all [32]byte
	for i, part := range s.parts {
		binary.BigEndian.PutUint64(all[24-8*i:], part)
	}
	return hex.EncodeToString(all[:])
}

// bytes are the same for the same row in every database, and others for another row.
func (r Row) bytes() (b []byte) {
	for i, v := range r.Values {
		switch v := v.(type) {
		case int64:
			b = binary.BigEndian.AppendUint64(append(b, 'n'), uint64(v))
		case string:
			b = append(binary.AppendUvarint(append(b, 't'), uint64(len(v))), v...)
		case []byte:
			b = append(binary.AppendUvarint(append(b, 'b'), uint64(len(v))), v...)
		default:
			if c := &r.Table.Columns[i]; c.Type == Bytes && !c.Null {
				b = append(b, 'b', 0) // nothing, which some drivers give back as nil
				continue
			}
			b = append(b, '0')
		}
	}
	return b
}
