package dbtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Freeze stops the server's processes where they are, as a machine does whose disk or
// host stalls, and returns when every thread stands still. Thaw lets them go on.
func (s *Server) Freeze() error {
	if err := s.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for end := time.Now().Add(10 * time.Second); !s.frozen(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			return errors.New("the server does not stand still")
		}
	}
	return nil
}

// frozen says whether every thread of the server is stopped; one that has ended is.
func (s *Server) frozen() bool {
	for _, pid := range descendants(s.cmd.Process.Pid) {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, file := range threads {
			text, err := os.ReadFile(file)
			if _, state, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " "); err == nil && !strings.HasPrefix(state, "T") && !strings.HasPrefix(state, "Z") {
				return false
			}
		}
	}
	return true
}

// Thaw lets a frozen server go on.
func (s *Server) Thaw() error { return s.signal(syscall.SIGCONT) }

// signal reaches the server and what it has started, but not the shell that supervises it.
func (s *Server) signal(sig syscall.Signal) error {
	var failed []error
	for _, pid := range descendants(s.cmd.Process.Pid) {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// Restart ends the server at once, as a crash does, starts it again and returns when it
// answers.
func (s *Server) Restart() error {
	before := descendants(s.cmd.Process.Pid)
	if _, err := s.stdin.Write([]byte("again\n")); err != nil {
		return err
	}
	for end := time.Now().Add(10 * time.Second); slices.ContainsFunc(before, runs); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return errors.New("the server does not end")
		}
	}
	return s.ready(30 * time.Second)
}

func runs(pid int) bool { return syscall.Kill(pid, 0) == nil }

// open takes a free port at a host and lets everybody in who can reach it.
func (s *Server) open(data, host string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return err
	}
	s.tcp = l.Addr().String()
	l.Close()
	return os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte("local all all trust\nhost all all all trust\n"), 0o600)
}
