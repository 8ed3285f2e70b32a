package process

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/engine"
)

type oneDefinition struct{ def *engine.Definition }

func (o oneDefinition) Definition(context.Context, db.ID) (*engine.Definition, error) {
	return o.def, nil
}
func (o oneDefinition) Called(context.Context, db.ID, string) (db.ID, error) { return 1, nil }

type alone struct{}

func (alone) Number() int64 { return 1 }
func (alone) Epoch() int64  { return 1 }
func (alone) Dead(context.Context) (func(number, epoch int64) bool, error) {
	return func(int64, int64) bool { return false }, nil
}

// The connection breaks during a commit, after the database has done it or before. The caller gets the
// true answer either way, and the command has happened once.
func TestUnknownOutcomeIsFoundOut(t *testing.T) {
	for name, committed := range map[string]bool{"it was committed": true, "it was not": false} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t, "sqlite")
			must(t, d.Migrate(t.Context(), Migrations()))
			file, err := bpmn.Parse([]byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"><process id="p" isExecutable="true">
				<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="a"/><userTask id="a"/><sequenceFlow id="g" sourceRef="a" targetRef="e"/><endEvent id="e"/></process></definitions>`))
			must(t, err)
			def, err := engine.Compile(file, "p")
			must(t, err)
			ids := db.NewIDs(1, time.Now)
			r := New(Config{}, Deps{DB: d, NewID: ids.Next, Lease: alone{}, Definitions: oneDefinition{def}, Log: slog.New(slog.DiscardHandler)})
			l := r.lanes[0]

			c, err := r.newCall(t.Context(), Command{Definition: 1, Event: engine.Start{}})
			must(t, err)
			units, _ := l.plan(t.Context(), []*call{c})
			if committed {
				must(t, d.Commit(t.Context(), []*db.Change{units[0].change})[0])
			}
			l.process(t.Context(), l.settle(t.Context(), units, []error{db.ErrUnknown}))

			got := <-c.reply
			if got.err != nil || got.Instance != c.Instance {
				t.Errorf("the caller got %+v, %v", got.Result, got.err)
			}
			for _, table := range []string{"instance", "history", "task"} {
				var n int
				must(t, d.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
				if n != 1 {
					t.Errorf("%d rows of %s, want 1", n, table)
				}
			}
		})
	}
}
