package process_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/process"
)

// TestThousandSignersPressTogether: on two nodes exactly as many votes count as decide, everybody else hears that
// the group has decided, and nothing of it is left over.
func TestThousandSignersPressTogether(t *testing.T) { each(t, pressTogether) }

func pressTogether(t *testing.T, w *world) {
	const signers, enough = 1000, 600
	nodes := []*node{w.node(), w.node()}
	names := make([]string, signers)
	for i := range names {
		names[i] = fmt.Sprintf("signer%d", i)
	}
	began := time.Now()
	id := nodes[0].start(w.define(sequence("p", `<userTask id="sign" xmlns:p="https://paceline.dev/bpmn/1.0" p:candidateUsers="`+strings.Join(names, ",")+`">
<extensionElements><p:approval rule="60%"/></extensionElements></userTask>`)), engine.Start{})
	tasks, err := w.query.TasksOf(t.Context(), id)
	must(t, err)
	if len(tasks) != signers {
		t.Fatalf("%d tasks", len(tasks))
	}
	opened, before := time.Since(began), w.db.Stats()
	var counted, late atomic.Int64
	var all sync.WaitGroup
	for i, task := range tasks {
		all.Go(func() {
			switch err := nodes[i%2].submit(id, engine.TaskCompleted{Task: engine.ID(task.ID), Outcome: "agree"}); {
			case err == nil:
				counted.Add(1)
			case errs.Is(err, errs.Conflict):
				late.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	after := w.db.Stats()
	t.Logf("opened in %s, all answered after %s in %d groups, %d of them done again because the other node was faster",
		opened.Round(time.Millisecond), (time.Since(began) - opened).Round(time.Millisecond), after.Groups-before.Groups, after.Refused-before.Refused)
	w.ends(id, process.Completed)
	if counted.Load() != enough || late.Load() != signers-enough {
		t.Errorf("%d votes counted, %d came late", counted.Load(), late.Load())
	}
	if left := w.count("task") + w.count("task_candidate"); left != 0 {
		t.Errorf("%d rows are left", left)
	}
	must(t, w.query.Replay(t.Context(), id))
}
