package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/ticket"
)

var opinion = json.RawMessage(`{"opinion": "yes"}`)

// openInside opens tickets through the Go API.
func (w *world) openInside(ctx context.Context, l load) (report, error) {
	return l.drive(ctx, func(ctx context.Context) error {
		i := w.serial.Add(1)
		_, err := w.Tickets.Open(keyed(ctx, i), w.actor, draft(i))
		return err
	})
}

// completeInside completes tasks through the Go API. Each completion opens the next
// task; every third ends the ticket.
func (w *world) completeInside(ctx context.Context, l load) (report, error) {
	return l.drive(ctx, func(ctx context.Context) error {
		t, err := w.next(ctx)
		if err != nil {
			return err
		}
		_, err = w.Tickets.Complete(keyed(ctx, w.serial.Add(1)), w.actor,
			ticket.Completion{Task: t.ID, Version: t.Version, Outcome: "approve", Data: opinion})
		return err
	})
}

// keyed gives a write its idempotency key, as the API does for every request.
func keyed(ctx context.Context, i int64) context.Context {
	return db.WithOnce(ctx, db.Once{Key: "bench/" + strconv.FormatInt(i, 10), Hash: "h"})
}

// httpLoad is what a load process is told. The load is a process of its own, so that its
// processor time is not counted as the server's.
type httpLoad struct {
	load
	URL, Token string
	Complete   []task // empty: open tickets
	From       int64  // serials above it are the load's
}

const loadEnv = "PACELINE_BENCH_LOAD"

// openHTTP opens tickets through HTTP.
func (w *world) openHTTP(ctx context.Context, l load) (report, error) {
	return w.runHTTP(ctx, httpLoad{load: l})
}

// completeHTTP completes tasks through HTTP.
func (w *world) completeHTTP(ctx context.Context, l load) (report, error) {
	tasks := make([]task, 0, 60_000)
	for len(tasks) < cap(tasks) {
		t, err := w.next(ctx)
		if err != nil {
			break // as many as there are
		}
		tasks = append(tasks, t)
	}
	if len(tasks) == 0 {
		return report{}, fmt.Errorf("no open tasks are left")
	}
	return w.runHTTP(ctx, httpLoad{load: l, Complete: tasks})
}

func (w *world) runHTTP(ctx context.Context, h httpLoad) (report, error) {
	h.URL, h.Token, h.From = w.url, w.token, w.serial.Add(10_000_000)
	file, err := os.CreateTemp("", "paceline-load-")
	if err != nil {
		return report{}, err
	}
	defer os.Remove(file.Name())
	if err := json.NewEncoder(file).Encode(h); err != nil {
		return report{}, err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), loadEnv+"="+file.Name())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return report{}, fmt.Errorf("load: %w", err)
	}
	var did report
	return did, json.Unmarshal(out, &did)
}

// loadMain is the load process.
func loadMain(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var h httpLoad
	if err := json.Unmarshal(text, &h); err != nil {
		return err
	}
	c, err := client.New(client.Config{URL: h.URL, Token: h.Token, Retries: -1,
		HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: h.Clients}}})
	if err != nil {
		return err
	}
	var next atomic.Int64
	did, err := h.drive(ctx, func(ctx context.Context) error {
		i := next.Add(1)
		ctx = client.WithKey(ctx, fmt.Sprintf("bench-%d", h.From+i))
		if h.Complete == nil {
			_, err := c.OpenTicket(ctx, client.Draft{App: "bench", Kind: "request", Data: values(h.From + i)})
			return err
		}
		if i > int64(len(h.Complete)) {
			return errNothingLeft
		}
		t := h.Complete[i-1]
		_, err := c.Complete(ctx, t.ID.String(), client.Completion{Version: t.Version, Outcome: "approve", Data: opinion})
		return err
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(did)
}
