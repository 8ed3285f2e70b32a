package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Options of a server.
type Options struct {
	Fsync bool // commits reach the disk; for benchmarks, and tests that kill the server
	// Listen is an address at which the server is reached beside its socket, on a free port, by
	// whoever can: PostgreSQL only. Empty: the socket only.
	Listen string
}

// Server is a running database server.
type Server struct {
	kind   kind
	dir    string
	cmd    *exec.Cmd
	tcp    string         // host:port; empty: the socket only
	stdin  io.WriteCloser // the server ends when this closes, which our death does too
	serial atomic.Int64
}

// kind is how one kind of server is made and spoken to.
type kind struct {
	programs []string // to look for: the server first
	cure     string   // when one is missing
	user     string   // to run as when we are root
	signal   string   // that ends the server at once

	files   func(programs []string, dir string) *exec.Cmd                              // makes an empty data directory
	command func(programs []string, data string, s *Server, o Options) (args []string) // runs the server
	admin   func(s *Server) (driver, dsn string)                                       // to create databases with
	create  string                                                                     // statement, with the name for %s
	drop    string
	dsn     func(s *Server, database string) string
}

var kinds = map[string]kind{"postgres": postgresKind, "mariadb": mariadbKind}

// Start starts a server of kind postgres or mariadb. It takes less than four seconds,
// the very first time on a machine some more: the empty data directory is kept in the
// user's cache directory and copied from then on.
func Start(name string, o Options) (*Server, error) {
	k, ok := kinds[name]
	if !ok {
		return nil, fmt.Errorf("no server of kind %q: expected postgres or mariadb", name)
	}
	programs, err := find(k)
	if err != nil {
		return nil, err
	}
	who, err := account(k.user)
	if err != nil {
		return nil, err
	}
	template, err := template(name, k, programs)
	if err != nil {
		return nil, fmt.Errorf("make files of %s: %w", name, err)
	}
	dir, err := os.MkdirTemp("", "paceline-"+name+"-")
	if err != nil {
		return nil, err
	}
	s := &Server{kind: k, dir: dir}
	if err := s.start(template, programs, who, o); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		s.Stop()
		return nil, fmt.Errorf("start %s: %w\n%s", name, err, log)
	}
	return s, nil
}

// supervise runs the server until its own standard input ends, then ends the server
// and removes its files.
// Each line that it reads ends the server too, and starts it again.
const supervise = `dir=$1 signal=$2; shift 2
again=yes
while [ $again = yes ]; do
  "$@" >>"$dir/log" 2>&1 </dev/null & pid=$!
  read -r _ || again=no
  kill -"$signal" $pid; wait $pid
done
rm -rf "$dir"`

func (s *Server) start(template string, programs []string, who *syscall.Credential, o Options) error {
	data := filepath.Join(s.dir, "data")
	if err := copyTree(template, data); err != nil {
		return err
	}
	if o.Listen != "" {
		if err := s.open(data, o.Listen); err != nil {
			return err
		}
	}
	if who != nil {
		if err := giveTo(s.dir, who); err != nil {
			return err
		}
	}
	args := append([]string{"-c", supervise, "sh", s.dir, s.kind.signal}, s.kind.command(programs, data, s, o)...)
	s.cmd = exec.Command("/bin/sh", args...)
	s.cmd.Dir = s.dir
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: who}
	var err error
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	return s.ready(30 * time.Second)
}

