package api_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/paceline/paceline/client"
)

// TestWriteUnderAKeyHappensOnce holds the promise of the Idempotency-Key.
func TestWriteUnderAKeyHappensOnce(t *testing.T) { onEach(t, writeUnderAKeyHappensOnce) }

func writeUnderAKeyHappensOnce(t *testing.T, w *world) {
	auth := "Bearer " + w.token("staff1", "write")
	admin := "Bearer " + w.token("admin", "admin")
	post := func(auth, path, key, body string) answer {
		return w.send("POST", "/api/v1"+path, body, "Authorization", auth, "Idempotency-Key", key)
	}
	for name, c := range map[string]struct{ auth, path, body, other string }{
		"ticket":  {auth, "/tickets", incidentJSON, strings.Replace(incidentJSON, "Fire", "Flood", 1)},
		"comment": {auth, "/tickets/" + w.open(w.as("staff1")).ID + "/comments", `{"body":"once"}`, `{"body":"twice"}`},
		"user":    {admin, "/users", `{"login":"once","name":"Once"}`, `{"login":"twice","name":"Twice"}`},
		"group":   {admin, "/groups", `{"kind":"group","name":"once"}`, `{"kind":"group","name":"twice"}`},
	} {
		first, again := post(c.auth, c.path, "key-"+name, c.body), post(c.auth, c.path, "key-"+name, c.body)
		if first.status != http.StatusCreated || again.status != first.status || again.body != first.body {
			t.Errorf("%s: first %d %s, again %d %s", name, first.status, first.body, again.status, again.body)
		}
		if reused := post(c.auth, c.path, "key-"+name, c.other); reused.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: another request under the same key: %d %s", name, reused.status, reused.body)
		}
	}
	list, err := w.as("staff1").Tickets(t.Context(), client.TicketQuery{})
	must(t, err)
	if len(list.Items) != 2 {
		t.Errorf("%d tickets, want 2", len(list.Items))
	}
	if got := post("Bearer "+w.token("staff2", "write"), "/tickets", "key-ticket", incidentJSON); got.status != http.StatusCreated {
		t.Errorf("another person's same key: %d %s", got.status, got.body)
	}
	if got := post(auth, "/tickets", "two words", incidentJSON); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an unusable key: %d", got.status)
	}
}

// TestRepeatOfWhatCannotBeDoneAgain repeats acts on a task that the first one has ended:
// the repeat gets the first answer, although the task is gone.
func TestRepeatOfWhatCannotBeDoneAgain(t *testing.T) {
	w := start(t)
	opened := w.open(w.as("staff1"))
	desk := w.as("desk1")
	it := w.task(desk, "group", opened.ID)
	auth := "Bearer " + w.token("desk1", "write")
	for _, c := range []struct{ verb, body string }{
		{"claim", `{"version":1}`},
		{"complete", `{"version":2,"outcome":"accept","data":{"impact":"team","urgency":"high"}}`},
	} {
		do := func() answer {
			return w.send("POST", "/api/v1/tasks/"+it.Task+"/"+c.verb, c.body, "Authorization", auth, "Idempotency-Key", c.verb)
		}
		first, again := do(), do()
		if first.status != http.StatusOK || again.status != http.StatusOK || again.body != first.body {
			t.Errorf("%s: first %d %s, again %d %s", c.verb, first.status, first.body, again.status, again.body)
		}
	}
	unkeyed := w.send("POST", "/api/v1/tasks/"+it.Task+"/complete", `{"outcome":"accept"}`, "Authorization", auth)
	if unkeyed.status != http.StatusNotFound {
		t.Errorf("done twice without a key: %d %s", unkeyed.status, unkeyed.body)
	}
}

// TestManyRepeatsAtOnce sends one request many times at the same time: one takes
// effect, and the client brings all to the same answer.
func TestManyRepeatsAtOnce(t *testing.T) { onEach(t, manyRepeatsAtOnce) }

func manyRepeatsAtOnce(t *testing.T, w *world) {
	c, err := client.New(client.Config{URL: w.url, Token: w.token("staff1", "write"), Retries: 50})
	must(t, err)
	ids := make([]string, 16)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			opened, err := c.OpenTicket(client.WithKey(t.Context(), "the-same"), client.Draft{App: "service-desk", Kind: "incident", Data: incident()})
			if err != nil {
				t.Error(err)
			}
			ids[i] = opened.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("different answers: %q", ids)
		}
	}
	list, err := c.Tickets(t.Context(), client.TicketQuery{})
	must(t, err)
	if len(list.Items) != 1 {
		t.Errorf("%d tickets", len(list.Items))
	}
}
