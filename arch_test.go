// Package paceline_test holds the shape of the code: who may import whom, what stays
// pure, how large a file may grow. A rule broken on purpose needs a page in
// docs/decisions and a change here.
package paceline_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/paceline/paceline/"

// never lists imports that must not happen, even by way of others.
var never = map[string][]string{
	"agent":    {"internal/db"},
	"bus":      {"internal/db"},
	"gateway":  {"internal/db", "internal/bus"},
	"engine":   allBut("internal/feel", "internal/bpmn", "internal/calendar", "internal/errs"),
	"calendar": allBut("internal/feel", "internal/errs"),
	"bpmn":     allBut("internal/feel", "internal/errs"),
	"feel":     allBut("internal/errs"),
	"errs":     allBut(),
	"process":  {"internal/org", "internal/form", "internal/app", "internal/bus"},
	"ticket":   {"internal/bus", "internal/api"},
	"api":      {"internal/node"},
}

// pure packages have no clock, no chance, no I/O and no goroutines.
var pure = []string{"errs", "feel", "bpmn", "calendar", "engine"}

// outside says which packages may touch a piece of the world directly.
var outside = map[string][]string{
	"database/sql":                             {"db", "db/dbtest"},
	"github.com/nats-io/nats.go":               {"bus"},
	"github.com/nats-io/nats-server/v2/server": {"bus"},
	"net/http": {"api", "node", "gateway", "blob", "connect", "demo"},
	"os/exec":  {"agent", "connect/script", "db/dbtest", "demo"},
}

// bucket names are places where everything ends up.
var buckets = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "base", "manager", "misc"}

const (
	maxFileLines = 700
	maxFuncLines = 100
)

type pkg struct {
	ImportPath string
	Dir        string
	Doc        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// name is the package's path below internal/.
func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module+"internal/") }

func allBut(allowed ...string) []string { return append([]string{"*"}, allowed...) }

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,GoFiles,Imports,Deps", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestNobodyReachesWhatItMayNot(t *testing.T) {
	for _, p := range packages(t) {
		rules := never[p.name()]
		for _, dep := range p.Deps {
			own, ours := strings.CutPrefix(dep, module)
			if !ours {
				continue
			}
			forbidden := slices.Contains(rules, own)
			if len(rules) > 0 && rules[0] == "*" {
				forbidden = !slices.Contains(rules, own)
			}
			if forbidden {
				t.Errorf("%s reaches %s", p.name(), own)
			}
		}
	}
}

func TestOnlyCommandsImportNode(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains(p.Imports, module+"internal/node") && !strings.HasPrefix(p.ImportPath, module+"cmd/") && p.ImportPath != module+"bench" {
			t.Errorf("%s imports node; only commands may", p.ImportPath)
		}
	}
}

func TestOutsideWorldHasOwners(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, module+"internal/") {
			continue
		}
		for thing, owners := range outside {
			if slices.Contains(p.Imports, thing) && !slices.Contains(owners, p.name()) {
				t.Errorf("%s imports %s, which belongs to %s", p.name(), thing, strings.Join(owners, ", "))
			}
		}
	}
}

func TestPurePackagesStayPure(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(pure, p.name()) {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains([]string{"os", "net", "net/http", "math/rand", "math/rand/v2", "crypto/rand", "os/exec", "log/slog", "sync/atomic"}, imp) {
				t.Errorf("%s imports %s", p.name(), imp)
			}
		}
		eachFile(t, p, func(path string, set *token.FileSet, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s: a pure package starts a goroutine", set.Position(n.Pos()))
				case *ast.SelectorExpr:
					if id, ok := n.X.(*ast.Ident); ok && id.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "NewTimer", "NewTicker"}, n.Sel.Name) {
						t.Errorf("%s: a pure package asks the clock: time.%s", set.Position(n.Pos()), n.Sel.Name)
					}
				}
				return true
			})
		})
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		if base := filepath.Base(p.ImportPath); slices.Contains(buckets, base) {
			t.Errorf("%s is a place where everything ends up; name its subject", p.ImportPath)
		}
	}
}

func TestFilesAndFunctionsStayReadable(t *testing.T) {
	for _, p := range packages(t) {
		eachFile(t, p, func(path string, set *token.FileSet, f *ast.File) {
			if lines := set.Position(f.FileEnd).Line; lines > maxFileLines {
				t.Errorf("%s has %d lines (at most %d): one idea each?", path, lines, maxFileLines)
			}
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s: init does work at import time", set.Position(fn.Pos()))
				}
				if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line; n > maxFuncLines {
					t.Errorf("%s: %s has %d lines (at most %d)", set.Position(fn.Pos()), fn.Name.Name, n, maxFuncLines)
				}
			}
		})
	}
}

// TestDialectsStayInDB keeps database names out of everybody's conditions.
func TestDialectsStayInDB(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, module+"internal/") || p.name() == "db" || p.name() == "db/dbtest" || p.name() == "config" {
			continue
		}
		eachFile(t, p, func(path string, set *token.FileSet, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				switch strings.Trim(lit.Value, "\"`") {
				case "sqlite", "postgres", "postgresql", "mysql", "mariadb", "sqlserver", "oracle":
					t.Errorf("%s: %s is db's business", set.Position(lit.Pos()), lit.Value)
				}
				return true
			})
		})
	}
}

func eachFile(t *testing.T, p pkg, visit func(path string, set *token.FileSet, f *ast.File)) {
	t.Helper()
	for _, name := range p.GoFiles {
		path := filepath.Join(p.Dir, name)
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		visit(path, set, f)
	}
}
