package test

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/node"
)

// The test binary is the server too: with serverDSN in its environment it serves the
// sample apps until it is killed. So the server is built as the tests are, with the race
// detector, and can be given a front that real ones do not have.
const (
	serverDSN   = "PACELINE_TEST_SERVER_DSN"
	serverData  = "PACELINE_TEST_SERVER_DATA"
	serverFront = "PACELINE_TEST_SERVER_FRONT" // see apartFront

	serverPassword = "PACELINE_TEST_SERVER_PASSWORD" // of everybody; empty: password
	password       = "paceline test"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverDSN) != "" {
		if err := serve(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serve runs one node and says on standard output where it listens.
func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg := node.Defaults()
	cfg.Name, cfg.Listen, cfg.Data = "crash", "127.0.0.1:0", config.Dir(os.Getenv(serverData))
	everybody := cmp.Or(os.Getenv(serverPassword), password)
	cfg.DB.DSN, cfg.Admin.Password = os.Getenv(serverDSN), everybody
	n, err := node.New(ctx, cfg)
	if err != nil {
		return err
	}
	return n.Run(ctx, func() {
		if err := n.Samples(ctx, everybody); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		addr := n.Addr().String()
		if file := os.Getenv(serverFront); file != "" {
			addr = apartFront(addr, file)
		}
		fmt.Println("serving", addr)
	})
}

// server is a node in a process of its own.
type server struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
}

// startServer starts a node and waits until it serves.
func startServer(t *testing.T, env ...string) *server {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, cmd: exec.Command(self)}
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "serving "); ok {
			s.url = "http://" + addr
			return s
		}
	}
	t.Fatalf("the server ended before it served: %v", s.cmd.Wait())
	return nil
}

// kill ends the process as a power cut would.
func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// signIn gives a client of the server, which repeats nothing by itself.
func (s *server) signIn(login string) *client.Client {
	s.t.Helper()
	first, err := client.New(client.Config{URL: s.url})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	if _, err := first.Login(ctx, login, password); err != nil {
		s.t.Fatal(err)
	}
	token, err := first.CreateToken(ctx, client.NewToken{Name: "load", Scopes: []string{"write"}})
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := client.New(client.Config{
		URL: s.url, Token: token.Secret, Retries: -1,
		HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}
