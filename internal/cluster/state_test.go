package cluster

import "testing"

// The table is written as people draw it: a row for each state, a column for each event.
func TestStates(t *testing.T) {
	events := []Event{Joined, Passed, Failed, Drained, Returned, Left, Silent}
	for from, to := range map[State][]State{
		//        joined, passed, failed, drained, returned, left, silent
		"":       {Joining, "", "", "", "", "", ""},
		Joining:  {Joining, Ready, Waiting, Draining, Joining, Stopped, Lost},
		Waiting:  {Waiting, Ready, Waiting, Draining, Waiting, Stopped, Lost},
		Ready:    {Ready, Ready, Waiting, Draining, Ready, Stopped, Lost},
		Draining: {Draining, Draining, Draining, Draining, Joining, Stopped, Lost},
		Stopped:  {Joining, Stopped, Stopped, Stopped, Stopped, Stopped, Stopped},
		Lost:     {Joining, Lost, Lost, Lost, Lost, Lost, Lost},
	} {
		for i, e := range events {
			if got := from.After(e); got != to[i] {
				t.Errorf("%q after %s: %q, want %q", from, e, got, to[i])
			}
		}
	}
}
