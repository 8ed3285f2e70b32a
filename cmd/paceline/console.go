package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/errs"
)

// The exit codes.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitDenied   = 3
	exitNotFound = 4
	exitConflict = 5
	exitAway     = 6
)

// console is what a command may touch of the process it runs in.
type console struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	env    func(string) string
	format string // table or json
	strict bool   // exit codes are 0 and 1 only
}

// errSaid ends a command with status 1 when everything has been printed already.
var errSaid = errors.New("said")

// fail prints an error with its cure and gives the exit code.
func (c *console) fail(err error) int {
	if errors.Is(err, errSaid) {
		return exitFailed
	}
	fmt.Fprintln(c.err, "paceline: "+err.Error())
	if cure := cureOf(err); cure != "" {
		fmt.Fprintln(c.err, "  "+cure)
	}
	if c.strict {
		return exitFailed
	}
	return codeOf(err)
}

func (c *console) misused(err error) int {
	fmt.Fprintln(c.err, "paceline: "+err.Error())
	fmt.Fprintln(c.err, "  add --help to see what the command takes")
	if c.strict {
		return exitFailed
	}
	return exitUsage
}

func cureOf(err error) string {
	var p *client.Problem
	var e *errs.Error
	var unreachable *url.Error
	switch {
	case errors.As(err, &p) && p.Kind == client.Unauthenticated:
		return "sign in with: paceline login"
	case errors.As(err, &p):
		return p.Cure
	case errors.As(err, &e):
		return e.Cure
	case errors.As(err, &unreachable):
		return "is it running, and is the address right? A cluster answers at its gateways; paceline login ADDRESS goes to another place"
	}
	return ""
}

// codes gives the exit code of each kind of problem that is not simply a failure.
var codes = map[string]int{
	client.Unauthenticated: exitDenied,
	client.Denied:          exitDenied,
	client.NotFound:        exitNotFound,
	client.Conflict:        exitConflict,
	client.Unavailable:     exitAway,
}

func codeOf(err error) int {
	kind := client.KindOf(err)
	var unreachable *url.Error
	switch {
	case kind != "":
	case errors.As(err, &unreachable):
		kind = client.Unavailable
	default:
		kind = errs.KindOf(err).String()
	}
	if code, ok := codes[kind]; ok {
		return code
	}
	return exitFailed
}

// offline says whether the command line is one of those that use exit codes 0 and 1 only.
func offline(args []string) bool {
	i := slices.IndexFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-") })
	return i >= 0 && (args[i] == "bpmn" || args[i] == "feel")
}

func helped(args []string) bool {
	end := len(args)
	if i := slices.Index(args, "--"); i >= 0 {
		end = i
	}
	return slices.Contains(args[:end], "--help") || slices.Contains(args[:end], "-h")
}

// table is what a list looks like on a terminal.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// text sets the cells in columns, two spaces apart.
func (t *table) text() string {
	rows := t.rows
	if len(t.head) > 0 {
		rows = append([][]string{t.head}, rows...)
	}
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			row[i] = printable(cell)
			widths[i] = max(widths[i], columns(row[i]))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += cell + strings.Repeat(" ", widths[i]-columns(cell)+2)
		}
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return out.String()
}

// columns is how wide a terminal shows a text: two columns for a Chinese or Japanese character, none for a mark that
// is put over the one before.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.Is(unicode.Mn, r):
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// print writes v as JSON, or the table made of it, as the user wants.
func (c *console) print(v any, asTable func(*table)) error {
	if c.format == "json" {
		return c.json(v)
	}
	var t table
	asTable(&t)
	_, err := io.WriteString(c.out, t.text())
	return err
}

func (c *console) json(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// say prints one sentence, and nothing where a program reads the answer.
func (c *console) say(format string, args ...any) {
	if c.format != "json" {
		fmt.Fprintf(c.out, format+"\n", args...)
	}
}

// printable keeps other people's text from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
