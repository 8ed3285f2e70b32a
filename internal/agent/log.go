package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Log is a file that is put aside when it is full: name.log becomes name.log.1, that
// name.log.2, and the oldest goes. It has one writer, the process of a role.
type Log struct {
	path string
	most int64 // bytes of one file
	keep int   // files put aside

	mu   sync.Mutex // guards the rest
	file *os.File
	size int64
}

// How much of a role's log is kept unless its caller says otherwise.
const (
	LogSize = 32 << 20 // bytes of a file
	LogKeep = 5        // files beside the one being written
)

// OpenLog opens the file for appending.
func OpenLog(path string, most int64, keep int) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	l := &Log{path: path, most: most, keep: keep}
	return l, l.open()
}

func (l *Log) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write appends one record, which is never split between two files.
func (l *Log) Write(record []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return 0, fs.ErrClosed
	}
	if l.size > 0 && l.size+int64(len(record)) > l.most {
		if err := l.turn(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(record)
	l.size += int64(n)
	return n, err
}

// turn puts the file aside and begins another.
func (l *Log) turn() error {
	if err := l.file.Close(); err != nil {
		return err
	}
	l.file = nil
	for i := l.keep; i > 0; i-- {
		from := l.path
		if i > 1 {
			from = fmt.Sprintf("%s.%d", l.path, i-1)
		}
		if err := os.Rename(from, fmt.Sprintf("%s.%d", l.path, i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, l.open())
		}
	}
	if l.keep == 0 {
		if err := os.Remove(l.path); err != nil {
			return err
		}
	}
	return l.open()
}

// Close ends the writing.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
