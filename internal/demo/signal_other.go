//go:build !unix

package demo

import (
	"os"

	"github.com/paceline/paceline/internal/errs"
)

func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

func freeze(int) error {
	return errs.New(errs.Unsupported, "this system has no way to freeze a process").WithCure("kill it")
}

func thaw(int) error { return nil }
