package dryrun

import (
	"fmt"

	"github.com/paceline/paceline/internal/engine"
)

// migrate moves the running instances of a process, or the one named, to the process of the same id in
// another file, which new instances are started from too.
func (w *world) migrate(s step) error {
	f, err := w.read(s.Migrate)
	if err != nil {
		return err
	}
	if err := w.deploy(f); err != nil {
		return err
	}
	moved := 0
	for _, in := range w.instances {
		to := w.process(in.proc.id)
		if in.ended() || to == in.proc || s.Instance != 0 && s.Instance != in.n {
			continue
		}
		if err := w.step(in, engine.Migrate{To: to.def, Plan: engine.Plan{Map: s.Map, Renew: s.Renew}}); err != nil {
			return err
		}
		in.proc = to
		moved++
	}
	if moved == 0 {
		return fmt.Errorf("no running instance has a process of %s", s.Migrate)
	}
	return nil
}
