package agent

import (
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// ownGroup keeps what a console sends to the Agent from its children.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
}

// killGroup has nothing to do: what a process starts here ends with its pipes.
func killGroup(int) {}

func alive(pid int) bool {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h)
	state, err := windows.WaitForSingleObject(h, 0)
	return err == nil && state == uint32(windows.WAIT_TIMEOUT)
}

// terminate leaves a file that the process looks for: there is no signal.
func terminate(_ *os.Process, file string) error { return os.WriteFile(file, nil, 0o600) }

// watchStop closes the channel when the file is there. It runs as long as the process.
func watchStop(file string, stop chan struct{}) {
	_ = os.Remove(file) // of the process before
	go func() {
		for {
			if _, err := os.Stat(file); err == nil {
				close(stop)
				return
			}
			time.Sleep(200 * time.Millisecond)
		}
	}()
}
