package process_test

import (
	"testing"

	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/process"
)

func TestStartCompleteFinish(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.node()
		id := n.start(w.define(sequence("p", `<userTask id="approve" name="Approve"/>`)), engine.Start{BusinessKey: "k"})

		task := w.task(id)
		if task.Node != "approve" || task.Name != "Approve" || task.Root != id || task.Version != 1 {
			t.Errorf("the task is %+v", task)
		}
		if in := w.instance(id); in.Status != process.Running || in.Version != 1 || in.Seq != 1 || in.BusinessKey != "k" {
			t.Errorf("the instance is %+v", in)
		}
		n.complete(id)
		w.ends(id, process.Completed)
		if in := w.instance(id); in.Version != 2 || in.Seq != 2 || in.Ended.IsZero() {
			t.Errorf("the ended instance is %+v", in)
		}
		if left := w.count("task"); left != 0 {
			t.Errorf("%d task rows are left", left)
		}
	})
}
