//go:build unix

package cluster

import "golang.org/x/sys/unix"

// freeBytes are those that a process without privileges may still use.
func freeBytes(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil
}
