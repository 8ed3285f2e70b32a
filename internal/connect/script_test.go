package connect

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/connect/script"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

func TestScriptTask(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := connectors(t, Config{Script: script.Config{Command: []string{program, serveArg}, Timeout: 30 * time.Second}})
	for name, x := range map[string]struct{ source, result, want string }{
		"returned object":  {`return {total: items.reduce((sum, i) => sum + i.price, 0), day: day}`, "", `{"day":"2026-03-02","total":12.5}`},
		"result variable":  {`items.length`, "n", `{"n":2}`},
		"object by result": {`return {a: 1}`, "o", `{"o":{"a":1}}`},
		"set":              {`execution.setVariable("first", items[0]); ({ignored: true})`, "", `{"first":{"price":5}}`},
		"nothing":          {`items.length`, "", `{}`},
	} {
		j := job("script:javascript", nil, nil, feel.Vars{
			"items": feel.List{object("price", 5), object("price", 7.5)}, "day": feel.DateOf(clock),
		})
		j.Node.Work.ScriptText, j.Node.Work.ResultVar = x.source, x.result
		vars, err := c.do(t, j)
		got, _ := feel.ToJSON(feel.From(vars))
		if err != nil || string(got) != x.want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	j := job("script:javascript", nil, nil, nil)
	j.Node.Work.ScriptText = `throw new BpmnError("LATE")`
	var coded *process.BPMNError
	if _, err := c.do(t, j); !errors.As(err, &coded) || coded.Code != "LATE" {
		t.Errorf("thrown: %v", err)
	}
	j.Node.Work.ScriptText = `nothing.at.all`
	if _, err := c.do(t, j); !permanent(err) {
		t.Errorf("failed: %v", err)
	}
}
