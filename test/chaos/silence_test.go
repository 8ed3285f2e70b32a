package chaos

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/demo"
	"github.com/paceline/paceline/internal/errs"
)

// silentDSN makes the test binary the program that TestASilentDatabaseIsGivenUp runs on a host.
const silentDSN = "PACELINE_TEST_SILENT_DSN"

// TestMain plays that program: it connects, and asks once more when it is told to.
func TestMain(m *testing.M) {
	dsn, plays := os.LookupEnv(silentDSN)
	if !plays {
		os.Exit(m.Run())
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d, err := db.Open(ctx, db.Config{DSN: dsn})
	if err == nil {
		err = d.Ping(ctx)
	}
	fmt.Println("connected", err)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	var n int
	err = d.QueryRow(ctx, "SELECT 1").Scan(&n)
	fmt.Println(errs.KindOf(err), "in time", ctx.Err() == nil)
}

// A connection to a database that was cut without a packet that says so is given up after
// seconds. TCP alone would send again for a quarter of an hour.
func TestASilentDatabaseIsGivenUp(t *testing.T) {
	n, err := demo.NewNetwork(t.Context())
	if errs.Is(err, errs.Unsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	c, err := demo.New(t.Context(), demo.Plan{Dir: filepath.Join(t.TempDir(), "c"), Boosters: 1, Network: n})
	if err != nil {
		t.Fatal(err)
	}
	dsn, _, err := dbtest.Own(t, "postgres", dbtest.Options{Listen: n.Address(demo.Outside)}).Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "ip", "netns", "exec", c.Hosts[0].Space, os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), silentDSN+"="+dsn), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "connected <nil>" {
		t.Fatal(lines.Text())
	}
	if err := n.Cut(t.Context(), c.Hosts[0].Name, demo.Outside); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "unavailable in time true") {
		t.Error("it says ", lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
