package app

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

var builder = org.System("test")

// node is Apps on one node of a database, with what it told the audit and the bell.
type node struct {
	*Apps
	audit []string
	rings []string
}

func newNode(t *testing.T, d *db.DB, number int) *node {
	t.Helper()
	ids := db.NewIDs(number, time.Now)
	n := &node{}
	n.Apps = New(Config{}, Deps{
		DB: d, NewID: ids.Next,
		Audit: func(_ context.Context, _ *db.Tx, by *org.Actor, action, subject string, _ any) error {
			n.audit = append(n.audit, by.Login+" "+action+" "+subject)
			return nil
		},
		Ring: func(topic, key string) { n.rings = append(n.rings, topic+" "+key) },
	})
	return n
}

func each(t *testing.T, run func(t *testing.T, d *db.DB)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations()); err != nil {
			t.Fatal(err)
		}
		run(t, d)
	})
}

func publish(t *testing.T, n *node, b *Bundle) Published {
	t.Helper()
	p, err := n.Publish(t.Context(), builder, b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPublish(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		n, ctx := newNode(t, d, 1), t.Context()
		first := publish(t, n, sample(t, "leave"))
		if !first.New || first.Number != 1 || !first.Active || first.App != "leave" || first.Label != "1.0" || first.Previous != 0 {
			t.Errorf("first: %+v", first)
		}
		second := publish(t, n, edited(t, [3]string{"app.yaml", `version: "1.0"`, `version: "1.1"`}))
		if !second.New || second.Number != 2 || second.Previous != 1 || second.Hash == first.Hash {
			t.Errorf("second: %+v", second)
		}
		same := publish(t, n, edited(t, [3]string{"app.yaml", `version: "1.0"`, `version: "1.1"`}))
		if same.New || same.ID != second.ID || same.Previous != 0 {
			t.Errorf("the same files again: %+v", same)
		}
		back := publish(t, n, sample(t, "leave"))
		if back.New || back.ID != first.ID || back.Previous != 2 || !back.Active {
			t.Errorf("earlier files again: %+v", back)
		}
		versions, err := n.Versions(ctx, builder, "leave")
		if err != nil || len(versions) != 2 || versions[0].Number != 2 || versions[0].Active || !versions[1].Active {
			t.Errorf("versions %+v, error %v", versions, err)
		}
		publish(t, n, sample(t, "purchase"))
		list, err := n.List(ctx, builder)
		if err != nil || len(list) != 2 || list[0].App != "leave" || list[1].Name != "Purchasing" {
			t.Errorf("list %+v, error %v", list, err)
		}
		want := "test app.publish leave|test app.publish leave|test app.publish leave|test app.publish purchase"
		if got := strings.Join(n.audit, "|"); got != want {
			t.Errorf("audit %s", got)
		}
		if len(n.rings) != 5 || n.rings[4] != "app purchase" {
			t.Errorf("rings %v", n.rings)
		}
	})
}

// A bundle with a mistake leaves nothing behind, and the error has every place.
func TestPublishRefuses(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		n, ctx := newNode(t, d, 1), t.Context()
		b := edited(t, [3]string{"app.yaml", "#389e0d", "green"}, [3]string{"app.yaml", "process: leave", "process: laeve"})
		_, err := n.Publish(ctx, builder, b)
		if got := strings.Join(places(err), "|"); !errs.Is(err, errs.Invalid) || got != "app.yaml:5 color|app.yaml:15 leave.process" {
			t.Errorf("error %v at %s", err, got)
		}
		if list, err := n.List(ctx, builder); err != nil || len(list) != 0 {
			t.Errorf("list %v, error %v", list, err)
		}
		if _, err := n.Publish(ctx, &org.Actor{Login: "nobody"}, sample(t, "leave")); !errs.Is(err, errs.Denied) {
			t.Errorf("error %v; want Denied", err)
		}
		if revision, _ := n.ActiveRevision(ctx); revision != 0 {
			t.Errorf("revision %d; nothing has changed", revision)
		}
	})
}

func places(err error) []string {
	var list []string
	if e, ok := err.(*errs.Error); ok {
		for _, d := range e.Details {
			list = append(list, d.Place)
		}
	}
	return list
}

