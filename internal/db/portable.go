package db

import (
	"fmt"
	"strings"
	"sync"
)

// statement is portable SQL, ready to be filled in.
type statement struct {
	pieces []string // the dialect's text around the placeholders
	whole  string   // with the placeholders filled in, for a statement without lists
}

// maxStatements bounds the cache; portable SQL is written in constants, so a program
// that passes the bound builds text from data.
const maxStatements = 4096

// statements keeps what parse made of each portable text.
type statements struct {
	mu   sync.RWMutex
	text map[string]*statement
}

func (s *statements) get(d dialect, portable string) (*statement, error) {
	s.mu.RLock()
	st := s.text[portable]
	s.mu.RUnlock()
	if st != nil {
		return st, nil
	}
	st, err := parse(d, portable)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == nil {
		s.text = make(map[string]*statement)
	}
	if len(s.text) < maxStatements {
		s.text[portable] = st
	}
	return st, nil
}

// bind renders a portable statement and its arguments for the database.
func (d *DB) bind(portable string, args []any) (string, []any, error) {
	st, err := d.statements.get(d.dialect, portable)
	if err != nil {
		return "", nil, err
	}
	if len(args) != len(st.pieces)-1 {
		return "", nil, fmt.Errorf("%d arguments for %d placeholders in %q", len(args), len(st.pieces)-1, portable)
	}
	flat := make([]any, 0, len(args))
	lists := false
	for _, a := range args {
		if p, ok := a.(Pattern); ok {
			a = p.escaped(d.dialect)
		}
		if l, ok := a.(List); ok {
			if l, err = l.plain(); err != nil {
				return "", nil, fmt.Errorf("db: %w in %q", err, portable)
			}
			flat, lists = append(flat, l.padded()...), true
			continue
		}
		if a, err = plain(a); err != nil {
			return "", nil, err
		}
		flat = append(flat, a)
	}
	if !lists {
		return st.whole, flat, nil
	}
	return st.expand(d.dialect, args), flat, nil
}

// expand fills in the placeholders, several for a list.
func (st *statement) expand(d dialect, args []any) string {
	var b strings.Builder
	n := 0
	for i, piece := range st.pieces {
		b.WriteString(piece)
		if i == len(st.pieces)-1 {
			break
		}
		width := 1
		if l, ok := args[i].(List); ok {
			width = len(l.padded())
		}
		for j := range width {
			if j > 0 {
				b.WriteString(", ")
			}
			n++
			b.WriteString(d.placeholder(n))
		}
	}
	return b.String()
}

// parse splits portable text at its placeholders and spells the fragments and names.
func parse(d dialect, portable string) (*statement, error) {
	st := &statement{}
	var b strings.Builder
	for i := 0; i < len(portable); {
		switch c := portable[i]; {
		case c == '\'':
			end := strings.IndexByte(portable[i+1:], '\'')
			if end < 0 {
				return nil, fmt.Errorf("no closing quote in %q", portable)
			}
			b.WriteString(portable[i : i+end+2])
			i += end + 2
		case c == '?':
			st.pieces = append(st.pieces, b.String())
			b.Reset()
			i++
		case c == '{':
			end := strings.IndexByte(portable[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("no closing brace in %q", portable)
			}
			text, ok := d.fragment(portable[i+1 : i+end])
			if !ok {
				return nil, fmt.Errorf("unknown fragment %s in %q", portable[i:i+end+1], portable)
			}
			for j, piece := range strings.Split(text, "?") {
				if j > 0 {
					st.pieces = append(st.pieces, b.String())
					b.Reset()
				}
				b.WriteString(piece)
			}
			i += end + 1
		case isWord(c):
			end := i
			for end < len(portable) && isWord(portable[end]) {
				end++
			}
			b.WriteString(d.name(portable[i:end]))
			i = end
		default:
			b.WriteByte(c)
			i++
		}
	}
	st.pieces = append(st.pieces, b.String())
	st.whole = st.expand(d, make([]any, len(st.pieces)-1))
	return st, nil
}

func isWord(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
