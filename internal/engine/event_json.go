package engine

import (
	"encoding/json"
	"fmt"

	"github.com/paceline/paceline/internal/feel"
)

// wireEvent is any event as JSON: its name and the fields it has. Ids are strings, as
// everywhere in JSON; values are written by appendTyped.
type wireEvent struct {
	Event        string            `json:"event"`
	Instance     ID                `json:"instance,omitempty,string"`
	Task         ID                `json:"task,omitempty,string"`
	Job          ID                `json:"job,omitempty,string"`
	Timer        ID                `json:"timer,omitempty,string"`
	Subscription ID                `json:"subscription,omitempty,string"`
	Call         ID                `json:"call,omitempty,string"`
	Incident     ID                `json:"incident,omitempty,string"`
	Parent       ID                `json:"parent,omitempty,string"`
	ParentCall   ID                `json:"parentCall,omitempty,string"`
	Version      int               `json:"version,omitempty"`
	Element      string            `json:"element,omitempty"`
	BusinessKey  string            `json:"businessKey,omitempty"`
	Initiator    string            `json:"initiator,omitempty"`
	Outcome      string            `json:"outcome,omitempty"`
	By           string            `json:"by,omitempty"`
	To           string            `json:"to,omitempty"`
	From         string            `json:"from,omitempty"`
	Delegate     bool              `json:"delegate,omitempty"`
	Return       bool              `json:"return,omitempty"`
	Code         string            `json:"code,omitempty"`
	Message      string            `json:"message,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	Remove       bool              `json:"remove,omitempty"`
	How          How               `json:"how,omitempty"`
	All          bool              `json:"all,omitempty"`
	Note         string            `json:"note,omitempty"`
	Group        ID                `json:"group,omitempty,string"`
	Members      []Member          `json:"members,omitempty"`
	Verdict      Verdict           `json:"verdict,omitempty"`
	Where        Where             `json:"where,omitempty"`
	Member       string            `json:"member,omitempty"`
	At           string            `json:"at,omitempty"`
	Again        ID                `json:"again,omitempty,string"`
	Source       ID                `json:"source,omitempty,string"`
	Target       ID                `json:"target,omitempty,string"`
	Map          map[string]string `json:"map,omitempty"`
	Renew        []string          `json:"renew,omitempty"`
	Vars         json.RawMessage   `json:"vars,omitempty"`
}

// EncodeEvent writes an event as JSON, exactly enough to replay it.
func EncodeEvent(ev Event) ([]byte, error) {
	w := wireEvent{}
	var vars feel.Vars
	switch ev := ev.(type) {
	case Start:
		w = wireEvent{Event: "start", Instance: ev.Instance, Element: ev.Element, BusinessKey: ev.BusinessKey, Parent: ev.Parent, ParentCall: ev.ParentCall, Initiator: ev.Initiator, At: ev.At, Again: ev.Again}
		vars = ev.Vars
	case TaskCompleted:
		w = wireEvent{Event: "taskCompleted", Task: ev.Task, Version: ev.Version, Outcome: ev.Outcome, By: ev.By, Note: ev.Note}
		vars = ev.Vars
	case TaskAssigned:
		w = wireEvent{Event: "taskAssigned", Task: ev.Task, Version: ev.Version, To: ev.To, Delegate: ev.Delegate, By: ev.By}
	case GroupFormed:
		w = wireEvent{Event: "groupFormed", Group: ev.Group, Members: ev.Members, Verdict: ev.Verdict, Reason: ev.Reason}
	case GroupChanged:
		w = wireEvent{Event: "groupChanged", Task: ev.Task, Remove: ev.Remove, By: ev.By, Where: ev.Where, Member: ev.Member}
		if len(ev.Add) > 0 {
			vars = feel.Vars{"add": ev.Add}
		}
	case TaskFailed:
		w = wireEvent{Event: "taskFailed", Task: ev.Task, Code: ev.Code, Message: ev.Message}
		vars = ev.Vars
	case JobDone:
		w = wireEvent{Event: "jobDone", Job: ev.Job}
		vars = ev.Vars
	case JobFailed:
		w = wireEvent{Event: "jobFailed", Job: ev.Job, Code: ev.Code, Message: ev.Message}
		vars = ev.Vars
	case TimerFired:
		w = wireEvent{Event: "timerFired", Timer: ev.Timer}
	case MessageArrived:
		w = wireEvent{Event: "messageArrived", Subscription: ev.Subscription}
		vars = ev.Vars
	case SignalRaised:
		w = wireEvent{Event: "signalRaised", Subscription: ev.Subscription}
		vars = ev.Vars
	case ChildFinished:
		w = wireEvent{Event: "childFinished", Call: ev.Call, How: ev.How, Code: ev.Code, Message: ev.Message, All: ev.All}
		vars = ev.Vars
	case ChildEscalated:
		w = wireEvent{Event: "childEscalated", Call: ev.Call, Code: ev.Code}
		vars = ev.Vars
	case VariablesSet:
		w = wireEvent{Event: "variablesSet", Element: ev.Element}
		vars = ev.Vars
	case Jump:
		w = wireEvent{Event: "jump", From: ev.From, To: ev.To, Return: ev.Return}
		vars = ev.Vars
	case Withdraw:
		w = wireEvent{Event: "withdraw", By: ev.By}
	case Cancel:
		w = wireEvent{Event: "cancel", Reason: ev.Reason}
	case Retry:
		w = wireEvent{Event: "retry", Incident: ev.Incident}
	case Migrate:
		w = wireEvent{Event: "migrate", Source: ev.Source, Target: ev.Target, Map: ev.Plan.Map, Renew: ev.Plan.Renew}
	case Suspend:
		w = wireEvent{Event: "suspend"}
	case Resume:
		w = wireEvent{Event: "resume"}
	default:
		return nil, fmt.Errorf("engine: %T is no event", ev)
	}
	data, err := json.Marshal(w)
	if err != nil || len(vars) == 0 {
		return data, err
	}
	values, err := typedVars(vars)
	if err != nil {
		return nil, err
	}
	data = append(data[:len(data)-1], `,"vars":`...) // spliced in: Marshal would read it all again
	return append(append(data, values...), '}'), nil
}

// DecodeEvent reads what EncodeEvent wrote.
func DecodeEvent(data []byte) (Event, error) {
	var w wireEvent
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, fmt.Errorf("engine: the stored event is damaged: %w", err)
	}
	vars, err := varsOf(w.Vars)
	if err != nil {
		return nil, fmt.Errorf("engine: the stored event is damaged: %w", err)
	}
	switch w.Event {
	case "start":
		return Start{Instance: w.Instance, Element: w.Element, BusinessKey: w.BusinessKey, Vars: vars, Parent: w.Parent, ParentCall: w.ParentCall, Initiator: w.Initiator, At: w.At, Again: w.Again}, nil
	case "taskCompleted":
		return TaskCompleted{Task: w.Task, Version: w.Version, Outcome: w.Outcome, Vars: vars, By: w.By, Note: w.Note}, nil
	case "taskAssigned":
		return TaskAssigned{Task: w.Task, Version: w.Version, To: w.To, Delegate: w.Delegate, By: w.By}, nil
	case "groupChanged":
		add, _ := vars["add"].(feel.List)
		return GroupChanged{Task: w.Task, Add: add, Remove: w.Remove, By: w.By, Where: w.Where, Member: w.Member}, nil
	case "groupFormed":
		return GroupFormed{Group: w.Group, Members: w.Members, Verdict: w.Verdict, Reason: w.Reason}, nil
	case "taskFailed":
		return TaskFailed{Task: w.Task, Code: w.Code, Message: w.Message, Vars: vars}, nil
	case "jobDone":
		return JobDone{Job: w.Job, Vars: vars}, nil
	case "jobFailed":
		return JobFailed{Job: w.Job, Code: w.Code, Message: w.Message, Vars: vars}, nil
	case "timerFired":
		return TimerFired{Timer: w.Timer}, nil
	case "messageArrived":
		return MessageArrived{Subscription: w.Subscription, Vars: vars}, nil
	case "signalRaised":
		return SignalRaised{Subscription: w.Subscription, Vars: vars}, nil
	case "childFinished":
		return ChildFinished{Call: w.Call, How: w.How, Code: w.Code, Message: w.Message, All: w.All, Vars: vars}, nil
	case "childEscalated":
		return ChildEscalated{Call: w.Call, Code: w.Code, Vars: vars}, nil
	case "variablesSet":
		return VariablesSet{Element: w.Element, Vars: vars}, nil
	case "jump":
		return Jump{From: w.From, To: w.To, Return: w.Return, Vars: vars}, nil
	case "withdraw":
		return Withdraw{By: w.By}, nil
	case "cancel":
		return Cancel{Reason: w.Reason}, nil
	case "retry":
		return Retry{Incident: w.Incident}, nil
	case "migrate":
		return Migrate{Source: w.Source, Target: w.Target, Plan: Plan{Map: w.Map, Renew: w.Renew}}, nil
	case "suspend":
		return Suspend{}, nil
	case "resume":
		return Resume{}, nil
	}
	return nil, fmt.Errorf("engine: %q is no event", w.Event)
}
