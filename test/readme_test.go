package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/db/dbtest"
)

// TestReadmeDoesWhatItSays runs the README's blocks as a new user would, against a demo
// server: the curl lines and the commands each take a ticket to closed.
func TestReadmeDoesWhatItSays(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "paceline"), "../cmd/paceline").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	s := startServer(t, serverDSN+"="+dbtest.DSN(t, "sqlite"), serverData+"="+t.TempDir(), serverPassword+"=paceline demo")
	ran := 0
	for _, m := range regexp.MustCompile("(?s)\n## ([^\n]*)\n[^#]*?```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		title, block := m[1], m[2]
		want, runs := map[string]string{
			"A ticket from report to closed, with curl": `"kind":"taskCompleted","detail":{"outcome":"confirm"}`,
			"The same from the command line":            "closed",
			"Try a model without a server":              "[2.50,5.00,7.50]",
		}[title]
		if !runs {
			continue
		}
		ran++
		cmd := exec.Command("bash", "-eu", "-c", strings.ReplaceAll(block, "/tmp/", t.TempDir()+"/"))
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "PACELINE_URL="+s.url, "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(strings.ReplaceAll(string(out), ", ", ","), want) {
			t.Errorf("%s: %v, looking for %s in\n%s", title, err, want, out)
		}
	}
	if ran != 3 {
		t.Errorf("%d blocks were found, want 3", ran)
	}
}
