package dryrun_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/paceline/paceline/internal/dryrun"
)

// FuzzSteps holds that any steps file ends with status 0 or 1 and lines of JSON.
func FuzzSteps(f *testing.F) {
	scripts, err := filepath.Glob("../engine/testdata/*.steps")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range scripts {
		steps, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(steps)
	}
	models := dryrun.Load("../engine/testdata/boundary_timer.bpmn")
	other := dryrun.Load("../engine/testdata/throw_event.bpmn")
	f.Fuzz(func(t *testing.T, steps []byte) {
		path := filepath.Join(t.TempDir(), "steps")
		if err := os.WriteFile(path, steps, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, m := range []*dryrun.Models{models, other} {
			var out bytes.Buffer
			status, err := m.Run(dryrun.Options{Steps: path, JSON: true}, &out)
			if err != nil || status < 0 || status > 1 {
				t.Fatalf("status %d, %v", status, err)
			}
			for _, line := range bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
				if !json.Valid(line) {
					t.Fatalf("no JSON: %s", line)
				}
			}
		}
	})
}
