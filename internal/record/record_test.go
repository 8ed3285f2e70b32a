package record_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/record"
)

func TestLife(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, desk := t.Context(), w.as("desk1")
		made := w.create(`{"code": "A-1", "title": "Bolt", "price": 1.25, "since": "2026-03-01", "secret": "s", "sizes": [{"width": 3}]}`)
		same(t, "made", made.Title, "A-1 Bolt")

		shown, err := w.records.Show(ctx, desk, "store", "parts", made.ID)
		must(t, err)
		same(t, "data", string(shown.Data), `{"code":"A-1","title":"Bolt","price":1.25,"since":"2026-03-01","colour":"r","secret":"s","sizes":[{"width":3}]}`)
		same(t, "may", shown.May, []string{"change", "delete"})

		changed, err := w.records.Change(ctx, desk, "store", "parts", made.ID, made.Version, json.RawMessage(`{"price": 2, "secret": null}`))
		must(t, err)
		same(t, "changed", changed, record.Written{ID: made.ID, Version: 2, Title: "A-1 Bolt", Done: record.Changed})
		_, err = w.records.Change(ctx, desk, "store", "parts", made.ID, made.Version, json.RawMessage(`{"price": 3}`))
		if !errs.Is(err, errs.Conflict) {
			t.Errorf("a change of a version that is gone: %v", err)
		}
		unchanged, err := w.records.Change(ctx, desk, "store", "parts", made.ID, 2, json.RawMessage(`{"price": 2}`))
		must(t, err)
		same(t, "unchanged", unchanged.Done, record.Unchanged)

		_, err = w.records.Change(ctx, desk, "store", "parts", made.ID, 2, json.RawMessage(`{"price": -1, "nonsense": 1, "colour": "blue"}`))
		same(t, "wrong values", rules(err), []string{"nonsense:unknown"})
		_, err = w.records.Change(ctx, desk, "store", "parts", made.ID, 2, json.RawMessage(`{"price": -1, "colour": "blue", "code": ""}`))
		same(t, "wrong values", rules(err), []string{"code:required", "price:min", "colour:option"})

		gone, err := w.records.Delete(ctx, desk, "store", "parts", made.ID, 2)
		must(t, err)
		same(t, "deleted", gone.Version, int64(3))
		if _, err := w.records.Show(ctx, desk, "store", "parts", made.ID); !errs.Is(err, errs.NotFound) {
			t.Errorf("a deleted record: %v", err)
		}
		again := w.create(`{"code": "A-1"}`)
		same(t, "its key is free again", again.Version, int64(1))

		history, err := w.records.History(ctx, desk, "store", "parts", made.ID, "", 0)
		must(t, err)
		var told []string
		for _, e := range history.Items {
			told = append(told, fmt.Sprintf("%d %s %s by %s: %s -> %s", e.Version, e.Done, e.Via, e.By.Name, e.Before, e.After))
		}
		same(t, "history", told, []string{
			`3 deleted form by Sample Desk 1: {"code":"A-1","title":"Bolt","price":2,"since":"2026-03-01","colour":"r","sizes":[{"width":3}]} -> {}`,
			`2 changed form by Sample Desk 1: {"price":1.25,"secret":"s"} -> {"price":2}`,
			`1 created form by Sample Desk 1: {} -> {"code":"A-1","title":"Bolt","price":1.25,"since":"2026-03-01","colour":"r","secret":"s","sizes":[{"width":3}]}`,
		})
		if w.rings.Load() != 4 {
			t.Errorf("%d rings for 4 writes", w.rings.Load())
		}
	})
}

func TestUniqueKeysHoldAgainstRaces(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		desk := w.as("desk1")
		var wait sync.WaitGroup
		errors := make([]error, 8)
		for i := range errors {
			wait.Go(func() {
				_, errors[i] = w.records.Create(t.Context(), desk, "store", "parts", json.RawMessage(`{"code": "same"}`))
			})
		}
		wait.Wait()
		made := 0
		for _, err := range errors {
			if err == nil {
				made++
				continue
			}
			same(t, "refused", rules(err), []string{"code:unique"})
		}
		if found := w.titles("desk1", record.Query{}); made != 1 || len(found) != 1 {
			t.Errorf("%d made, %d there", made, len(found))
		}
	})
}

func TestARepeatedRequestTakesEffectOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := db.WithOnce(t.Context(), db.Once{Key: "1:abc", Hash: "h"})
		first, err := w.records.Create(ctx, w.as("desk1"), "store", "notes", json.RawMessage(`{"text": "hello"}`))
		must(t, err)
		second, err := w.records.Create(ctx, w.as("desk1"), "store", "notes", json.RawMessage(`{"text": "hello"}`))
		must(t, err)
		same(t, "the answer", second, first)
		n, err := db.Count(t.Context(), w.db, 10, "FROM record WHERE tbl = ?", "store/notes")
		must(t, err)
		same(t, "records", n, 1)
	})
}

