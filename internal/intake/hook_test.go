package intake_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/intake"
)

const shared = "a secret of sixteen or more"

func mac(key, text string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hexOf(key, text string) string { return hex.EncodeToString(mac(key, text)) }

// hook makes a webhook with the secret.
func (w *world) hook(n *intake.Intake, change ...func(*intake.HookSpec)) {
	w.t.Helper()
	h := intake.HookSpec{Name: "in", Preset: "github", Target: intake.Target{Ticket: &intake.TicketTarget{
		App: "desk", Requester: "ann", Data: map[string]any{"subject": "= body.title", "event": `= headers.("x-github-event")`}}}}
	h.Ticket.Data = map[string]any{"subject": "= body.title"}
	for _, c := range change {
		c(&h)
	}
	_, err := n.PutHook(w.t.Context(), admin, h)
	must(w.t, err)
	_, err = n.AddSecret(w.t.Context(), admin, "in", shared)
	must(w.t, err)
}

func delivery(body string, header ...string) intake.Delivery {
	d := intake.Delivery{Header: map[string][]string{"Content-Type": {"application/json"}}, Body: strings.NewReader(body), Address: "192.0.2.1"}
	for i := 0; i < len(header); i += 2 {
		d.Header[header[i]] = []string{header[i+1]}
	}
	return d
}

func github(body, id string) intake.Delivery {
	return delivery(body, "X-Hub-Signature-256", "sha256="+hexOf(shared, body), "X-Github-Delivery", id)
}

// TestDeliveredOnce lets nodes take the same delivery at the same time, and again later under another name.
func TestDeliveredOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		nodes := []*intake.Intake{w.node(1, nil), w.node(2, nil)}
		w.hook(nodes[0])
		const body = `{"title": "It burns"}`
		receipts := make([]intake.Receipt, 6)
		var group sync.WaitGroup
		for i := range receipts {
			group.Go(func() {
				for {
					var err error
					receipts[i], err = nodes[i%2].Accept(t.Context(), "in", github(body, "1"))
					if !errs.Is(err, errs.Conflict) {
						must(t, err)
						return
					}
				}
			})
		}
		group.Wait()
		again, err := nodes[1].Accept(t.Context(), "in", github(body, "2"))
		must(t, err)
		fresh := 0
		for _, r := range append(receipts, again) {
			if r.ID != receipts[0].ID || r.State != "done" {
				t.Errorf("%+v", r)
			}
			if !r.Replayed {
				fresh++
			}
		}
		if got := w.tickets(); len(got) != 1 || !strings.Contains(got[0], `"It burns"`) || fresh != 1 || !again.Replayed {
			t.Errorf("%v; %d fresh", got, fresh)
		}
		other, err := nodes[0].Accept(t.Context(), "in", github(`{"title": "It floods"}`, "3"))
		must(t, err)
		taken, err := nodes[0].Deliveries(t.Context(), admin, "in", 10)
		must(t, err)
		if other.Replayed || len(taken) != 2 || taken[0].Ticket == 0 {
			t.Errorf("%+v %+v", other, taken)
		}
	})
}

// TestSenders holds what the presets take: the headers that those senders send.
func TestSenders(t *testing.T) {
	const body = `{"title": "x"}`
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	stamp := fmt.Sprint(now.Unix())
	standard := base64.StdEncoding.EncodeToString([]byte(shared))
	for preset, header := range map[string][]string{
		"github":   {"X-Hub-Signature-256", "sha256=" + hexOf(shared, body)},
		"gitlab":   {"X-Gitlab-Token", shared},
		"stripe":   {"Stripe-Signature", "t=" + stamp + ",v1=" + strings.Repeat("0", 64) + ",v1=" + hexOf(shared, stamp+"."+body) + ",v0=x"},
		"slack":    {"X-Slack-Signature", "v0=" + hexOf(shared, "v0:"+stamp+":"+body), "X-Slack-Request-Timestamp", stamp},
		"standard": {"Webhook-Signature", "v1,AAAA v1," + base64.StdEncoding.EncodeToString(mac(shared, "m1."+stamp+"."+body)), "Webhook-Timestamp", stamp, "Webhook-Id", "m1"},
	} {
		w := newWorld(t, dbtest.Open(t, "sqlite"))
		n := w.node(1, nil)
		w.hook(n, func(h *intake.HookSpec) { h.Preset = preset })
		if preset == "standard" { // its secrets are base64 behind whsec_
			h, err := n.Hook(t.Context(), admin, "in")
			must(t, err)
			_, err = n.RemoveSecret(t.Context(), admin, "in", h.Secrets[0].ID)
			must(t, err)
			_, err = n.AddSecret(t.Context(), admin, "in", "whsec_"+standard)
			must(t, err)
		}
		if r, err := n.Accept(t.Context(), "in", delivery(body, header...)); err != nil || r.State != "done" {
			t.Errorf("%s: %+v %v", preset, r, err)
		}
		if _, err := n.Accept(t.Context(), "in", delivery(body+" ", header...)); preset != "gitlab" && !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("%s: another body: %v", preset, err)
		}
		w.set(now.Add(6 * time.Minute))
		_, err := n.Accept(t.Context(), "in", delivery(body, header...))
		if timed := len(header) > 2 || preset == "stripe"; timed != errs.Is(err, errs.Unauthenticated) {
			t.Errorf("%s after its time: %v", preset, err)
		}
	}
}

