package test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
)

const (
	load      = 2000 // tickets
	clients   = 32
	killAfter = 700 // answers
)

// TestKilledServerLosesAndDoublesNothing kills the server with SIGKILL in the middle of
// a load, starts it again and repeats every request with its key.
func TestKilledServerLosesAndDoublesNothing(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			dsn := dbtest.DSN(t, kind)
			env := []string{serverDSN + "=" + dsn, serverData + "=" + t.TempDir()}
			got := killInTheMiddle(t, dsn, env)
			if got.stored != load || got.tasks != load || got.history != load || got.numbers != load {
				t.Errorf("%+v, want %d of everything", got, load)
			}
		})
	}
}

// TestAnswersKeptApartDoubleTickets shows that the test above can fail: with the same
// load, a front that keeps the answers by key outside the effect's transaction, as caches
// in front of servers do, lets the kill double what was committed but not yet kept.
func TestAnswersKeptApartDoubleTickets(t *testing.T) {
	dsn := dbtest.DSN(t, "sqlite")
	dir := t.TempDir()
	env := []string{serverDSN + "=" + dsn, serverData + "=" + dir, serverFront + "=" + dir + "/answers"}
	if got := killInTheMiddle(t, dsn, env); got.stored <= load {
		t.Errorf("%+v: nothing was doubled, so the load would not show a missing guarantee", got)
	}
}

// counted is what the database holds after everything was repeated.
type counted struct {
	stored, numbers, tasks, history int
}

func killInTheMiddle(t *testing.T, dsn string, env []string) counted {
	t.Helper()
	first := startServer(t, env...)
	answers := make([]atomic.Pointer[client.Opened], load)
	answered := openAll(t, first, answers, first.kill)
	if answered == load {
		t.Fatal("everything was answered before the kill: nothing is tested")
	}
	d, err := db.Open(t.Context(), db.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if between := count(t, d, "ticket"); between < answered {
		t.Errorf("%d requests were answered, %d are stored", answered, between)
	}

	second := startServer(t, env...)
	before := make([]*client.Opened, load)
	for i := range answers {
		before[i] = answers[i].Load()
	}
	if n := openAll(t, second, answers, nil); n != load {
		t.Errorf("%d of %d repeats were answered", n, load)
	}
	for i, was := range before {
		if now := answers[i].Load(); was != nil && now != nil && *now != *was {
			t.Errorf("request %d was answered %+v, and its repeat %+v", i, *was, *now)
		}
	}
	return counted{
		stored: count(t, d, "ticket"), numbers: count(t, d, "(SELECT DISTINCT number FROM ticket) n"),
		tasks: count(t, d, "task"), history: count(t, d, "history"),
	}
}

// openAll opens every ticket with its own key and says how many answers came. With
// kill, it is called once in the middle.
func openAll(t *testing.T, s *server, answers []atomic.Pointer[client.Opened], kill func()) int {
	t.Helper()
	c := s.signIn("staff1")
	var answered atomic.Int64
	var once sync.Once
	next := make(chan int)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for i := range next {
				opened, err := c.OpenTicket(client.WithKey(t.Context(), fmt.Sprintf("load-%d", i)), draft(i))
				switch {
				case err == nil:
					answers[i].Store(&opened)
					if answered.Add(1) == killAfter && kill != nil {
						once.Do(kill)
					}
				case kill == nil:
					t.Errorf("request %d: %v", i, err)
				}
			}
		})
	}
	for i := range answers {
		next <- i
	}
	close(next)
	wg.Wait()
	return int(answered.Load())
}

func draft(i int) client.Draft {
	return client.Draft{App: "service-desk", Kind: "incident", Data: map[string]any{
		"subject": fmt.Sprintf("Load %d", i), "category": "other", "impact": "one", "urgency": "normal", "description": strings.Repeat("x", 100),
	}}
}

func count(t *testing.T, d *db.DB, from string) (n int) {
	t.Helper()
	if err := d.QueryRow(context.Background(), "SELECT COUNT(*) FROM "+from).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
