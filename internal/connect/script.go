package connect

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/paceline/paceline/internal/connect/script"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// doScript runs the JavaScript of a script task. Variables are those that it set by
// execution.setVariable; the value of its return, or of its last statement, goes to the result
// variable. Where the model names none, the names of a returned object are the variables.
func (c *Connectors) doScript(ctx context.Context, job process.Job) (feel.Vars, error) {
	if job.Node == nil || job.Node.Work == nil || job.Node.Work.ScriptText == "" {
		return nil, process.Permanent(errors.New("the element has no script"))
	}
	in, err := feel.ToJSON(feel.From(job.Vars))
	if err != nil {
		return nil, process.Permanent(err)
	}
	res, err := c.script.Run(ctx, job.Node.Work.ScriptText, in)
	var failure *script.Failure
	switch {
	case errors.As(err, &failure) && failure.Code != "":
		return nil, &process.BPMNError{Code: failure.Code, Message: failure.Message}
	case errors.As(err, &failure):
		return nil, process.Permanent(failure)
	case err != nil:
		return nil, err
	}
	vars, err := outcome(res, job.Node.Work.ResultVar)
	if err != nil {
		return nil, process.Permanent(err)
	}
	return vars, nil
}

func outcome(res script.Result, resultVar string) (feel.Vars, error) {
	vars := feel.Vars{}
	for name, text := range res.Set {
		v, err := feel.FromJSON(text)
		if err != nil {
			return nil, err
		}
		vars[name] = v
	}
	value, err := valueOf(res.Value)
	if err != nil {
		return nil, err
	}
	object, isObject := value.(*feel.Context)
	switch {
	case resultVar != "":
		vars[resultVar] = value
	case res.Returned && isObject:
		for i := range object.Len() {
			vars[object.At(i).Name] = object.At(i).Value
		}
	}
	return vars, nil
}

func valueOf(text json.RawMessage) (feel.Value, error) {
	if text == nil {
		return nil, nil
	}
	return feel.FromJSON(text)
}
