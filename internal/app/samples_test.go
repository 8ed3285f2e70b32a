package app

import (
	"testing"

	"github.com/paceline/paceline/apps"
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
