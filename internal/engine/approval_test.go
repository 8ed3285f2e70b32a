package engine_test

import (
	"fmt"
	"testing"

	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
)

// voting plays a model with one group and gives it its members.
func voting(t *testing.T, approval string, members ...string) *game {
	t.Helper()
	g := play(t, compile(t, `<userTask id="sign" xmlns:p="https://paceline.dev/bpmn/1.0" p:candidateUsers="asked"><extensionElements>`+approval+`</extensionElements></userTask><userTask id="after"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="sign"/><sequenceFlow id="f2" sourceRef="sign" targetRef="after"/>`), nil)
	formed := engine.GroupFormed{Group: effect[engine.FormGroup](g).Group}
	for _, name := range members {
		formed.Members = append(formed.Members, engine.Member{Name: name, Weight: 1})
	}
	g.must(formed)
	return g
}

// asked lists who has a task of the group now.
func (g *game) asked() string {
	var names []string
	for _, t := range g.state.OpenTasks() {
		names = append(names, t.Assignee)
	}
	return fmt.Sprint(names)
}

func (g *game) wantAsked(want string) {
	g.Helper()
	if got := g.asked(); got != want {
		g.Fatalf("asked are %s, not %s", got, want)
	}
}

func (g *game) of(assignee string) engine.ID {
	g.Helper()
	for _, t := range g.state.OpenTasks() {
		if t.Assignee == assignee {
			return t.ID
		}
	}
	g.Fatalf("%s has no task; asked are %s", assignee, g.asked())
	return 0
}

func (g *game) vote(who, outcome string) {
	g.Helper()
	g.must(engine.TaskCompleted{Task: g.of(who), By: who, Outcome: outcome, Note: who + " says " + outcome})
}

const parallel, inTurn = `<p:approval/>`, `<p:approval mode="inTurn"/>`

func TestOnePersonHasOneVote(t *testing.T) {
	g := voting(t, parallel, "ann", "bob", "bob", "cid")
	g.wantAsked("[ann bob cid]")
	g.refused(engine.TaskAssigned{Task: g.of("bob"), To: "ann", By: "bob"}, false) // who is a member
	g.must(engine.TaskAssigned{Task: g.of("bob"), To: "dee", By: "bob"})
	g.refused(engine.TaskAssigned{Task: g.of("cid"), To: "dee", By: "cid"}, false) // who has a task
	g.vote("ann", "agree")
	g.refused(engine.TaskAssigned{Task: g.of("cid"), To: "ann", By: "cid"}, false) // who has voted
	g.refused(engine.TaskCompleted{Task: g.of("cid"), By: "ann", Outcome: "agree"}, false)
	g.refused(engine.TaskAssigned{Task: g.of("cid"), By: "cid"}, false) // a vote is not put back
	g.must(engine.TaskAssigned{Task: g.of("cid"), To: "ann", Delegate: true, By: "cid"})
	g.must(engine.TaskCompleted{Task: g.of("ann"), By: "ann"}) // prepares it; the vote stays cid's
	g.vote("cid", "agree")
	g.vote("dee", "agree")
	g.wantOpen("[after]")
	votes, _ := g.state.Vars()["approval"].(*feel.Context).Get("votes")
	last := votes.(feel.List)[2].(*feel.Context)
	for name, want := range map[string]string{"member": "bob", "by": "dee", "vote": "agreed", "why": "dee says agree"} {
		if got, _ := last.Get(name); got != want {
			t.Errorf("%s is %v, not %s", name, got, want)
		}
	}
}

func TestAddSigner(t *testing.T) {
	for _, c := range []struct {
		approval string
		where    engine.Where
		want     []string // who is asked before each vote, whose first then votes
	}{
		{parallel, engine.Before, []string{"[bob new]", "[new]", "[ann]", "[]"}},
		{parallel, engine.Beside, []string{"[ann bob new]", "[bob new]", "[new]", "[]"}},
		{parallel, engine.After, []string{"[ann bob]", "[bob new]", "[new]", "[]"}},
		{inTurn, engine.Before, []string{"[new]", "[ann]", "[bob]", "[]"}},
		{inTurn, engine.Beside, []string{"[ann new]", "[new]", "[bob]", "[]"}},
		{inTurn, engine.After, []string{"[ann]", "[new]", "[bob]", "[]"}},
	} {
		g := voting(t, c.approval, "ann", "bob")
		g.must(engine.GroupChanged{Task: g.of("ann"), Add: feel.List{"new"}, Where: c.where, By: "ann"})
		for _, want := range c.want {
			if want == "[]" {
				g.wantOpen("[after]")
				break
			}
			g.wantAsked(want)
			g.vote(g.state.OpenTasks()[0].Assignee, "agree")
		}
	}
	g := voting(t, parallel, "ann", "bob")
	g.refused(engine.GroupChanged{Task: g.of("ann"), Add: feel.List{"bob"}, By: "ann"}, false)
}

func TestRemoveSigner(t *testing.T) {
	g := voting(t, inTurn, "ann", "bob", "cid")
	g.must(engine.GroupChanged{Task: g.of("ann"), Remove: true, Member: "bob", By: "boss"}) // not asked yet
	g.vote("ann", "agree")
	g.wantAsked("[cid]")
	g.refused(engine.GroupChanged{Task: g.of("cid"), Remove: true, Member: "ann", By: "boss"}, false) // has voted
	g.refused(engine.GroupChanged{Task: g.of("cid"), Remove: true, Member: "eve", By: "boss"}, false)

	g = voting(t, parallel, "ann", "bob")
	g.vote("ann", "agree")
	g.must(engine.GroupChanged{Task: g.of("bob"), Remove: true, By: "boss"}) // whose vote was the only one missing
	g.wantOpen("[after]")

	g = voting(t, parallel, "ann")
	g.refused(engine.GroupChanged{Task: g.of("ann"), Remove: true, By: "boss"}, false)
}

func TestWithdrawnVoteIsAskedAgain(t *testing.T) {
	g := voting(t, inTurn, "ann", "bob")
	g.vote("ann", "agree")
	g.must(engine.Withdraw{By: "ann"})
	g.wantAsked("[ann]")
	g.vote("ann", "reject")
	g.wantOpen("[after]")
	if got := g.state.Vars()["outcome"]; got != "reject" {
		t.Errorf("outcome %v", got)
	}
}

// TestGroupWithoutMembers holds that a policy can decide for nobody, and that Retry asks for members again.
func TestGroupWithoutMembers(t *testing.T) {
	g := voting(t, parallel)
	incident := g.state.Incidents()[0]
	g.must(engine.Retry{Incident: incident.ID})
	group := effect[engine.FormGroup](g).Group
	g.must(engine.GroupFormed{Group: group, Verdict: engine.Passes, Reason: "nobody is there"})
	g.wantOpen("[after]")
	g.refused(engine.GroupFormed{Group: group, Verdict: engine.Passes}, true)
}

// TestThousandSigners holds that a large group votes in steps whose work and state stay in proportion.
func TestThousandSigners(t *testing.T) {
	var members []string
	for i := range 1000 {
		members = append(members, fmt.Sprintf("member%d", i))
	}
	g := voting(t, `<p:approval rule="60%"/>`, members...)
	for i := range 600 {
		g.wantVotes(i)
		g.vote(members[i], "agree")
	}
	g.wantOpen("[after]")
}

func (g *game) wantVotes(n int) {
	g.Helper()
	if n%200 != 0 {
		return
	}
	if size := len(mustEncode(g.state)); size > 150_000 {
		g.Fatalf("after %d votes the state has %d bytes", n, size)
	}
}
