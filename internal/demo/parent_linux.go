package demo

import (
	"os/exec"
	"syscall"
)

// detach keeps the terminal's signals from a process. The system ends a bound one in good order when this
// program has died.
func detach(cmd *exec.Cmd, bound bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if bound {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	}
}
