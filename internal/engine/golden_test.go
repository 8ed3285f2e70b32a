package engine_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/dryrun"
)

var update = flag.Bool("update", false, "rewrite the golden files; commit them only when you understand the change and want it")

// calendarsOf are the business calendars beside a model: NAME.yaml.
func calendarsOf(t *testing.T, model string) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/" + model + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestGolden runs every testdata/NAME.steps on NAME.bpmn (or, for further scripts of one model,
// NAME-MORE.steps) and compares what is printed with the .golden file beside it. Each script says in
// its first lines which section of BPMN 2.0.2 it shows.
func TestGolden(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.steps")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, steps := range scripts {
		name := strings.TrimSuffix(filepath.Base(steps), ".steps")
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			model, _, _ := strings.Cut(name, "-")
			status, err := dryrun.Load("testdata/"+model+".bpmn").Run(dryrun.Options{Steps: steps, JSON: true, Calendars: calendarsOf(t, model)}, &got)
			if err != nil {
				t.Fatal(err)
			}
			if refuses := strings.HasSuffix(name, "refused"); (status != 0) != refuses {
				t.Errorf("status %d:\n%s", status, got.Bytes())
			}
			golden := strings.TrimSuffix(steps, ".steps") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
			}
		})
	}
}
