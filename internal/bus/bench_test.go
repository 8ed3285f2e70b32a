package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bus"
)

// BenchmarkBeat is one heartbeat and its answer, as one of many hosts sends it to a leader
// at the other Booster.
func BenchmarkBeat(b *testing.B) {
	w := newWorld(b)
	a := w.booster("a")
	other := w.booster("b", a)
	leader, host := w.own("b", other), w.host("h", a)
	_, err := leader.Handle(bus.Lead("beat"), func(_ context.Context, m bus.Message) (any, error) {
		var beat bus.Beat
		return bus.Pulse{Leader: "b/booster", Epoch: 1}, m.Read(&beat)
	})
	w.must(err)
	beat := bus.Beat{Node: "h/server", Host: "h", Role: "server", Version: "1.0.0", State: "ready", Wall: time.Now(), Zone: "UTC"}
	w.eventually("a first answer", func() bool { return host.Request(b.Context(), bus.Lead("beat"), beat, nil) == nil })
	for b.Loop() {
		var pulse bus.Pulse
		w.must(host.Request(b.Context(), bus.Lead("beat"), beat, &pulse))
	}
}
