package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/join"
)

// Four commands make a cluster of two hosts: init, start, token create, join.
func TestFourCommandsMakeACluster(t *testing.T) {
	sh := newShell(t)
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	port := threePorts(t)
	booster := "127.0.0.1:" + port

	var made join.Founded
	sh.json(&made, "cluster", "init", "--data", first, "--name", "first", "--advertise", booster, "--role", "center")
	if made.Name != "first" || made.Booster != booster || !made.Alone {
		t.Fatalf("%+v", made)
	}
	if r := sh.run("", "cluster", "init", "--data", first, "--name", "first", "--advertise", booster); r.code == exitDone {
		t.Error("a cluster is made twice")
	}
	agent := sh.command("", "start", "booster", "--data", first)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	agent.Stdout, agent.Stderr = log, log
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = agent.Process.Signal(os.Interrupt)
		_ = agent.Wait()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("%s", text)
		}
	})

	var token client.JoinToken
	sh.json(&token, "token", "create", "--data", first, "--role", "application", "--ttl", "10m")
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		r := sh.run("", "join", "--booster", booster, "--token", token.Token, "--data", second, "--name", "second")
		if r.code == exitDone {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("cannot join: %s", r.err)
		}
	}
	if r := sh.run("", "join", "--booster", booster, "--token", token.Token, "--data", second+"2", "--name", "third"); r.code != exitDenied || !strings.Contains(r.err, "has been used") {
		t.Errorf("a token is used twice: exit %d %s", r.code, r.err)
	}
	for _, file := range []string{"host.yaml", "settings.sealed", "pki/cert.pem", "pki/key.pem", "pki/ca.pem"} {
		if _, err := os.Stat(filepath.Join(second, file)); err != nil {
			t.Error(err)
		}
	}
}

// threePorts finds a port that is free together with the two after it.
func threePorts(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		free := true
		for next := port + 1; next <= port+2; next++ {
			n, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(next)))
			if free = free && err == nil; err == nil {
				_ = n.Close()
			}
		}
		_ = l.Close()
		if free {
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no three ports in a row are free")
	return ""
}