func TestRollbackDiffAndExport(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		n, ctx := newNode(t, d, 1), t.Context()
		publish(t, n, sample(t, "leave"))
		publish(t, n, edited(t, [3]string{"texts/ja.yaml", "証明書", "証明書類"}))
		back, err := n.Rollback(ctx, builder, "leave", 1)
		if err != nil || back.Number != 1 || back.Previous != 2 || !back.Active {
			t.Errorf("rolled back to %+v, error %v", back, err)
		}
		if live, err := n.Active("leave"); err != nil || live.Number != 1 {
			t.Errorf("active: %v, error %v", live, err)
		}
		diff, err := n.Diff(ctx, builder, "leave", 1, 2)
		if err != nil || diff.From != 1 || diff.To != 2 || len(diff.Files) != 1 || diff.Files[0].Parts[0].Part != "forms.leave.certificate.label" {
			t.Errorf("diff %+v, error %v", diff, err)
		}
		v, packed, err := n.Export(ctx, builder, "leave", 0)
		want, _ := sample(t, "leave").Zip()
		if err != nil || v.Number != 1 || !bytes.Equal(packed, want) {
			t.Errorf("export of %d: %d bytes, error %v", v.Number, len(packed), err)
		}
		for _, err := range []error{
			second(n.Rollback(ctx, builder, "leave", 9)), second(n.Rollback(ctx, builder, "nothing", 1)),
			second(n.Versions(ctx, builder, "nothing")), second(n.Diff(ctx, builder, "leave", 1, 9)), second(n.Active("nothing")),
			second(n.Find(ctx, builder, "nothing", 0)), second(n.Loaded(ctx, 1)), second(n.Definition(ctx, 1)),
		} {
			if !errs.Is(err, errs.NotFound) {
				t.Errorf("error %v; want NotFound", err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

// What a running instance needs: its own version for ever, and the processes it calls.
func TestDefinitions(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		n, ctx := newNode(t, d, 1), t.Context()
		publish(t, n, sample(t, "purchase"))
		old, err := n.Active("purchase")
		if err != nil {
			t.Fatal(err)
		}
		id := old.DefinitionID("purchase")
		newer := sample(t, "purchase")
		newer.Files["app.yaml"] = bytes.Replace(newer.Files["app.yaml"], []byte(`"1.0"`), []byte(`"2.0"`), 1)
		publish(t, n, newer)
		live, _ := n.Active("purchase")
		if live.Number != 2 || live.DefinitionID("purchase") == id {
			t.Errorf("version %d is live", live.Number)
		}

		fresh := newNode(t, d, 2) // another node, or this one after a restart
		def, err := fresh.Definition(ctx, id)
		if err != nil || def.Process.ID != "purchase" {
			t.Fatalf("definition %v, error %v", def, err)
		}
		if again, _ := fresh.Definition(ctx, id); again != def {
			t.Error("a definition is compiled twice")
		}
		if l, err := fresh.ByDefinition(ctx, id); err != nil || l.Number != 1 {
			t.Errorf("version of the definition: %v, error %v", l, err)
		}
		called, err := fresh.Called(ctx, id, "purchase-order")
		if err != nil || called != old.DefinitionID("purchase-order") {
			t.Errorf("called %d, error %v; want the process of the same version, %d", called, err, old.DefinitionID("purchase-order"))
		}
		if _, err := fresh.Called(ctx, id, "leave"); !errs.Is(err, errs.NotFound) {
			t.Errorf("error %v; want NotFound", err)
		}
		publish(t, fresh, sample(t, "leave"))
		leave, _ := fresh.Active("leave")
		if called, err := fresh.Called(ctx, id, "leave"); err != nil || called != leave.DefinitionID("leave") {
			t.Errorf("called %d in another app, error %v", called, err)
		}
		if n.loadedVersions() > 3 {
			t.Errorf("%d versions are kept", n.loadedVersions())
		}
	})
}

func (a *Apps) loadedVersions() int { return len(a.loaded.entries) }

// Other nodes see a new active version by polling the revision.
func TestRefresh(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		here, there, ctx := newNode(t, d, 1), newNode(t, d, 2), t.Context()
		publish(t, here, sample(t, "leave"))
		if len(there.Live()) != 0 {
			t.Error("the other node knows before it has looked")
		}
		for range 2 {
			if err := there.Refresh(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if live := there.Live(); len(live) != 1 || live[0].App != "leave" || there.Revision() != here.Revision() {
			t.Errorf("live %v at revision %d, want %d", live, there.Revision(), here.Revision())
		}
	})
}

// An app that this program cannot read any more does not keep the others away.
func TestRefreshLeavesOutWhatItCannotRead(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		here, there, ctx := newNode(t, d, 1), newNode(t, d, 2), t.Context()
		broken := publish(t, here, sample(t, "leave"))
		publish(t, here, sample(t, "purchase"))
		old := zipped(t, packed{name: "app.yaml", data: "id: leave"})
		if _, err := d.Exec(ctx, "UPDATE app_version SET bundle = ? WHERE id = ?", old, broken.ID); err != nil {
			t.Fatal(err)
		}
		if err := there.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		if live := there.Live(); len(live) != 1 || live[0].App != "purchase" {
			t.Errorf("%d apps are live", len(live))
		}
		list, err := there.List(ctx, builder)
		if err != nil || len(list) != 2 || !strings.Contains(list[0].Problem, "version 1 of the app leave cannot be read") {
			t.Errorf("list %+v, error %v", list, err)
		}
		if _, _, err := there.Export(ctx, builder, "leave", 1); err != nil {
			t.Errorf("it can still be exported: %v", err)
		}
	})
}

