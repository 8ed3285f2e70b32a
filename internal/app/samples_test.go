package app

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/paceline/paceline/apps"
	"github.com/paceline/paceline/internal/dryrun"
)

func sample(t *testing.T, name string) *Bundle {
	t.Helper()
	folder, err := apps.Bundle(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The sample apps are what people learn from: not even a warning is in them.
func TestSamplesHaveNoProblem(t *testing.T) {
	for _, name := range apps.Names {
		l, problems := Load(sample(t, name))
		for _, p := range problems {
			t.Errorf("%s: %s", name, p)
		}
		if l == nil {
			continue
		}
		if l.App != name {
			t.Errorf("folder %s holds the app %s", name, l.App)
		}
		if got := l.Languages(); len(got) != 4 {
			t.Errorf("%s has texts in %v; four languages are promised", name, got)
		}
	}
}

// The processes of the samples do what they say, step by step: testdata/steps has the
// scripts, <app>.<story>.steps.
func TestSamplesRun(t *testing.T) {
	scripts, err := filepath.Glob("testdata/steps/*.steps")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	models := map[string]string{"service-desk": "incident", "leave": "leave", "purchase": "purchase"}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".steps")
		t.Run(name, func(t *testing.T) {
			app, _, _ := strings.Cut(name, ".")
			var out strings.Builder
			status, err := dryrun.Load("../../apps/"+app+"/processes/"+models[app]+".bpmn").Run(dryrun.Options{Steps: script, JSON: true}, &out)
			if err != nil || status != 0 {
				t.Errorf("status %d, error %v\n%s", status, err, out.String())
			}
		})
	}
}