func TestWhoMaySeeAndDoWhat(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		desk := w.create(`{"code": "D", "title": "Desk's", "secret": "hush"}`)
		kept := w.create(`{"code": "K", "title": "Kept", "keeper": "staff1"}`)
		own, err := w.records.Create(ctx, w.as("hr1"), "store", "parts", json.RawMessage(`{"code": "H", "title": "HR's"}`))
		must(t, err)

		same(t, "the desk sees all", w.titles("desk2", record.Query{Sort: "oldest"}), []string{"D Desk's", "K Kept", "H HR's"})
		same(t, "hr sees its own", w.titles("hr1", record.Query{}), []string{"H HR's"})
		same(t, "the keeper is named by the data", w.titles("staff1", record.Query{}), []string{"K Kept"})
		same(t, "staff2 sees none", w.titles("staff2", record.Query{}), []string{})
		auditor := w.as("staff2")
		auditor.Roles = []string{org.RoleAuditor}
		page, err := w.records.List(ctx, auditor, "store", "parts", record.Query{})
		must(t, err)
		same(t, "an auditor sees all", len(page.Items), 3)

		for name, err := range map[string]error{
			"show":    second(w.records.Show(ctx, w.as("hr1"), "store", "parts", desk.ID)),
			"change":  second(w.records.Change(ctx, w.as("hr1"), "store", "parts", desk.ID, 1, json.RawMessage(`{"title": "x"}`))),
			"history": second(w.records.History(ctx, w.as("hr1"), "store", "parts", desk.ID, "", 0)),
			"app":     second(w.records.List(ctx, w.as("hr1"), "nowhere", "parts", record.Query{})),
		} {
			if !errs.Is(err, errs.NotFound) {
				t.Errorf("%s of what hr may not see: %v", name, err)
			}
		}
		for name, err := range map[string]error{
			"create":                 second(w.records.Create(ctx, w.as("staff1"), "store", "parts", json.RawMessage(`{"code": "x"}`))),
			"change":                 second(w.records.Change(ctx, w.as("staff1"), "store", "parts", kept.ID, 1, json.RawMessage(`{"title": "x"}`))),
			"delete":                 second(w.records.Delete(ctx, w.as("hr1"), "store", "parts", own.ID, 1)),
			"with a token of others": second(w.records.Create(ctx, reading(w.as("desk1")), "store", "parts", json.RawMessage(`{"code": "x"}`))),
		} {
			if !errs.Is(err, errs.Denied) {
				t.Errorf("%s by who may not: %v", name, err)
			}
		}
		_, err = w.records.Change(ctx, w.as("hr1"), "store", "parts", own.ID, 1, json.RawMessage(`{"title": "mine"}`))
		must(t, err)

		// A keeper that is named no more sees it no more.
		_, err = w.records.Change(ctx, w.as("desk1"), "store", "parts", kept.ID, 1, json.RawMessage(`{"keeper": "staff2"}`))
		must(t, err)
		same(t, "the keeper of before", w.titles("staff1", record.Query{}), []string{})
		same(t, "the keeper of now", w.titles("staff2", record.Query{}), []string{"K Kept"})
	})
}

func second[T any](_ T, err error) error { return err }

func reading(a *org.Actor) *org.Actor {
	a.Token, a.Scopes = 1, []string{org.ScopeRead}
	return a
}

func TestAUnitSeesWhatItsPeopleMake(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		_, err := w.records.Create(ctx, w.as("staff1"), "store", "notes", json.RawMessage(`{"text": "of sales"}`))
		must(t, err)
		for login, want := range map[string]int{"staff2": 1, "sales-manager": 1, "hr1": 0, "director": 0} {
			page, err := w.records.List(ctx, w.as(login), "store", "notes", record.Query{})
			must(t, err)
			if len(page.Items) != want {
				t.Errorf("%s sees %d", login, len(page.Items))
			}
		}
	})
}

func TestAHiddenFieldNeverLeaves(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, staff := t.Context(), w.as("staff1")
		made := w.create(`{"code": "K", "secret": "hush", "keeper": "staff1"}`)
		shown, err := w.records.Show(ctx, staff, "store", "parts", made.ID)
		must(t, err)
		page, err := w.records.List(ctx, staff, "store", "parts", record.Query{})
		must(t, err)
		history, err := w.records.History(ctx, staff, "store", "parts", made.ID, "", 0)
		must(t, err)
		for what, v := range map[string]any{"show": shown, "list": page, "history": history, "csv": w.export("staff1", record.CSV, record.Query{})} {
			if text, _ := json.Marshal(v); strings.Contains(string(text), "hush") || strings.Contains(string(text), "ecret") {
				t.Errorf("%s tells it: %s", what, text)
			}
		}
		for what, q := range map[string]record.Query{
			"a filter": {Fields: []record.Filter{{Name: "secret", Op: "eq", Value: "hush"}}},
			"a sort":   {Sort: "secret"},
		} {
			if _, err := w.records.List(ctx, staff, "store", "parts", q); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s by it: %v", what, err)
			}
		}
		same(t, "a search finds it not", w.titles("staff1", record.Query{Search: "hush"}), []string{})
		same(t, "where it shows it does", len(w.titles("desk1", record.Query{Search: "HUS"})), 1)
	})
}

