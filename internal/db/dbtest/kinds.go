package dbtest

import (
	"net"
	"os/exec"
	"path/filepath"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
)

var postgresKind = kind{
	programs: []string{"postgres", "initdb"},
	user:     "postgres",
	signal:   "QUIT",
	cure:     "install the package postgresql",
	files: func(programs []string, dir string) *exec.Cmd {
		return exec.Command(programs[1], "-D", dir, "-U", "paceline", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	},
	command: func(programs []string, data string, s *Server, o Options) []string {
		host, _, _ := net.SplitHostPort(s.tcp) // else none
		args := []string{programs[0], "-D", data, "-k", s.dir, "-c", "listen_addresses=" + host, "-c", "port=" + s.port(), "-c", "max_connections=200", "-c", "shared_buffers=128MB", "-c", "max_wal_size=4GB", "-c", "deadlock_timeout=100ms"}
		if !o.Fsync {
			args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
		}
		return args
	},
	admin: func(s *Server) (string, string) { return "pgx", postgresAddress(s) },
	// A schema is made and dropped in milliseconds, a database in a third of a second.
	create: "CREATE SCHEMA %s",
	drop:   "DROP SCHEMA %s CASCADE",
	dsn: func(s *Server, schema string) string {
		if s.tcp != "" {
			return "postgres://paceline@" + s.tcp + "/postgres?sslmode=disable&search_path=" + schema
		}
		return postgresAddress(s) + "&search_path=" + schema
	},
}

func postgresAddress(s *Server) string {
	return "postgres://paceline@/postgres?host=" + s.dir + "&port=" + s.port()
}

// port names the socket of PostgreSQL, too.
func (s *Server) port() string {
	if _, port, err := net.SplitHostPort(s.tcp); err == nil {
		return port
	}
	return "5432"
}

var mariadbKind = kind{
	programs: []string{"mariadbd", "mariadb-install-db"},
	user:     "mysql",
	signal:   "KILL",
	cure:     "install the package mariadb-server",
	files: func(programs []string, dir string) *exec.Cmd {
		return exec.Command(programs[1], "--no-defaults", "--datadir="+dir, "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=32M")
	},
	command: func(programs []string, data string, s *Server, o Options) []string {
		args := []string{programs[0], "--no-defaults", "--datadir=" + data, "--socket=" + socket(s.dir), "--pid-file=" + filepath.Join(s.dir, "pid"), "--skip-networking",
			"--innodb-log-file-size=32M", "--innodb-buffer-pool-size=128M", "--max-connections=200", "--skip-name-resolve"}
		if !o.Fsync {
			args = append(args, "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--skip-innodb-doublewrite")
		}
		return args
	},
	admin: func(s *Server) (string, string) { return "mysql", "root@unix(" + socket(s.dir) + ")/" },
	dsn: func(s *Server, database string) string {
		return "mysql://root@/" + database + "?socket=" + socket(s.dir)
	},
	create: "CREATE DATABASE %s",
	drop:   "DROP DATABASE %s",
}

func socket(dir string) string { return filepath.Join(dir, "socket") }
