package engine

import (
	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/feel"
)

// behaviour is what a kind of element does. A function that a kind has no use for is nil,
// or the one every activity shares.
type behaviour struct {
	// enter is called when the token is in the element. It completes the activation or
	// leaves it waiting. An error makes an incident; Retry calls enter again.
	enter func(*run, *activation) error
	// choose picks the flows to leave by; nil: the conditional flows of activities.
	choose func(*run, *activation) ([]*flow, error)
	// merge may take an arriving token into one that waits at the same join.
	merge func(*run, *activation) bool
	// fired is called when something armed for this element is triggered; owner is the
	// activation that armed it.
	fired func(r *run, m arm, owner *activation, vars feel.Vars)
	// emptied is called when the last activation inside a scope is gone.
	emptied func(*run, *activation)
	// throw is called when all else has come to rest, for events that others may catch.
	throw func(*run, *activation)
}

// behaviours says how each kind of element behaves; events are told apart by what they
// wait for or throw.
var behaviours = map[bpmn.Kind]*behaviour{
	bpmn.UndefinedTask:     passTask,
	bpmn.ManualTask:        passTask,
	bpmn.UserTask:          userTask,
	bpmn.ReceiveTask:       receiveTask,
	bpmn.ServiceTask:       workTask,
	bpmn.ScriptTask:        workTask,
	bpmn.SendTask:          sendTask,
	bpmn.BusinessRuleTask:  businessRuleTask,
	bpmn.CallActivity:      callActivity,
	bpmn.SubProcess:        subProcess,
	bpmn.Transaction:       subProcess,
	bpmn.EventSubProcess:   eventSubProcess,
	bpmn.AdHocSubProcess:   adHocSubProcess,
	bpmn.ExclusiveGateway:  exclusiveGateway,
	bpmn.ParallelGateway:   parallelGateway,
	bpmn.InclusiveGateway:  inclusiveGateway,
	bpmn.EventBasedGateway: eventBasedGateway,
	bpmn.StartEvent:        startEvent,
	bpmn.BoundaryEvent:     boundaryEvent,
}

var catches = map[bpmn.EventKind]*behaviour{
	0:                     passTask,
	bpmn.TimerEvent:       catchEvent,
	bpmn.MessageEvent:     catchEvent,
	bpmn.SignalEvent:      catchEvent,
	bpmn.ConditionalEvent: catchEvent,
	bpmn.VariableEvent:    catchEvent,
	bpmn.LinkEvent:        passTask,
}

var throws = map[bpmn.EventKind]*behaviour{
	0:                      passTask,
	bpmn.MessageEvent:      messageThrow,
	bpmn.SignalEvent:       signalThrow,
	bpmn.ErrorEvent:        errorThrow,
	bpmn.EscalationEvent:   escalationThrow,
	bpmn.TerminateEvent:    terminateEnd,
	bpmn.LinkEvent:         passTask,
	bpmn.CompensationEvent: compensationThrow,
	bpmn.CancelEvent:       cancelEnd,
}

// behaviourOf returns nil for an element that this engine does not run.
func behaviourOf(n *bpmn.Node) *behaviour {
	var event bpmn.EventKind
	if n.Event != nil {
		event = n.Event.Kind
	}
	switch n.Kind {
	case bpmn.CatchEvent:
		return catches[event]
	case bpmn.ThrowEvent, bpmn.EndEvent:
		return throws[event]
	}
	return behaviours[n.Kind]
}
