package demo

import (
	"os/exec"
	"syscall"
)

// endWithParent has the system end a process in good order when this program has died.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}
