package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/node"
)

// TestBadRequests sends what must be refused: each gets the status, the kind and the
// place, and nothing is stored.
func TestBadRequests(t *testing.T) {
	w := start(t)
	auth := "Bearer " + w.token("staff1", "write")
	admin := "Bearer " + w.token("admin", "admin")
	other := w.open(w.as("staff2")).ID
	huge := `{"app":"service-desk","data":{"description":"` + strings.Repeat("x", 5<<20) + `"}}`
	deep := `{"app":"service-desk","data":` + strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000) + "}"

	for name, c := range map[string]struct {
		method, path, body, auth string
		status                   int
		kind, place              string
	}{
		"no JSON":               {"POST", "/tickets", `{"app"`, auth, 400, "invalid", "body"},
		"no body":               {"POST", "/tickets", ``, auth, 400, "invalid", ""},
		"wrong type":            {"POST", "/tickets", `{"app":7}`, auth, 422, "invalid", "body.app"},
		"unknown field":         {"POST", "/tickets", `{"app":"service-desk","kind":"incident","colour":"red"}`, auth, 422, "invalid", "body.colour"},
		"missing field":         {"POST", "/tickets", `{}`, auth, 422, "invalid", "body"},
		"unknown app":           {"POST", "/tickets", `{"app":"nothing","kind":"x"}`, auth, 404, "not found", ""},
		"data is a list":        {"POST", "/tickets", `{"app":"service-desk","kind":"incident","data":[1]}`, auth, 422, "invalid", "data"},
		"unknown form field":    {"POST", "/tickets", strings.Replace(incidentJSON, `"subject"`, `"nosuch":1,"subject"`, 1), auth, 422, "invalid", "nosuch"},
		"wrong form value":      {"POST", "/tickets", strings.Replace(incidentJSON, `"team"`, `"galaxy"`, 1), auth, 422, "invalid", "impact"},
		"oversized body":        {"POST", "/tickets", huge, auth, 413, "invalid", "body"},
		"deep body":             {"POST", "/tickets", deep, auth, 400, "invalid", "body"},
		"unknown parameter":     {"GET", "/tickets?colour=red", ``, auth, 422, "invalid", "query.colour"},
		"limit out of range":    {"GET", "/tickets?limit=100000", ``, auth, 422, "invalid", "query.limit"},
		"unknown order":         {"GET", "/inbox?sort=colour", ``, auth, 422, "invalid", "query.sort"},
		"foreign cursor":        {"GET", "/tickets?after=zzz", ``, auth, 422, "invalid", ""},
		"unusable filter":       {"GET", "/tickets?field=category", ``, auth, 422, "invalid", "query.field"},
		"id is no number":       {"GET", "/tickets/INC-1", ``, auth, 422, "invalid", "path.id"},
		"id is too large":       {"GET", "/tickets/99999999999999999999", ``, auth, 422, "invalid", "path.id"},
		"no such ticket":        {"GET", "/tickets/1", ``, auth, 404, "not found", ""},
		"other people's ticket": {"GET", "/tickets/" + other, ``, auth, 404, "not found", ""},
		"their comments":        {"POST", "/tickets/" + other + "/comments", `{"body":"hello"}`, auth, 404, "not found", ""},
		"their history":         {"GET", "/tickets/" + other + "/history", ``, auth, 404, "not found", ""},
		"their events":          {"GET", "/events?ticket=" + other, ``, auth, 404, "not found", ""},
		"cancel theirs":         {"POST", "/tickets/" + other + "/cancel", `{"reason":"no"}`, auth, 404, "not found", ""},
		"no such task":          {"POST", "/tasks/5/claim", `{}`, auth, 404, "not found", ""},
		"empty comment":         {"POST", "/tickets/" + other + "/comments", `{"body":""}`, auth, 422, "invalid", "body.body"},
		"nobody":                {"GET", "/tickets", ``, "", 401, "unauthenticated", ""},
		"a wrong token":         {"GET", "/tickets", ``, "Bearer pl_wrong", 401, "unauthenticated", ""},
		"no bearer":             {"GET", "/tickets", ``, "Basic abc", 401, "unauthenticated", ""},
		"not allowed":           {"POST", "/users", `{"login":"x1","name":"X"}`, auth, 403, "denied", ""},
		"audit not allowed":     {"GET", "/audit", ``, auth, 403, "denied", ""},
		"out of scope":          {"GET", "/me/tokens", ``, auth, 403, "denied", ""},
		"login taken":           {"POST", "/users", `{"login":"staff1","name":"X"}`, admin, 409, "conflict", "login"},
		"bundle is no zip":      {"POST", "/apps", `PK`, admin, 422, "invalid", ""},
		"no such app":           {"GET", "/apps/nothing/versions", ``, admin, 404, "not found", ""},
		"no such version":       {"POST", "/apps/leave/active", `{"version":99}`, admin, 404, "not found", ""},
		"nothing there":         {"GET", "/nothing", ``, auth, 404, "not found", ""},
		"wrong method":          {"PATCH", "/tickets", ``, auth, 405, "unsupported", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			var header []string
			if c.auth != "" {
				header = []string{"Authorization", c.auth}
			}
			if c.path == "/apps" {
				header = append(header, "Content-Type", "application/zip")
			}
			got := w.send(c.method, "/api/v1"+c.path, c.body, header...)
			p := got.problem(t)
			if got.status != c.status || p.Status != c.status || p.Kind != c.kind || p.Detail == "" || p.Request == "" {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			if c.place == "" {
				return
			}
			for _, d := range p.Errors {
				if d.Place == c.place {
					return
				}
			}
			t.Errorf("no error names %s: %s", c.place, got.body)
		})
	}
	list, err := w.as("staff1").Tickets(t.Context(), client.TicketQuery{})
	must(t, err)
	if len(list.Items) != 0 {
		t.Errorf("something was stored: %+v", list.Items)
	}
}

