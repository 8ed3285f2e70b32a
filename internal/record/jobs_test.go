package record_test

import (
	"errors"
	"testing"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
	"github.com/paceline/paceline/internal/record"
)

// job is machine work of a process of an app, with its declared inputs as JSON.
func (w *world) job(appName, kind, key, inputs string) (feel.Vars, error) {
	w.t.Helper()
	live, err := w.apps.Active(appName)
	must(w.t, err)
	given, err := feel.FromJSON([]byte(inputs))
	must(w.t, err)
	c := given.(*feel.Context)
	node := &bpmn.Node{ID: "work", Work: &bpmn.Work{ResultVar: "found"}}
	vars := feel.Vars{}
	for i := range c.Len() {
		e := c.At(i)
		node.Inputs = append(node.Inputs, bpmn.Mapping{Target: e.Name})
		vars[e.Name] = e.Value
	}
	return w.records.Handlers()[kind](w.t.Context(), process.Job{
		ID: 1, Instance: 7, Root: 7, Definition: live.DefinitionID(appName), Type: kind, Key: key, Node: node, Vars: vars,
	})
}

func TestProcessesReadAndWriteRecords(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		write := func(key, inputs string) string {
			t.Helper()
			vars, err := w.job("store", "record.write", key, inputs)
			must(t, err)
			done, _ := vars["found"].(*feel.Context).Get("done")
			return done.(string)
		}
		same(t, "upsert", write("k1", `{"table": "parts", "values": {"code": "P-1", "price": 1, "secret": "s"}}`), "created")
		same(t, "the same job again", write("k1", `{"table": "parts", "values": {"code": "P-1", "price": 1, "secret": "s"}}`), "created")
		same(t, "another job", write("k2", `{"table": "store/parts", "do": "upsert", "values": {"code": "P-1", "price": 2}}`), "changed")
		same(t, "create", write("k3", `{"table": "parts", "do": "create", "values": {"code": "P-2", "price": 5}}`), "created")
		same(t, "change by key", write("k4", `{"table": "parts", "do": "change", "key": "P-2", "values": {"price": 6}}`), "changed")

		vars, err := w.job("store", "record.read", "k5", `{"table": "parts", "key": "P-1"}`)
		must(t, err)
		price, _ := vars["found"].(*feel.Context).Get("price")
		same(t, "read", feel.String(price), "2")
		vars, err = w.job("store", "record.query", "k6", `{"table": "parts", "where": [{"field": "price", "op": "ge", "value": 2}], "sort": "-price"}`)
		must(t, err)
		found := vars["found"].(feel.List)
		code, _ := found[0].(*feel.Context).Get("code")
		same(t, "query", []any{len(found), code}, []any{2, "P-2"})
		same(t, "delete", write("k7", `{"table": "parts", "do": "delete", "key": "P-2"}`), "deleted")

		id, err := db.ParseID(feel.String(first(vars, "_id")))
		must(t, err)
		history, err := w.records.History(t.Context(), w.as("desk1"), "store", "parts", id, "", 0)
		if err == nil {
			same(t, "history", []any{history.Items[0].Via, history.Items[0].Instance, history.Items[0].By.Name}, []any{"process", db.ID(7), "Store"})
		}
		must(t, err)
	})
}

func first(vars feel.Vars, name string) feel.Value {
	v, _ := vars["found"].(feel.List)[0].(*feel.Context).Get(name)
	return v
}

func TestErrorsThatModelsCatch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.publish(folder("other", nil))
		w.create(`{"code": "P-1"}`)
		for _, tt := range []struct{ app, kind, inputs, code string }{
			{"store", "record.read", `{"table": "parts", "key": "P-9"}`, record.CodeNotFound},
			{"store", "record.write", `{"table": "parts", "values": {"code": "P-2", "price": -1}}`, record.CodeInvalid},
			{"store", "record.write", `{"table": "parts", "do": "create", "values": {"code": "P-1"}}`, record.CodeDuplicate},
			{"store", "record.write", `{"table": "parts", "do": "change", "key": "P-9", "values": {"price": 1}}`, record.CodeNotFound},
			{"store", "record.write", `{"table": "parts", "do": "replace", "values": {}}`, ""},
			{"store", "record.query", `{"table": "nothing"}`, ""},
			{"store", "record.query", `{"table": "parts", "limit": 100000}`, ""},
			{"other", "record.query", `{"table": "store/parts"}`, ""},
		} {
			_, err := w.job(tt.app, tt.kind, "e"+tt.inputs, tt.inputs)
			var caught *process.BPMNError
			switch {
			case tt.code == "" && !process.IsPermanent(err):
				t.Errorf("%s %s: %v is tried again", tt.kind, tt.inputs, err)
			case tt.code != "" && (!errors.As(err, &caught) || caught.Code != tt.code):
				t.Errorf("%s %s: %v, want %s", tt.kind, tt.inputs, err, tt.code)
			}
		}
	})
}
