package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// child is a part that runs. It answers each line with a line.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// newChild starts a part and reads its first line, which is its address.
func newChild(ctx context.Context, p part) (c *child, first string, err error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, "", err
	}
	c = &child{cmd: exec.CommandContext(ctx, "/proc/self/exe")}
	c.cmd.Env, c.cmd.Stderr = append(os.Environ(), scaleEnv+"="+string(text)), os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, "", err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, "", err
	}
	first, err = c.line()
	return c, first, err
}

func (c *child) line() (string, error) {
	text, err := c.out.ReadString('\n')
	return strings.TrimSpace(text), err
}

// ask sends a line and reads the answer.
func (c *child) ask(into any) error {
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		return err
	}
	text, err := c.line()
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), into)
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// end lets the part stop in good order.
func (c *child) end() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

// serveLines says the first line, and answers each line of the parent until there are no more.
func serveLines(first string, answer func() any) error {
	fmt.Println(first)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		text, err := json.Marshal(answer())
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	}
	return nil
}

// cpuOf is the processor time of a process, with its threads.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100) // USER_HZ is 100 on Linux
}
