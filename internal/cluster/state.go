package cluster

// State of a member. Gateways, rollouts and migrations go by it.
type State string

// The states.
const (
	Joining  State = "joining"  // it has a place, and has not yet looked at itself
	Waiting  State = "waiting"  // something that it needs is missing; Cause says what
	Ready    State = "ready"    // it takes requests
	Draining State = "draining" // it finishes what it has and takes nothing new
	Stopped  State = "stopped"  // it has left in good order
	Lost     State = "lost"     // it has not been heard of in time
)

// Event is what happens to a member.
type Event string

// The events.
const (
	Joined   Event = "joined"   // it took a place
	Passed   Event = "passed"   // all its checks are good
	Failed   Event = "failed"   // one of its checks is not
	Drained  Event = "drained"  // somebody wants it to drain, or it is about to stop
	Returned Event = "returned" // it is wanted back
	Left     Event = "left"     // it gave its place back
	Silent   Event = "silent"   // its row was not renewed in time
)

// transitions are all there are. Who is lost or stopped comes back by joining, in a new
// epoch; who drains does so until it is wanted back, however its checks are.
var transitions = map[State]map[Event]State{
	"":       {Joined: Joining},
	Joining:  {Passed: Ready, Failed: Waiting, Drained: Draining, Left: Stopped, Silent: Lost},
	Waiting:  {Passed: Ready, Drained: Draining, Left: Stopped, Silent: Lost},
	Ready:    {Failed: Waiting, Drained: Draining, Left: Stopped, Silent: Lost},
	Draining: {Returned: Joining, Left: Stopped, Silent: Lost},
	Stopped:  {Joined: Joining},
	Lost:     {Joined: Joining},
}

// After is the state after the event; events that a state has no use for change nothing.
func (s State) After(e Event) State {
	if next, ok := transitions[s][e]; ok {
		return next
	}
	return s
}
