package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
)

var errHeard = errors.New("heard")

// TestEventsTellWhatChanged holds that a person hears of the own inbox and of the
// tickets asked for, and of nothing else.
func TestEventsTellWhatChanged(t *testing.T) {
	w := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	staff, desk, stranger := w.as("staff1"), w.as("desk1"), w.as("staff2")
	second, mine := w.open(staff), w.open(staff)

	strangers := make(chan client.Event, 100)
	strangerOpen := make(chan struct{})
	go stranger.Listen(ctx, nil, "", func(ev client.Event) error {
		if ev.Name == "hello" {
			close(strangerOpen)
		} else {
			strangers <- ev
		}
		return nil
	})
	<-strangerOpen

	opened := make(chan struct{})
	heard := make(chan error, 1)
	var last string
	go func() {
		heard <- desk.Listen(ctx, []string{second.ID, mine.ID}, "", func(ev client.Event) error {
			if ev.Name == "hello" {
				close(opened)
			}
			if ev.ID < last {
				t.Errorf("revision %s after %s", ev.ID, last)
			}
			last = ev.ID
			if ev.Topic == "ticket" && ev.Key == mine.ID {
				return errHeard
			}
			return nil
		})
	}()
	<-opened
	_, err := staff.Comment(ctx, mine.ID, "somebody listens")
	must(t, err)
	if err := <-heard; !errors.Is(err, errHeard) {
		t.Fatalf("the listener ended with %v", err)
	}
	select {
	case ev := <-strangers:
		t.Errorf("a stranger heard %+v", ev)
	default:
	}

	inbox := make(chan error, 1)
	again := make(chan string, 1)
	go func() {
		inbox <- desk.Listen(ctx, nil, last, func(ev client.Event) error {
			if ev.Name == "refetch" {
				again <- ev.Name
			}
			if ev.Topic == "inbox" {
				return errHeard
			}
			return nil
		})
	}()
	<-again // the first event after Last-Event-ID
	w.open(staff)
	if err := <-inbox; !errors.Is(err, errHeard) {
		t.Errorf("the inbox listener ended with %v", err)
	}
}

func TestPagesAndHealth(t *testing.T) {
	w := start(t)
	for lang, text := range map[string]string{"zh-TW": "表單", "zh-CN": "表单", "ja-JP,en;q=0.5": "フォーム", "en": "A server for forms", "fr": "A server for forms", "": "A server for forms"} {
		got := w.send("GET", "/", "", "Accept-Language", lang)
		if got.status != http.StatusOK || !strings.Contains(got.body, text) {
			t.Errorf("landing page for %q: %d, no %q", lang, got.status, text)
		}
	}
	got := w.send("GET", "/api/v1/docs", "")
	if got.status != http.StatusOK || !strings.Contains(got.body, "/api/v1/tickets/{id}/comments") || strings.Contains(got.body, "<script") {
		t.Errorf("document page: %d", got.status)
	}
	for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"} {
		if !strings.Contains(got.header.Get(name), want) {
			t.Errorf("%s: %q", name, got.header.Get(name))
		}
	}
	if got := w.send("GET", "/livez", ""); got.status != http.StatusOK {
		t.Errorf("livez: %d", got.status)
	}
	if got := w.send("GET", "/readyz", ""); got.status != http.StatusOK || !strings.Contains(got.body, `"database"`) {
		t.Errorf("readyz: %d %s", got.status, got.body)
	}
	if got := w.send("GET", "/metrics", ""); got.status != http.StatusOK ||
		!strings.Contains(got.body, `paceline_http_requests_total{route="GET /{$}",status="200"} 6`) || !strings.Contains(got.body, "paceline_db_round_trips_total") {
		t.Errorf("metrics: %d", got.status)
	}
	if got := w.send("GET", "/", "", "X-Request-Id", "abc-1"); got.header.Get("X-Request-Id") != "abc-1" {
		t.Errorf("request id %q", got.header.Get("X-Request-Id"))
	}
}