func TestStaleVersionOfATask(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	opened := w.open(w.as("staff1"))
	desk := w.as("desk1")
	it := w.task(desk, "group", opened.ID)
	_, err := desk.Claim(ctx, it.Task, it.Version)
	must(t, err)
	_, err = desk.Complete(ctx, it.Task, client.Completion{Version: it.Version, Outcome: "accept", Data: map[string]any{"impact": "team", "urgency": "high"}})
	if client.KindOf(err) != client.Conflict {
		t.Errorf("the version before the claim was taken: %v", err)
	}
	if _, err := w.as("desk2").Claim(ctx, it.Task, 0); client.KindOf(err) != client.Conflict && client.KindOf(err) != client.Denied {
		t.Errorf("a task of somebody else was claimed: %v", err)
	}
}

func TestSessionsEnd(t *testing.T) {
	w := start(t, func(c *node.Config) { c.Org.SessionLife = 300 * time.Millisecond })
	c := w.as("staff1")
	_, err := c.Me(t.Context())
	must(t, err)
	for deadline := time.Now().Add(5 * time.Second); ; {
		_, err := c.Me(t.Context())
		if client.KindOf(err) == client.Unauthenticated {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the session does not expire: %v", err)
		}
	}
}

func TestLogoutEndsTheSession(t *testing.T) {
	w := start(t)
	res := w.send("POST", "/api/v1/login", `{"login":"staff1","password":"`+password+`"}`)
	cookie := res.header.Get("Set-Cookie")
	if res.status != http.StatusOK || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
		t.Fatalf("%d, cookie %q", res.status, cookie)
	}
	cookie, _, _ = strings.Cut(cookie, ";")
	if got := w.send("GET", "/api/v1/me", "", "Cookie", cookie); got.status != http.StatusOK {
		t.Fatalf("signed in: %d %s", got.status, got.body)
	}
	if got := w.send("POST", "/api/v1/logout", "", "Cookie", cookie, "Origin", "https://elsewhere.example"); got.status != http.StatusForbidden {
		t.Errorf("a page of another origin signed somebody out: %d", got.status)
	}
	if got := w.send("POST", "/api/v1/logout", "", "Cookie", cookie); got.status != http.StatusNoContent {
		t.Errorf("sign out: %d %s", got.status, got.body)
	}
	if got := w.send("GET", "/api/v1/me", "", "Cookie", cookie); got.status != http.StatusUnauthorized {
		t.Errorf("the session lives on: %d", got.status)
	}
}

func TestTooManySignIns(t *testing.T) {
	w := start(t)
	for range 200 {
		got := w.send("POST", "/api/v1/login", `{"login":"staff1","password":"wrong"}`)
		switch got.status {
		case http.StatusUnauthorized:
		case http.StatusTooManyRequests:
			if got.header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
			return
		default:
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	t.Error("nobody stops somebody who guesses passwords")
}
