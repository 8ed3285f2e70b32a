package dbtest

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const childKind = "PACELINE_DBTEST_CHILD"

// TestChild is the process that TestServerDiesWithItsProcess kills.
func TestChild(t *testing.T) {
	kind := os.Getenv(childKind)
	if kind == "" {
		t.Skip("only as a child process")
	}
	s, err := Start(kind, Options{})
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("directory " + s.dir + "\n")
	select {}
}

func TestServerDiesWithItsProcess(t *testing.T) {
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			if _, err := find(kinds[kind]); err != nil {
				lacking(t, err)
			}
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
			child.Env = append(os.Environ(), childKind+"="+kind)
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			dir := ""
			for lines := bufio.NewScanner(out); dir == "" && lines.Scan(); {
				if d, ok := strings.CutPrefix(lines.Text(), "directory "); ok {
					dir = d
				}
			}
			if _, err := os.Stat(dir); err != nil {
				t.Fatal(err)
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait() // killed
			gone(t, dir)
		})
	}
}

func TestStop(t *testing.T) {
	s := Own(t, "mariadb", Options{})
	if s.CPU() == 0 {
		t.Error("a server that started has spent nothing")
	}
	s.Stop()
	s.Stop()
	gone(t, s.dir)
}

// gone waits until the files of a server are removed, which happens after it ended.
func gone(t *testing.T, dir string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		_, err := os.Stat(dir)
		if os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there", dir)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestRestart(t *testing.T) {
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			o := Options{Fsync: true}
			if kind == "postgres" {
				o.Listen = "127.0.0.1"
			}
			s := Own(t, kind, o)
			dsn, _, err := s.Create(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			d := OpenDSN(t, dsn)
			before, err := d.Incarnation(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
			if after, err := OpenDSN(t, dsn).Incarnation(t.Context()); err != nil || after != before {
				t.Errorf("%q before, %q after: %v", before, after, err)
			}
		})
	}
}