func TestFiltersAndOrders(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.create(`{"code": "a", "title": "Bolt", "price": 10, "since": "2026-01-05"}`)
		w.create(`{"code": "b", "title": "Bolt long", "price": 2.5, "colour": "g"}`)
		w.create(`{"code": "c", "title": "Nut_x", "since": "2025-12-31"}`)
		w.create(`{"code": "d", "title": "Nut%", "price": 2.5, "since": "2026-01-05"}`)
		codes := func(q record.Query) string {
			var all []string
			for _, title := range w.titles("desk1", q) {
				all = append(all, title[:1])
			}
			return strings.Join(all, "")
		}
		for _, tt := range []struct{ filter, want string }{
			{"title:eq:Bolt", "a"}, {"title:ne:Bolt", "bcd"}, {"title:prefix:bolt", "ab"}, {"title:contains:T_", "c"}, {"title:contains:%", "d"},
			{"price:eq:2.5", "bd"}, {"price:gt:2.5", "a"}, {"price:ge:2.50", "abd"}, {"price:in:10|3", "a"}, {"price:empty:true", "c"}, {"price:empty:false", "abd"},
			{"since:lt:2026-01-01", "c"}, {"since:ge:2026-01-05", "ad"}, {"code:in:a|d|zz", "ad"}, {"colour:eq:g", "b"}, {"price:ge:2,since:eq:2026-01-05", "ad"},
		} {
			q := record.Query{Sort: "oldest"}
			for part := range strings.SplitSeq(tt.filter, ",") {
				f := strings.SplitN(part, ":", 3)
				q.Fields = append(q.Fields, record.Filter{Name: f[0], Op: f[1], Value: f[2]})
			}
			if got := codes(q); got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.filter, got, tt.want)
			}
		}
		for sort, want := range map[string]string{"newest": "dcba", "oldest": "abcd", "price": "bdac", "-price": "cadb", "title": "abdc", "-title": "cdba", "since": "cadb", "-since": "bdac"} {
			for _, limit := range []int{1, 3, 0} {
				if got := codes(record.Query{Sort: sort, Limit: limit}); got != want {
					t.Errorf("%s, %d at once: got %s, want %s", sort, limit, got, want)
				}
			}
		}
		for _, bad := range []record.Query{{Sort: "uses"}, {After: "?"}, {Limit: 999}, {Fields: []record.Filter{{Name: "price", Op: "eq", Value: "much"}}}, {Fields: []record.Filter{{Name: "price", Op: "like", Value: "1"}}}} {
			if _, err := w.records.List(t.Context(), w.as("desk1"), "store", "parts", bad); !errs.Is(err, errs.Invalid) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
	})
}

func TestANewVersionOfTheAppReshapesWhatIsThere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.create(`{"code": "a", "title": "x", "keeper": "staff1"}`)
		table := strings.Replace(partsTable, `'=if keeper = null then null else "user:" + keeper'`, `'="user:staff2"'`, 1)
		table = strings.Replace(table, "unique: [[code]]", "unique: [[code], [title]]", 1) + "searchable: [keeper]\n"
		w.publish(folder("store", map[string]string{"records/parts.yaml": table}))
		same(t, "the reader of the old shape, before the rows are new", w.titles("staff1", record.Query{}), []string{})
		must(t, w.records.Reindex(ctx))
		same(t, "the reader of the new shape", w.titles("staff2", record.Query{}), []string{"a x"})
		same(t, "the new field", w.titles("desk1", record.Query{Fields: []record.Filter{{Name: "keeper", Op: "eq", Value: "staff1"}}}), []string{"a x"})
		_, err := w.records.Create(ctx, w.as("desk1"), "store", "parts", json.RawMessage(`{"code": "b", "title": "x"}`))
		same(t, "the new key", rules(err), []string{"title:unique"})
	})
}

func TestChoicesAreRecords(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, desk := t.Context(), w.as("desk1")
		w.create(`{"code": "A-1", "title": "Bolt"}`)
		blank, err := w.records.Form(ctx, desk, "store", "parts")
		must(t, err)
		same(t, "offered", blank.Choices["like"], []form.Choice{{Label: "A-1 Bolt", Value: "A-1"}})
		w.create(`{"code": "A-2", "like": "A-1"}`)
		_, err = w.records.Create(ctx, desk, "store", "parts", json.RawMessage(`{"code": "A-3", "like": "A-9"}`))
		same(t, "none of them", rules(err), []string{"like:option"})
		_, err = w.records.Create(ctx, w.as("hr1"), "store", "parts", json.RawMessage(`{"code": "A-4", "like": "A-1"}`))
		same(t, "one that hr may not see", rules(err), []string{"like:option"})
	})
}