// TestRefused holds each refusal, and that none has an effect or tells a secret.
func TestRefused(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	n := w.node(1, nil)
	w.hook(n, func(h *intake.HookSpec) { h.MaxBody, h.Rate = 100, 3 })
	const body = `{"title": "x"}`
	for name, c := range map[string]struct {
		hook string
		d    intake.Delivery
		kind errs.Kind
	}{
		"no such webhook":  {"out", github(body, "1"), errs.NotFound},
		"no signature":     {"in", delivery(body), errs.Unauthenticated},
		"another secret":   {"in", delivery(body, "X-Hub-Signature-256", "sha256="+hexOf("some other secret", body)), errs.Unauthenticated},
		"another prefix":   {"in", delivery(body, "X-Hub-Signature-256", "sha1="+hexOf(shared, body)), errs.Unauthenticated},
		"half a signature": {"in", delivery(body, "X-Hub-Signature-256", "sha256="+hexOf(shared, body)[:32]), errs.Unauthenticated},
		"no hex":           {"in", delivery(body, "X-Hub-Signature-256", "sha256=zz"), errs.Unauthenticated},
		"another body":     {"in", delivery(body+" ", "X-Hub-Signature-256", "sha256="+hexOf(shared, body)), errs.Unauthenticated},
		"too large":        {"in", github(strings.Repeat("x", 101), "1"), errs.Invalid},
		"no JSON":          {"in", github("{", "1"), errs.Invalid},
	} {
		if _, err := n.Accept(t.Context(), c.hook, c.d); !errs.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := n.Accept(t.Context(), "in", github(strings.Repeat("x", 101), "1")); !errors.Is(err, intake.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	w.set(w.clock().Add(time.Minute))
	for i := range 4 {
		_, err := n.Accept(t.Context(), "in", github(fmt.Sprintf(`{"title": "%d"}`, i), "1"))
		if limited := errs.Is(err, errs.Exhausted); limited != (i == 3) {
			t.Errorf("delivery %d: %v", i, err)
		}
	}
	for i := range 40 {
		d := delivery(body)
		d.Address = "198.51.100.7"
		_, err := n.Accept(t.Context(), "in", d)
		if i == 39 && !errs.Is(err, errs.Exhausted) {
			t.Errorf("after many refusals: %v", err)
		}
	}
	if got := w.tickets(); len(got) != 3 {
		t.Errorf("%v", got)
	}
	if strings.Contains(w.log.String(), shared) || strings.Contains(w.log.String(), hexOf(shared, body)) {
		t.Error("the log tells a secret")
	}
}

// TestRotation holds that several secrets count, each until it is taken away, and are sealed in the database.
func TestRotation(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	n := w.node(1, nil)
	w.hook(n)
	second, err := n.AddSecret(t.Context(), admin, "in", "")
	must(t, err)
	sign := func(secret, body string) error {
		_, err := n.Accept(t.Context(), "in", delivery(body, "X-Hub-Signature-256", "sha256="+hexOf(secret, body)))
		return err
	}
	must(t, sign(shared, `{"title": "a"}`))
	must(t, sign(second.Secret, `{"title": "b"}`))
	h, err := n.Hook(t.Context(), admin, "in")
	must(t, err)
	_, err = n.RemoveSecret(t.Context(), admin, "in", h.Secrets[0].ID)
	must(t, err)
	if err := sign(shared, `{"title": "c"}`); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("a secret that was taken away: %v", err)
	}
	must(t, sign(second.Secret, `{"title": "c"}`))
	var sealed []byte
	must(t, w.db.QueryRow(t.Context(), "SELECT secrets FROM hook WHERE name = ?", "in").Scan(&sealed))
	if len(sealed) == 0 || bytes.Contains(sealed, []byte(second.Secret)) {
		t.Error("the secrets are not sealed")
	}
	if _, err := w.node(2, nil).Hook(t.Context(), admin, "in"); err != nil { // the same key opens them on another node
		t.Error(err)
	}
}

// TestIgnoredAndNobody holds deliveries that are taken without an effect.
func TestIgnoredAndNobody(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	n := w.node(1, nil)
	w.hook(n, func(h *intake.HookSpec) { h.When = `= body.action = "opened"` })
	r, err := n.Accept(t.Context(), "in", github(`{"action": "closed"}`, "1"))
	must(t, err)
	if again, err := n.Accept(t.Context(), "in", github(`{"action": "closed"}`, "1")); err != nil || r.State != "ignored" || again.ID != r.ID {
		t.Errorf("%+v %+v %v", r, again, err)
	}
	w.hook(n, func(h *intake.HookSpec) {
		h.Target = intake.Target{Message: &intake.MessageTarget{Name: "nobody", Key: "= body.order"}}
	})
	if r, err = n.Accept(t.Context(), "in", github(`{"order": "7"}`, "2")); err != nil || r.State != "nobody" {
		t.Errorf("%+v %v", r, err)
	}
	if got := w.tickets(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// TestFailedDelivery holds that a delivery whose effect fails leaves nothing, so that its sender may repeat it.
func TestFailedDelivery(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	n := w.node(1, nil)
	w.hook(n, func(h *intake.HookSpec) { h.Ticket.Kind = "broken" })
	if _, err := n.Accept(t.Context(), "in", github(`{"title": "x"}`, "1")); !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
	w.hook(n)
	r, err := n.Accept(t.Context(), "in", github(`{"title": "x"}`, "1"))
	if err != nil || r.State != "done" || r.Replayed {
		t.Errorf("%+v %v", r, err)
	}
	count, err := db.Count(context.Background(), w.db, 10, "FROM hook_delivery")
	if err != nil || count != 1 {
		t.Errorf("%d deliveries, %v", count, err)
	}
}
