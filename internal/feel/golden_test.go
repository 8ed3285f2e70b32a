package feel

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the expected values and docs/feel.md")

// noon is what now() is in the golden files.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// goldenFile is a testdata file. Its lines are headings (# ...), variables (let name = expr) and
// cases (expr => value, or expr => error: message; in unary.feel the value under test after |).
type goldenFile struct {
	name  string
	lines []goldenLine
}

type goldenLine struct {
	text       string // as it is, for lines that are no case
	expr, want string
	isCase     bool
}

func readGolden(t *testing.T, path string) goldenFile {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := goldenFile{name: filepath.Base(path)}
	for text := range strings.Lines(string(data)) {
		text = strings.TrimSuffix(text, "\n")
		line := goldenLine{text: text}
		if i := strings.LastIndex(text, " => "); i >= 0 && !strings.HasPrefix(text, "#") && !strings.HasPrefix(text, "let ") {
			line = goldenLine{expr: text[:i], want: text[i+4:], isCase: true}
		}
		f.lines = append(f.lines, line)
	}
	return f
}

func (f goldenFile) write(t *testing.T, path string) {
	t.Helper()
	var b strings.Builder
	for _, line := range f.lines {
		if line.isCase {
			b.WriteString(line.expr + " => " + line.want + "\n")
		} else {
			b.WriteString(line.text + "\n")
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func goldenPaths(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.feel")
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden files", err)
	}
	return paths
}

func TestGolden(t *testing.T) {
	for _, path := range goldenPaths(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".feel"), func(t *testing.T) {
			f := readGolden(t, path)
			vars := NewContext()
			for i := range f.lines {
				line := &f.lines[i]
				if def, ok := strings.CutPrefix(line.text, "let "); ok {
					name, expr, _ := strings.Cut(def, " = ")
					vars = vars.with(name, mustEval(t, expr, vars))
				}
				if !line.isCase {
					continue
				}
				got := outcome(line.expr, vars, f.name == "unary.feel")
				if got != line.want && !*update {
					t.Errorf("line %d: %s\n got %s\nwant %s", i+1, line.expr, got, line.want)
				}
				line.want = got
			}
			if *update {
				f.write(t, path)
			}
		})
	}
}

func mustEval(t *testing.T, expr string, vars *Context) Value {
	t.Helper()
	x, err := Compile(expr, NamesOf(vars))
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	v, err := x.Eval(At(vars, noon))
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return v
}

// outcome is the value as a literal, or the error.
func outcome(expr string, vars *Context, tests bool) string {
	compile := Compile
	if tests {
		text, input, _ := strings.Cut(expr, " | ")
		in, err := Compile(input)
		if err != nil {
			return "error: " + err.Error()
		}
		v, err := in.Eval(nil)
		if err != nil {
			return "error: " + err.Error()
		}
		expr, vars, compile = text, NewContext(Entry{"?", v}), CompileTests
	}
	x, err := compile(expr, NamesOf(vars))
	if err != nil {
		return "error: " + err.Error()
	}
	v, err := x.Eval(At(vars, noon))
	if err != nil {
		return "error: " + err.Error()
	}
	return strings.TrimSuffix(strings.TrimPrefix(String(List{v}), "["), "]")
}
