package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/paceline/paceline/internal/db"
)

// reading is what has been used up to a moment.
type reading struct {
	ourCPU   time.Duration // of this process
	theirCPU time.Duration // of the processes it has started: the database server
	wal      int64         // bytes; PostgreSQL only
	trips    int64
	groups   int64
	allocs   uint64
	bytes    uint64
}

func (r reading) minus(b reading) reading {
	return reading{
		ourCPU: r.ourCPU - b.ourCPU, theirCPU: r.theirCPU - b.theirCPU, wal: r.wal - b.wal,
		trips: r.trips - b.trips, groups: r.groups - b.groups, allocs: r.allocs - b.allocs, bytes: r.bytes - b.bytes,
	}
}

// meter reads what a database and this process use.
type meter struct {
	db  *db.DB
	wal bool
}

func (m meter) read(ctx context.Context) (reading, error) {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return reading{}, err
	}
	stats := m.db.Stats()
	r := reading{
		ourCPU:   time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		theirCPU: childrenCPU(os.Getpid()), trips: stats.RoundTrips, groups: stats.Groups, allocs: mem.Mallocs, bytes: mem.TotalAlloc,
	}
	if !m.wal {
		return r, nil
	}
	return r, m.db.QueryRow(ctx, "SELECT CAST(pg_current_wal_insert_lsn() - '0/0' AS BIGINT)").Scan(&r.wal)
}

// childrenCPU adds up the processor time of all descendants of a process, in the
// hundredths of a second that the kernel counts them in.
func childrenCPU(root int) time.Duration {
	type process struct{ parent, ticks int }
	all := map[int]process{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		parent, _ := strconv.Atoi(fields[1])
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		all[pid] = process{parent, user + system}
	}
	ticks := 0
	for pid, p := range all {
		for up := p.parent; up > 1; up = all[up].parent {
			if up == root && pid != root {
				ticks += p.ticks
				break
			}
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
