package main

import (
	"context"
	"runtime"
	"syscall"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
)

// reading is what has been used up to a moment.
type reading struct {
	ourCPU   time.Duration // of this process
	theirCPU time.Duration // of the database server
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
	db     *db.DB
	server *dbtest.Server // nil for SQLite
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
		theirCPU: m.server.CPU(), trips: stats.RoundTrips, groups: stats.Groups, allocs: mem.Mallocs, bytes: mem.TotalAlloc,
	}
	if m.server == nil {
		return r, nil
	}
	return r, m.db.QueryRow(ctx, "SELECT CAST(pg_current_wal_insert_lsn() - '0/0' AS BIGINT)").Scan(&r.wal)
}
