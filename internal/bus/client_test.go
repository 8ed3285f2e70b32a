package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/bus"
	"github.com/paceline/paceline/internal/errs"
)

func TestQuestionsAreAnsweredAcrossBoosters(t *testing.T) {
	w := newWorld(t)
	a := w.booster("a")
	b := w.booster("b", a)
	leader, host := w.own("a", a), w.host("h", b)
	cancel, err := leader.Handle(bus.Lead("double"), func(_ context.Context, m bus.Message) (any, error) {
		var n int
		if err := m.Read(&n); err != nil {
			return nil, err
		}
		if n < 0 {
			return nil, errs.New(errs.Conflict, "%s asks for the double of %d", m.From, n).WithCure("ask for more")
		}
		return 2 * n, nil
	})
	w.must(err)
	w.at(host, "b")

	var twice int
	w.eventually("an answer over the route", func() bool { return host.Request(t.Context(), bus.Lead("double"), 21, &twice) == nil })
	if twice != 42 {
		t.Errorf("got %d", twice)
	}
	err = host.Request(t.Context(), bus.Lead("double"), -1, nil)
	if !errs.Is(err, errs.Conflict) || err.Error() != "h asks for the double of -1" {
		t.Errorf("the handler's error came back as %v", err)
	}
	cancel()
	ctx, end := context.WithTimeout(t.Context(), 200*time.Millisecond) // the other Booster may not know yet
	defer end()
	if err := host.Request(ctx, bus.Lead("double"), 1, nil); !errs.Is(err, errs.Unavailable) {
		t.Errorf("nobody is there any more: %v", err)
	}
}
