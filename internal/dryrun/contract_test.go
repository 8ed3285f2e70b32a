package dryrun_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/dryrun"
)

// lines renders events shortly: what element(loop), and of a state what is active, armed and there.
func lines(all []map[string]any) string {
	var b strings.Builder
	for _, l := range all {
		switch l["event"] {
		case "state":
			fmt.Fprintf(&b, "state %v", l["now"])
			for _, x := range l["active"].([]any) {
				a := x.(map[string]any)
				fmt.Fprintf(&b, " %v:%v@%v", a["n"], a["element"], a["instance"])
			}
			for _, x := range l["armed"].([]any) {
				a := x.(map[string]any)
				fmt.Fprintf(&b, " ~%v:%v", a["element"], a["on"])
			}
			b.WriteString("\n")
		case "variables":
			fmt.Fprintf(&b, "ended=%v %v\n", l["ended"], l["vars"])
		default:
			fmt.Fprintf(&b, "%v %v", l["event"], l["element"])
			for _, key := range []string{"loop", "how", "error", "step"} {
				if l[key] != nil {
					fmt.Fprintf(&b, " %v", l[key])
				}
			}
			if n := l["instance"]; n != nil && n.(float64) > 1 {
				fmt.Fprintf(&b, " #%v", n)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// flows are sequence flows along the ids.
func flows(ids ...string) string {
	var b strings.Builder
	for i := 1; i < len(ids); i++ {
		fmt.Fprintf(&b, `<sequenceFlow id="f%s%s" sourceRef="%s" targetRef="%s"/>`, ids[i-1], ids[i], ids[i-1], ids[i])
	}
	return b.String()
}

func process(nodes string) string {
	return `<signal id="g" name="g"/><error id="E" errorCode="E"/><process id="main"><startEvent id="s"/>` + nodes + `</process>`
}

// TestContract goes through the page of the steps: one case for each thing it says that no golden script shows.
func TestContract(t *testing.T) {
	const (
		two     = `<userTask id="a"/><userTask id="b"/><parallelGateway id="j"/><userTask id="c"/>`
		timers  = `<userTask id="a"/><boundaryEvent id="t2" attachedToRef="a" cancelActivity="false"><timerEventDefinition><timeDuration>PT2H</timeDuration></timerEventDefinition></boundaryEvent><boundaryEvent id="t1" attachedToRef="a" cancelActivity="false"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent><manualTask id="m1"/><manualTask id="m2"/>`
		waiting = `<eventBasedGateway id="w"/><intermediateCatchEvent id="cm"><messageEventDefinition messageRef="m"/></intermediateCatchEvent><intermediateCatchEvent id="cs"><signalEventDefinition signalRef="g"/></intermediateCatchEvent>`
		looped  = `<userTask id="a"><multiInstanceLoopCharacteristics><loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics></userTask>`
	)
	begun := "entered s\ncompleted s\n"
	for _, c := range []struct{ name, body, steps, want string }{
		{"a join waits, and counts as a place", process(two + flows("s", "a", "j", "c") + flows("s", "b", "j")), `{"complete": "b"}` + "\n" + `{"expect": {"active": ["a", "j"]}}`,
			begun + "entered a\nentered b\ncompleted b\nentered j\nstate 2026-01-01T00:00:00Z 1:a@1 3:j@1\nended=false map[]\n"},
		{"n is never used twice", process(two + flows("s", "a", "c", "a")), `{"complete": 1}` + "\n" + `{"complete": 2}` + "\n" + `{"complete": 1}`,
			begun + "entered a\ncompleted a\nentered c\ncompleted c\nentered a\nrefused <nil> 3\nended=false map[]\n"},
		{"timers fire in order of due time", process(timers + flows("s", "a") + flows("t2", "m2") + flows("t1", "m1")), `{"advance": "P1D"}` + "\n" + `{"expect": {}}`,
			begun + "entered a\nentered t1\ncompleted t1\nentered m1\ncompleted m1\nentered t2\ncompleted t2\nentered m2\ncompleted m2\nstate 2026-01-02T00:00:00Z 1:a@1\nended=false map[]\n"},
		{"fire leaves the clock", process(timers + flows("s", "a") + flows("t2", "m2") + flows("t1", "m1")), `{"fire": "t2"}` + "\n" + `{"expect": {}}`,
			begun + "entered a\nentered t2\ncompleted t2\nentered m2\ncompleted m2\nstate 2026-01-01T00:00:00Z 1:a@1 ~t1:timer\nended=false map[]\n"},
		{"next goes to the earliest", process(timers + flows("s", "a") + flows("t2", "m2") + flows("t1", "m1")), `{"advance": "next"}` + "\n" + `{"expect": {}}`,
			begun + "entered a\nentered t1\ncompleted t1\nentered m1\ncompleted m1\nstate 2026-01-01T01:00:00Z 1:a@1 ~t2:timer\nended=false map[]\n"},
		{"a call and what waits inside", `<process id="main"><startEvent id="s"/><callActivity id="a" calledElement="sub"/>` + flows("s", "a") + `</process><process id="sub"><startEvent id="is"/><userTask id="u"/>` + flows("is", "u") + `</process>`,
			`{"expect": {"active": ["u", "a"]}}` + "\n" + `{"cancel": 1}`,
			begun + "entered a\nentered is #2\ncompleted is #2\nentered u #2\nstate 2026-01-01T00:00:00Z 1:a@1 2:u@2\ncancelled a\nfinished main cancelled\ncancelled u #2\nfinished sub cancelled #2\nended=true map[]\n"},
		{"an event-based gateway waits, its events are armed", process(waiting + flows("s", "w", "cm") + flows("w", "cs")), `{"expect": {"active": ["w"]}}` + "\n" + `{"signal": "g", "vars": {"x": 1}}`,
			begun + "entered w\nstate 2026-01-01T00:00:00Z 1:w@1 ~cm:message ~cs:signal\ncompleted w\nentered cs\ncompleted cs\nfinished main completed\nended=true map[x:1]\n"},
		{"a loop has events for each instance, none for the whole", process(looped + flows("s", "a")), `{"complete": 2}` + "\n" + `{"complete": "a", "all": true}`,
			begun + "entered a 1\nentered a 2\nentered a 3\ncompleted a 2\ncompleted a 1\ncompleted a 3\nfinished main completed\nended=true map[]\n"},
		{"an id as often as it waits", process(looped + flows("s", "a")), `{"expect": {"active": ["a", "a", "a"]}}` + "\n" + `{"expect": {"active": ["a"]}}` + "\n" + `{"complete": "a"}`,
			begun + "entered a 1\nentered a 2\nentered a 3\nstate 2026-01-01T00:00:00Z 1:a@1 2:a@1 3:a@1\nstate 2026-01-01T00:00:00Z 1:a@1 2:a@1 3:a@1\nended=false map[]\n"},
		{"an error that nothing catches", process(`<userTask id="a"/><userTask id="b"/>` + flows("s", "a") + flows("s", "b")), `{"fail": "a", "error": "E", "message": "no"}` + "\n" + `{"complete": "b"}`,
			begun + "entered a\nentered b\nincident a E\ncompleted b\nended=false map[]\n"},
		{"a technical failure, and its repetition", process(`<serviceTask id="a"/>` + flows("s", "a")), `{"fail": "a"}` + "\n" + `{"expect": {"active": ["a"]}}` + "\n" + `{"job": "a", "vars": {"x": 2}}`,
			begun + "entered a\nincident a\nstate 2026-01-01T00:00:00Z 1:a@1\ncompleted a\nfinished main completed\nended=true map[x:2]\n"},
		{"terminated", process(`<endEvent id="e"><terminateEventDefinition/></endEvent><userTask id="a"/>` + flows("s", "a") + flows("s", "e")), `{"expect": {"ended": true}}`,
			begun + "entered a\nentered e\ncompleted e\ncancelled a\nfinished main terminated\nstate 2026-01-01T00:00:00Z\nended=true map[]\n"},
		{"a message goes to one, and first to who waits", process(`<receiveTask id="a" messageRef="m"/><receiveTask id="b" messageRef="m"/>`+flows("s", "a")+flows("s", "b")) + byMail2, `{"message": "m"}` + "\n" + `{"message": "m", "element": "b"}` + "\n" + `{"message": "m"}`,
			begun + "entered a\nentered b\ncompleted a\ncompleted b\nfinished main completed\nentered ms #2\ncompleted ms #2\nentered mu #2\nended=false map[]\n"},
		{"the key is the business key where the model has none", process(`<receiveTask id="a" messageRef="m"/>` + flows("s", "a")), `{"start": "main", "key": "K"}` + "\n" + `{"message": "m", "key": "L"}`,
			begun + "entered a\nrefused <nil> 2\nended=false map[]\n"},
		{"and the right key is", process(`<receiveTask id="a" messageRef="m"/>` + flows("s", "a")), `{"start": "main", "key": "K"}` + "\n" + `{"message": "m", "key": "K"}`,
			begun + "entered a\ncompleted a\nfinished main completed\nended=true map[]\n"},
		{"set is seen by conditions", process(`<intermediateCatchEvent id="c"><conditionalEventDefinition><condition>x &gt; 1</condition></conditionalEventDefinition></intermediateCatchEvent>` + flows("s", "c")), `{"set": {"x": 1}}` + "\n" + `{"expect": {"active": ["c"]}}` + "\n" + `{"set": {"x": 2}}`,
			begun + "entered c\nstate 2026-01-01T00:00:00Z 1:c@1 ~c:condition\ncompleted c\nfinished main completed\nended=true map[x:2]\n"},
		{"a step after a refused one is not done", process(`<userTask id="a"/>` + flows("s", "a")), `{"complete": "b"}` + "\n" + `{"complete": "a"}`,
			begun + "entered a\nrefused <nil> 1\nended=false map[]\n"},
		{"a receive task is completed like a user task, but does not fail", process(`<receiveTask id="a" messageRef="m"/>` + flows("s", "a")), `{"fail": "a"}`,
			begun + "entered a\nrefused <nil> 1\nended=false map[]\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, all, _ := run(t, c.body, c.steps, dryrun.Options{JSON: true})
			if got := lines(all); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

const byMail2 = `<process id="mail"><startEvent id="ms"><messageEventDefinition messageRef="m"/></startEvent><userTask id="mu"/><sequenceFlow id="mf" sourceRef="ms" targetRef="mu"/></process>`

// TestEntriesOfTheState holds the keys of section 4, those that are null and those that are left out.
func TestEntriesOfTheState(t *testing.T) {
	body := process(`<userTask id="a" name="A"/><serviceTask id="b"/><boundaryEvent id="t" attachedToRef="a"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent><boundaryEvent id="h" attachedToRef="a"><messageEventDefinition messageRef="m"/></boundaryEvent>` +
		flows("s", "a") + flows("s", "b"))
	_, _, out := run(t, body, `{"start": "main", "key": "K", "vars": {"d": 1.50}}`+"\n"+`{"expect": {}}`, dryrun.Options{JSON: true})
	want := `{"event":"state","step":2,"held":true,"now":"2026-01-01T00:00:00Z","ended":false,` +
		`"instances":[{"n":1,"process":"main","key":"K","parent":null,"ended":false,"vars":{"d":1.50}}],` +
		`"active":[{"n":1,"instance":1,"element":"a","type":"userTask","name":"A","assignee":null},{"n":2,"instance":1,"element":"b","type":"serviceTask","name":null}],` +
		`"armed":[{"instance":1,"element":"t","on":"timer","due":"2026-01-01T01:00:00Z"},{"instance":1,"element":"h","on":"message","name":"m"}]}`
	if !strings.Contains(out, want) {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// TestWithoutStepsTheClockJumps holds section 1 for runs without steps: work and receive tasks complete, timers come.
func TestWithoutStepsTheClockJumps(t *testing.T) {
	body := process(`<receiveTask id="a" messageRef="m"/><serviceTask id="b"/><intermediateCatchEvent id="c"><timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition></intermediateCatchEvent>` +
		`<intermediateCatchEvent id="d"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>` + flows("s", "a", "b", "c", "d"))
	status, all, _ := run(t, body, "", dryrun.Options{JSON: true})
	want := "entered s\ncompleted s\nentered a\ncompleted a\nentered b\ncompleted b\nentered c\ncompleted c\nentered d\nended=false map[]\n"
	if got := lines(all); got != want || status != 0 {
		t.Errorf("status %d, got\n%s", status, got)
	}
}
