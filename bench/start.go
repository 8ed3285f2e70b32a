package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// startUp measures a server as a new user meets it: how large the program is, how
// soon it serves, what it holds in memory when nothing happens.
func startUp(ctx context.Context, binary string) error {
	info, err := os.Stat(binary)
	if err != nil {
		return fmt.Errorf("%w: build it with make build", err)
	}
	dir, err := os.MkdirTemp("", "paceline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	first, _, err := serveOnce(ctx, binary, dir, 0)
	if err != nil {
		return err
	}
	again, resident, err := serveOnce(ctx, binary, dir, 5*time.Second)
	if err != nil {
		return err
	}
	fmt.Printf("\nstart on SQLite\n\n| what | figure | limit |\n|---|--:|--:|\n")
	fmt.Printf("| first start to ready, with a new database | %d ms | |\n", first.Milliseconds())
	fmt.Printf("| start to ready | %d ms | 500 ms |\n", again.Milliseconds())
	fmt.Printf("| resident memory, idle | %.0f MB | 80 MB |\n", float64(resident)/(1<<20))
	fmt.Printf("| program | %.0f MB | 60 MB |\n", float64(info.Size())/(1<<20))
	return nil
}

// serveOnce starts a server, lets it stand for a while and stops it.
func serveOnce(ctx context.Context, binary, dir string, idle time.Duration) (ready time.Duration, resident int64, err error) {
	cmd := exec.CommandContext(ctx, binary, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if !strings.Contains(lines.Text(), "http://") {
			continue
		}
		ready = time.Since(began)
		time.Sleep(idle)
		resident, err = residentBytes(cmd.Process.Pid)
		return ready, resident, err
	}
	return 0, 0, fmt.Errorf("%s ended before it served", binary)
}

func residentBytes(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var size, pages int64
	_, err = fmt.Sscan(string(text), &size, &pages)
	return pages * int64(os.Getpagesize()), err
}