// ready waits until the server answers.
func (s *Server) ready(limit time.Duration) error {
	pool, err := sql.Open(s.kind.admin(s))
	if err != nil {
		return err
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		err := pool.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Create makes an empty database; drop removes it, whoever is still connected.
func (s *Server) Create(ctx context.Context) (dsn string, drop func(context.Context) error, err error) {
	name := fmt.Sprintf("test%d", s.serial.Add(1))
	if err := s.admin(ctx, fmt.Sprintf(s.kind.create, name)); err != nil {
		return "", nil, err
	}
	return s.kind.dsn(s, name), func(ctx context.Context) error { return s.admin(ctx, fmt.Sprintf(s.kind.drop, name)) }, nil
}

func (s *Server) admin(ctx context.Context, text string) error {
	pool, err := sql.Open(s.kind.admin(s))
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.ExecContext(ctx, text)
	return err
}

// CPU is what the server's processes have spent so far, as far as they are still there.
// A nil Server has spent nothing.
func (s *Server) CPU() time.Duration {
	if s == nil {
		return 0
	}
	var ticks int64
	for _, pid := range descendants(s.cmd.Process.Pid) {
		ticks += cpuTicks(pid)
	}
	return time.Duration(ticks) * (time.Second / 100)
}

// descendants are the processes that a process has started, directly or not.
func descendants(pid int) []int {
	all := children(pid)
	for i := 0; i < len(all); i++ {
		all = append(all, children(all[i])...)
	}
	return all
}

func children(pid int) []int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	var pids []int
	for _, field := range strings.Fields(string(text)) {
		if n, err := strconv.Atoi(field); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// cpuTicks adds user and system time of a process and of its ended children.
func cpuTicks(pid int) (sum int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(text), ") ") // the name before may hold anything
	fields := strings.Fields(after)
	if len(fields) < 15 {
		return 0
	}
	for _, field := range fields[11:15] {
		n, _ := strconv.ParseInt(field, 10, 64)
		sum += n
	}
	return sum
}

// Stop ends the server at once and removes its files. It may be called twice.
func (s *Server) Stop() {
	if s.stdin == nil {
		os.RemoveAll(s.dir)
		return
	}
	s.stdin.Close()
	_ = s.cmd.Wait()
}

// find looks for the programs in the usual places of distributions.
func find(k kind) ([]string, error) {
	paths := make([]string, len(k.programs))
	for i, program := range k.programs {
		candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
		candidates = append(candidates, "/usr/sbin/"+program, "/usr/bin/"+program, "/usr/local/bin/"+program)
		if p, err := exec.LookPath(program); err == nil {
			candidates = append(candidates, p)
		}
		for _, c := range candidates {
			if info, err := os.Stat(c); err == nil && info.Mode()&0o111 != 0 {
				paths[i] = c // of several versions, the last PostgreSQL; else any
				break
			}
		}
		if paths[i] == "" {
			return nil, fmt.Errorf("%s is not installed: %s", program, k.cure)
		}
	}
	return paths, nil
}

// account finds whom to run as: servers refuse to run as root.
func account(name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("the server does not run as root, and %w", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// template makes the empty data directory once for all processes of the user.
func template(name string, k kind, programs []string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "paceline-dbtest")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	info, err := os.Stat(programs[0])
	if err != nil {
		return "", err
	}
	made := fmt.Sprint(info.ModTime(), k.files(programs, "").Args) // another version makes other files
	dir := filepath.Join(cache, fmt.Sprintf("%s-%08x", name, crc32.ChecksumIEEE([]byte(made))))
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	work, err := os.MkdirTemp("", "paceline-"+name+"-init-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := makeFiles(k, programs, work); err != nil {
		return "", err
	}
	half := dir + ".half"
	if err := os.RemoveAll(half); err != nil {
		return "", err
	}
	if err := copyTree(filepath.Join(work, "data"), half); err != nil {
		return "", err
	}
	return dir, os.Rename(half, dir)
}

func makeFiles(k kind, programs []string, work string) error {
	who, err := account(k.user)
	if err != nil {
		return err
	}
	if who != nil {
		if err := giveTo(work, who); err != nil {
			return err
		}
	}
	cmd := k.files(programs, filepath.Join(work, "data"))
	cmd.Dir = work
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func giveTo(dir string, who *syscall.Credential) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(who.Uid), int(who.Gid))
	})
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := to + strings.TrimPrefix(path, from)
		switch {
		case e.IsDir():
			return os.Mkdir(target, 0o700)
		case e.Type().IsRegular():
			return copyFile(path, target)
		}
		return nil
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
