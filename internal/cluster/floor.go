package cluster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/paceline/paceline/internal/errs"
)

// floor is the highest epoch that this node ever saw, in the database or from others. A
// database that was set back to an earlier state knows only lower ones; epochs go on
// from the floor nevertheless, so nobody's word of today is older than one of yesterday.
type floor struct {
	path string // of the file that outlives the process; empty: none

	mu    sync.Mutex // guards the rest, and the file
	epoch int64
}

// load reads the file, if there is one.
func (f *floor) load() (err error) {
	defer errs.Wrap(&err, "cluster.floor")
	if f.path == "" {
		return nil
	}
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	epoch, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || epoch < 0 {
		return errs.New(errs.Invalid, "%s does not hold an epoch", f.path).WithCure("delete it; it is written again")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch = max(f.epoch, epoch)
	return nil
}

func (f *floor) get() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epoch
}

// raise keeps epoch if it is the highest.
func (f *floor) raise(epoch int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if epoch <= f.epoch {
		return nil
	}
	f.epoch = epoch
	if f.path == "" {
		return nil
	}
	return replaceFile(f.path, strconv.FormatInt(epoch, 10)+"\n")
}

// replaceFile leaves the old text or the new one behind, whenever the machine dies.
func replaceFile(path, text string) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // after the rename there is nothing of that name
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
