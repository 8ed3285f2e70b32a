package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
)

// server runs a server and gives its address, and what stops it.
func server(t *testing.T, sh *shell, args ...string) (address string, stop func()) {
	t.Helper()
	cmd := sh.command("", append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	out, err := cmd.StdoutPipe()
	check(t, err)
	var log bytes.Buffer
	cmd.Stderr = &log
	check(t, cmd.Start())
	stop = func() {
		t.Helper()
		check(t, cmd.Process.Signal(syscall.SIGTERM))
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server did not stop in good order: %v\n%s", err, log.String())
		}
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), " serves "); ok {
			go io.Copy(io.Discard, out)
			return address, stop
		}
	}
	t.Fatalf("the server did not come up\n%s", log.String())
	return "", nil
}

// bulk writes many rows, so that a move takes long enough to be killed in it.
func bulk(t *testing.T, dsn string) {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{DSN: dsn})
	check(t, err)
	defer d.Close()
	const many, group = 20000, 500
	for i := 0; i < many; i += group {
		var claims []db.Claim
		for j := range group {
			claims = append(claims, db.Claim{Key: fmt.Sprintf("move %06d", i+j), Hash: "x", Answer: bytes.Repeat([]byte{byte(j)}, 100)})
		}
		check(t, d.Commit(t.Context(), []*db.Change{{Claims: claims}})[0])
	}
}

// TestMigrateGoesRoundTheDatabases moves a server's data from SQLite to PostgreSQL, to
// MariaDB and to SQLite again. Each move is killed once, and a server starts in no half.
func TestMigrateGoesRoundTheDatabases(t *testing.T) {
	sh := newShell(t)
	sh.env = append(sh.env, "PACELINE_ADMIN_PASSWORD=a long enough word")
	data := t.TempDir()
	address, stop := server(t, sh, "--data", data)
	sh.must("a long enough word\n", "login", address, "-u", "admin")
	sh.must("", "group", "add", "Movers")
	target := dbtest.DSN(t, "postgres")
	if r := sh.run("", "migrate", "--data", data, "--to", target); r.code != exitConflict || !strings.Contains(r.err, "still works on the source") {
		t.Errorf("while the server runs: %+v", r)
	}
	stop()
	bulk(t, "sqlite:"+filepath.Join(data, "paceline.db"))

	last := "sqlite:" + filepath.Join(t.TempDir(), "moved.db")
	var tables []db.Copied
	from := ""
	for _, to := range []string{target, dbtest.DSN(t, "mariadb"), last} {
		args := []string{"migrate", "--data", data, "--to", to}
		if from != "" {
			args = append(args, "--from", from)
		}
		killOnce(t, sh, args)
		if r := sh.run("", "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--db", to); r.code == exitDone || !strings.Contains(r.err, "has not finished") {
			t.Errorf("a server on a half: %+v", r)
		}
		var done struct{ Tables []db.Copied }
		sh.json(&done, args...)
		if tables != nil && !slices.Equal(done.Tables, tables) {
			t.Errorf("%v became %v", tables, done.Tables)
		}
		from, tables = to, done.Tables
	}

	address, stop = server(t, sh, "--data", t.TempDir(), "--db", last)
	sh.must("a long enough word\n", "login", address, "-u", "admin")
	if groups := sh.must("", "group", "list"); !strings.Contains(groups, "Movers") {
		t.Errorf("what was made before the moves is not there: %s", groups)
	}
	stop()
	if r := sh.run("", "migrate", "--data", data, "--to", last); r.code != exitConflict || !strings.Contains(r.err, "not empty") {
		t.Errorf("into a database with data: %+v", r)
	}
}

// killOnce runs a move and kills it as soon as it copies.
func killOnce(t *testing.T, sh *shell, args []string) {
	t.Helper()
	cmd := sh.command("", args...)
	said, err := cmd.StderrPipe()
	check(t, err)
	check(t, cmd.Start())
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.Contains(lines.Text(), "copied") {
	}
	check(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Error("the move was done before it was killed")
	}
}
