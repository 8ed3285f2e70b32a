//go:build !windows

package agent

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup keeps what a terminal sends to the Agent from its children, and lets all
// that a child starts be ended with it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends what is left of the process group that the process led.
func killGroup(pid int) {
	if pid > 1 {
		_ = syscall.Kill(-pid, syscall.SIGKILL) // nothing may be left
	}
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// terminate asks the process to finish what it has and end.
func terminate(p *os.Process, _ string) error { return p.Signal(syscall.SIGTERM) }

// watchStop has nothing to do: there are signals.
func watchStop(string, chan struct{}) {}
