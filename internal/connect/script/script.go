// Package script computes with JavaScript in a process of its own.
//
// What always holds:
//
//   - A script sees its variables and the language, nothing else: no files, no network, no
//     environment, no other script. What it leaves behind ends with its process.
//   - Time, memory and the size of the answer are bounded. A loop, a pattern or one huge
//     value costs its process and nobody else's; that is why it is not run in ours.
//
// A Sandbox starts the processes. Each is this very program, called with the Command of
// the Config, and that command does nothing but Serve.
package script

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Config of a Sandbox. The zero value of a field stands for its default.
type Config struct {
	Command  []string      `yaml:"-"`        // starts a process that calls Serve
	Timeout  time.Duration `yaml:"timeout"`  // of one script; 5 s
	Memory   int           `yaml:"memory"`   // of one script, in MB; 128
	Parallel int           `yaml:"parallel"` // processes at the same time; 4
}

// Bounds of what goes in and out, in bytes.
const (
	inMost  = 9 << 20
	outMost = 1 << 20
)

// Sandbox runs scripts. It is safe for use by many goroutines.
type Sandbox struct {
	cfg   Config
	slots chan struct{}
}

// New makes a Sandbox; cfg.Command has to be there.
func New(cfg Config) *Sandbox {
	cfg.Timeout = cmp.Or(cfg.Timeout, 5*time.Second)
	cfg.Memory = cmp.Or(cfg.Memory, 128)
	cfg.Parallel = cmp.Or(cfg.Parallel, 4)
	return &Sandbox{cfg: cfg, slots: make(chan struct{}, cfg.Parallel)}
}

// task is what a process is told.
type task struct {
	Source  string          `json:"source"`
	Vars    json.RawMessage `json:"vars"` // an object
	Timeout time.Duration   `json:"timeout"`
	Memory  int             `json:"memory"` // MB
}

// Result is what a script has brought forth.
type Result struct {
	Value    json.RawMessage            `json:"value,omitempty"` // of its return, else of its last statement; absent: undefined
	Returned bool                       `json:"returned"`        // by return
	Set      map[string]json.RawMessage `json:"set,omitempty"`   // by execution.setVariable
	Failure  *Failure                   `json:"failure,omitempty"`
}

// Failure is the error of a script that would fail again.
type Failure struct {
	Code    string `json:"code,omitempty"` // of a BpmnError that it threw
	Message string `json:"message"`
}

func (f *Failure) Error() string { return f.Message }

// Run runs a script on variables, given as a JSON object. A *Failure is the script's own
// fault; every other error is not.
func (s *Sandbox) Run(ctx context.Context, source string, vars []byte) (res Result, err error) {
	in, err := json.Marshal(task{Source: source, Vars: vars, Timeout: s.cfg.Timeout, Memory: s.cfg.Memory})
	if err != nil {
		return res, err
	}
	if len(in) > inMost {
		return res, &Failure{Message: fmt.Sprintf("script and variables have %d MB, at most %d are taken", len(in)>>20, inMost>>20)}
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return res, ctx.Err()
	}
	out, err := s.start(ctx, in)
	if err != nil {
		return res, err
	}
	if err := json.Unmarshal(out, &res); err != nil {
		return res, fmt.Errorf("the script's process gave no answer: %w", err)
	}
	if res.Failure != nil {
		return res, res.Failure
	}
	return res, nil
}

// grace is what a process may need beside the script.
const grace = 5 * time.Second

// start runs one process to its end. It ends itself in time; the context is for one that
// cannot.
func (s *Sandbox) start(ctx context.Context, in []byte) ([]byte, error) {
	limit, cancel := context.WithTimeout(ctx, s.cfg.Timeout+grace)
	defer cancel()
	out, complaint := &bounded{most: outMost + 4096}, &bounded{most: 4096}
	cmd := exec.CommandContext(limit, s.cfg.Command[0], s.cfg.Command[1:]...)
	cmd.Args[0] = os.Args[0] // the name that this program was called by
	cmd.Env = []string{"GOMAXPROCS=2", "GOTRACEBACK=none"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), out, complaint
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err == nil:
		return out.Bytes(), nil
	case errors.As(err, &exit) && exit.ExitCode() == exitTime, limit.Err() != nil:
		return nil, &Failure{Message: fmt.Sprintf("the script did not end within %s", s.cfg.Timeout)}
	case errors.As(err, &exit) && exit.ExitCode() == exitMemory:
		return nil, &Failure{Message: fmt.Sprintf("the script needs more than %d MB of memory", s.cfg.Memory)}
	case errors.As(err, &exit) && exit.ExitCode() == exitCrash:
		return nil, &Failure{Message: "the script has broken its process: " + complaint.line()}
	}
	return nil, fmt.Errorf("the script's process failed: %w: %s", err, complaint.line())
}

// bounded keeps the first bytes that are written to it and drops the rest.
type bounded struct {
	bytes.Buffer
	most int
}

// Write never fails, so that the process is not held up.
func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, b.most-b.Len()))])
	return len(p), nil
}

func (b *bounded) line() string {
	line, _, _ := bytes.Cut(b.Bytes(), []byte("\n"))
	return string(line)
}
