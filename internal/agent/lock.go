package agent

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/paceline/paceline/internal/config"
)

// errHeld says that another process holds a lock.
var errHeld = errors.New("another process holds the lock")

// lock takes the lock of a file. The system gives it back when the process ends, however
// that happens: who finds it free knows that nothing of its last holder runs any more.
func lock(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// lockPatiently takes a lock that somebody may be looking at.
func lockPatiently(path string) (f *os.File, err error) {
	for range 50 {
		if f, err = lock(path); !errors.Is(err, errHeld) {
			return f, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, err
}

// held says whether a living process holds the lock.
func held(path string) bool {
	f, err := lock(path)
	if err != nil {
		return errors.Is(err, errHeld)
	}
	_ = f.Close() // gives it back
	return false
}

// The files that a role's process and the Agent share.
func runFile(dir config.Dir, role config.Role, end string) string {
	return filepath.Join(string(dir), "run", string(role)+end)
}

func lockPath(dir config.Dir, role config.Role) string   { return runFile(dir, role, ".lock") }
func reportPath(dir config.Dir, role config.Role) string { return runFile(dir, role, ".json") }
func stopPath(dir config.Dir, role config.Role) string   { return runFile(dir, role, ".stop") }
