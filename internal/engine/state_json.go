package engine

import (
	"encoding/base64"
	"encoding/json"
	"time"
)

// stateView is a State for people. The encoding travels with it, so that reading it back gives the
// very same state.
type stateView struct {
	Instance    ID               `json:"instance,string"`
	BusinessKey string           `json:"businessKey,omitempty"`
	Initiator   string           `json:"initiator,omitempty"`
	Parent      ID               `json:"parent,omitempty,string"`
	Ended       string           `json:"ended,omitempty"`
	Suspended   bool             `json:"suspended,omitempty"`
	Tokens      []activationView `json:"tokens"`
	Armed       []armView        `json:"armed,omitempty"`
	Passed      []passView       `json:"passed,omitempty"`
	State       string           `json:"state"`
}

type activationView struct {
	Key      uint32          `json:"key"`
	In       uint32          `json:"in,omitempty"`
	Element  string          `json:"element"`
	Phase    string          `json:"phase"`
	Loop     int32           `json:"loop,omitempty"`
	ID       ID              `json:"id,omitempty,string"`
	Arrived  []string        `json:"arrived,omitempty"`
	Assignee string          `json:"assignee,omitempty"`
	Version  int             `json:"version,omitempty"`
	Incident string          `json:"incident,omitempty"`
	Vars     json.RawMessage `json:"vars,omitempty"`
}

type armView struct {
	ID      ID     `json:"id,string"`
	Owner   uint32 `json:"owner"`
	Element string `json:"element"`
	Kind    string `json:"kind"`
	Name    string `json:"name,omitempty"`
	Key     string `json:"key,omitempty"`
	Due     string `json:"due,omitempty"`
}

type passView struct {
	Element string    `json:"element"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
}

var phaseNames = [...]string{"arriving", "waiting", "joining", "holding", "throwing", "undoing", "stuck", "over"}

var howNames = map[How]string{EndCompleted: "completed", EndTerminated: "terminated", EndCancelled: "cancelled", EndFailed: "failed"}

// MarshalJSON shows the state to people.
func (s *State) MarshalJSON() ([]byte, error) {
	raw, err := s.MarshalBinary()
	if err != nil {
		return nil, err
	}
	v := stateView{Instance: s.instance, BusinessKey: s.businessKey, Initiator: s.initiator, Parent: s.parent,
		Ended: howNames[s.how], Suspended: s.suspended, State: base64.StdEncoding.EncodeToString(raw)}
	for _, a := range s.acts {
		t := activationView{Key: a.key, In: a.parent, Element: a.element, Phase: phaseNames[a.phase], Loop: a.loop, ID: a.id, Arrived: a.arrived}
		if a.task != nil {
			t.Assignee, t.Version = a.task.assignee, a.task.version
		}
		if a.incident != nil {
			t.Incident = a.incident.message
		}
		if len(a.vars) > 0 {
			if t.Vars, err = typedVars(asVars(a.vars)); err != nil {
				return nil, err
			}
		}
		v.Tokens = append(v.Tokens, t)
	}
	for i, a := range s.Armed() {
		m := armView{ID: a.ID, Owner: s.arms[i].owner, Element: a.Element, Kind: a.Kind.String(), Name: a.Name, Key: a.Key}
		if !a.Due.IsZero() {
			m.Due = a.Due.Format(time.RFC3339Nano)
		}
		v.Armed = append(v.Armed, m)
	}
	for _, p := range s.passed {
		v.Passed = append(v.Passed, passView{p.Element, p.By, p.At})
	}
	return json.Marshal(v)
}

// UnmarshalJSON reads what MarshalJSON wrote. Only the encoding in it counts.
func (s *State) UnmarshalJSON(data []byte) error {
	var v struct {
		State string `json:"state"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(v.State)
	if err != nil {
		return ErrDamaged
	}
	return s.UnmarshalBinary(raw)
}
