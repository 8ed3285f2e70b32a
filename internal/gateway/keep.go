package gateway

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/paceline/paceline/internal/errs"
)

const (
	tableFile    = "table.yaml"
	maxTableFile = 64 << 20
)

// keeper holds the last table in a file, which is replaced as a whole: after a power cut
// there is the old one or the new one. Without a directory it keeps nothing.
type keeper struct{ dir string }

func (k keeper) save(t Table) (err error) {
	defer errs.Wrap(&err, "keep the routing table")
	if k.dir == "" {
		return nil
	}
	text, err := yaml.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	return replaceFile(filepath.Join(k.dir, tableFile), text)
}

// load gives the kept table; found is false when there is none.
func (k keeper) load() (t Table, found bool, err error) {
	defer errs.Wrap(&err, "load the kept routing table")
	if k.dir == "" {
		return t, false, nil
	}
	f, err := os.Open(filepath.Join(k.dir, tableFile))
	if errors.Is(err, fs.ErrNotExist) {
		return t, false, nil
	}
	if err != nil {
		return t, false, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTableFile))
	if err != nil {
		return t, false, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&t); err != nil {
		return Table{}, false, err
	}
	return t, true, t.Check()
}

// replaceFile writes a file that only its owner can read, and puts it in place once it
// is on the disk.
func replaceFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	// Directories cannot be synced everywhere; where they can, the rename is safe now.
	_ = dir.Sync()
	return dir.Close()
}
