package dbtest

import (
	"errors"
	"syscall"
)

// Freeze stops the server's processes where they are, as a machine does whose disk or
// host stalls. Thaw lets them go on.
func (s *Server) Freeze() error { return s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() error { return s.signal(syscall.SIGCONT) }

// signal reaches the server and what it has started, but not the shell that supervises it.
func (s *Server) signal(sig syscall.Signal) error {
	var failed []error
	for todo := children(s.cmd.Process.Pid); len(todo) > 0; {
		pid := todo[0]
		todo = append(todo[1:], children(pid)...)
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