// Publishing at the same time on several nodes: every bundle is a version once, with a
// number of its own, and one is active.
func TestPublishAtTheSameTime(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		var group sync.WaitGroup
		var added atomic.Int32
		for i := range 6 {
			b := edited(t, [3]string{"app.yaml", `version: "1.0"`, `version: "` + string(rune('a'+i%3)) + `"`})
			n := newNode(t, d, i+1)
			group.Go(func() {
				p, err := n.Publish(t.Context(), builder, b)
				if err != nil {
					t.Error(err)
				}
				if p.New {
					added.Add(1)
				}
			})
		}
		group.Wait()
		versions, err := newNode(t, d, 9).Versions(t.Context(), builder, "leave")
		if err != nil || len(versions) != 3 || added.Load() != 3 {
			t.Fatalf("%d versions, %d were new, error %v", len(versions), added.Load(), err)
		}
		active := 0
		for i, v := range versions {
			if v.Number != 3-i {
				t.Errorf("numbers have a gap: %+v", versions)
			}
			if v.Active {
				active++
			}
		}
		if active != 1 {
			t.Errorf("%d versions are active", active)
		}
	})
}

// With an idempotency key a repeat gets the first answer.
func TestPublishOnce(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		n := newNode(t, d, 1)
		ctx := db.WithOnce(t.Context(), db.Once{Key: "test/1", Hash: "h"})
		first, err := n.Publish(ctx, builder, sample(t, "leave"))
		if err != nil {
			t.Fatal(err)
		}
		again, err := n.Publish(ctx, builder, sample(t, "leave"))
		if err != nil || again.ID != first.ID || !again.New || !again.Published.Equal(first.Published) {
			t.Errorf("first %+v, again %+v, error %v", first, again, err)
		}
		if len(n.audit) != 1 {
			t.Errorf("audit %v", n.audit)
		}
	})
}

// The cache of versions is bounded, and a version that is read while many ask is read once.
func TestCache(t *testing.T) {
	c, reads := newCache(3), map[db.ID]int{}
	load := func(id db.ID) {
		l, err := c.get(id, func() (*Loaded, error) { reads[id]++; return &Loaded{Version: id}, nil })
		if err != nil || l.Version != id {
			t.Fatalf("%v, %v", l, err)
		}
	}
	for _, id := range []db.ID{1, 2, 3, 1, 4, 1, 2} {
		load(id)
	}
	if len(c.entries) != 3 || reads[1] != 1 || reads[2] != 2 {
		t.Errorf("%d entries, reads %v", len(c.entries), reads)
	}
	fails := 0
	for range 2 {
		if _, err := c.get(9, func() (*Loaded, error) { fails++; return nil, errs.New(errs.Unavailable, "away") }); err == nil {
			t.Error("no error")
		}
	}
	if fails != 2 {
		t.Error("a failure was kept")
	}
}
