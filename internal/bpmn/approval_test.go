package bpmn

import (
	"reflect"
	"strings"
	"testing"
)

// office parses a model with one user task that has the attributes and extension elements.
func office(t *testing.T, attributes, extensions string) (*Node, []string) {
	t.Helper()
	d, _ := Parse([]byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:paceline="https://paceline.dev/bpmn/1.0" targetNamespace="t">
<process id="p"><startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="t"/>
<userTask id="t" ` + attributes + `><extensionElements>` + extensions + `</extensionElements></userTask></process></definitions>`))
	var problems []string
	for _, p := range d.Problems {
		if p.Severity == Error {
			problems = append(problems, p.Message)
		}
	}
	return d.Processes[0].Nodes[1], problems
}

func TestApproval(t *testing.T) {
	n, problems := office(t, `paceline:outcomes="yes, no, abstain"`, `<paceline:approval mode="inTurn" rule="weight 5" reject="majority" expand="true" early="false" result="vote">
<paceline:voter is="role:cfo" weight="3" veto="true"/><paceline:voter is="ann"/></paceline:approval>`)
	want := &Approval{
		InTurn: true, Expand: true, Late: true, Rule: ApprovalRule{WeightAgrees, 5}, Reject: RejectByMajority,
		Agree: []string{"yes"}, Disagree: []string{"no"}, Abstain: []string{"abstain"}, Result: "vote",
		Voters: []Voter{{"role:cfo", 3, true}, {"ann", 1, false}},
	}
	if len(problems) > 0 || n.Loop == nil || !reflect.DeepEqual(n.Loop.Approval, want) {
		t.Errorf("%+v, %v", n.Loop, problems)
	}
	for text, want := range map[string]ApprovalRule{
		"": {AllAgree, 0}, "all": {AllAgree, 0}, "any": {AnyAgrees, 0}, "60%": {RatioAgrees, 60}, "2": {CountAgrees, 2}, "weight 7": {WeightAgrees, 7},
	} {
		n, problems := office(t, "", `<paceline:approval rule="`+text+`"/>`)
		if len(problems) > 0 || n.Loop.Approval.Rule != want {
			t.Errorf("%q: %+v, %v", text, n.Loop.Approval.Rule, problems)
		}
	}
}

func TestPoliciesAndCopies(t *testing.T) {
	n, problems := office(t, `paceline:outcomes="approve, reject"`, `<paceline:policy when="nobody" do="assign" to="role:hr"/>
<paceline:policy when="requester" do="reject"/><paceline:policy when="repeat" do="pass"/><paceline:cc to="hr, ${boss}"/><paceline:cc to="audit" at="end"/>`)
	want := []Policy{{PolicyNobody, PolicyAssign, "role:hr", ""}, {PolicyRequester, PolicyReject, "", "reject"}, {PolicyRepeat, PolicyPass, "", "approve"}}
	if len(problems) > 0 || !reflect.DeepEqual(n.User.Policies, want) {
		t.Errorf("%+v, %v", n.User.Policies, problems)
	}
	if len(n.CC) != 2 || n.CC[0].To.Source != `["hr", boss]` || n.CC[0].AtEnd || !n.CC[1].AtEnd {
		t.Errorf("%+v", n.CC)
	}
}

// TestOfficeProblems holds what is said of an extension that cannot be meant.
func TestOfficeProblems(t *testing.T) {
	for extension, want := range map[string]string{
		`<paceline:approval mode="random"/>`:                                                        `the mode "random" is not known`,
		`<paceline:approval rule="most"/>`:                                                          `the rule "most" is not understood`,
		`<paceline:approval rule="0%"/>`:                                                            `the rule "0%" is not understood`,
		`<paceline:approval reject="never"/>`:                                                       `the reject rule "never" is not known`,
		`<paceline:approval agree="maybe"/>`:                                                        `the outcome "approve" is no vote`,
		`<paceline:approval disagree="never" abstain="reject"/>`:                                    `the outcomes leave no way to agree or no way to disagree`,
		`<paceline:approval><paceline:voter weight="2"/></paceline:approval>`:                       `the voter has no is`,
		`<paceline:approval><paceline:voter is="a" weight="-1"/></paceline:approval>`:               `the weight "-1" is not understood`,
		`<paceline:policy when="late" do="pass"/>`:                                                  `the case "late" is not known`,
		`<paceline:policy when="nobody" do="shout"/>`:                                               `the action "shout" is not known`,
		`<paceline:policy when="nobody" do="assign"/>`:                                              `the policy does not say who gets the task`,
		`<paceline:policy when="nobody" do="pass" outcome="ok"/>`:                                   `the task has no outcome "ok"`,
		`<paceline:policy when="nobody" do="pass"/><paceline:policy when="nobody" do="superior"/>`:  `there are two policies for the case "nobody"`,
		`<paceline:cc to=""/>`:                                                                      `the cc goes to nobody`,
		`<paceline:cc to="a" at="night"/>`:                                                          `the moment "night" is not known`,
		`<paceline:approval/></extensionElements><standardLoopCharacteristics/><extensionElements>`: `the task has both an approval and loop characteristics`,
	} {
		_, problems := office(t, `paceline:outcomes="approve, reject"`, extension)
		if !strings.Contains(strings.Join(problems, "\n"), want) {
			t.Errorf("%s: %q", extension, problems)
		}
	}
}
