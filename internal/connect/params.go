package connect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// params are what the model tells a connector: the declared inputs of the element, and where
// there is none of a name the fixed header of that name. What is wrong with them is
// collected, so that one incident names all of it.
type params struct {
	job   process.Job
	names []string
	wrong []string
}

// read takes the parameters of a job. A header that the connector does not know is an error: it is
// a misspelled one.
func read(job process.Job, names ...string) *params {
	p := &params{job: job, names: names}
	if job.Node == nil || job.Node.Work == nil {
		return p
	}
	for name := range job.Node.Work.Headers {
		if !slices.Contains(names, name) {
			p.fail("there is no parameter %q here; known are %s", name, strings.Join(names, ", "))
		}
	}
	return p
}

// err is everything that was wrong so far; no attempt can cure it.
func (p *params) err() error {
	if len(p.wrong) == 0 {
		return nil
	}
	slices.Sort(p.wrong)
	return process.Permanent(fmt.Errorf("%s: %s", p.job.Type, strings.Join(p.wrong, "; ")))
}

func (p *params) fail(format string, args ...any) {
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

// value of a parameter; nil when it is not given.
func (p *params) value(name string) feel.Value {
	if v, declared := p.input(name); declared {
		return v
	}
	if text := p.fixed(name); text != "" {
		return text
	}
	return nil
}

// input is the value of a declared input.
func (p *params) input(name string) (feel.Value, bool) {
	if p.job.Node == nil {
		return nil, false
	}
	for _, m := range p.job.Node.Inputs {
		if m.Target == name {
			return p.job.Vars[name], true
		}
	}
	return nil, false
}

// fixed is a header of the model: text that no ticket's data has a part in.
func (p *params) fixed(name string) string {
	if p.job.Node == nil || p.job.Node.Work == nil {
		return ""
	}
	return p.job.Node.Work.Headers[name]
}

// text of a parameter; "" when it is not given.
func (p *params) text(name string) string {
	switch v := p.value(name).(type) {
	case nil:
		return ""
	case feel.List, *feel.Context:
		p.fail("%s has to be text", name)
		return ""
	default:
		return feel.String(v)
	}
}

// need is text that has to be given.
func (p *params) need(name string) string {
	text := p.text(name)
	if text == "" {
		p.fail("%s is missing", name)
	}
	return text
}

// texts is a list of texts, or one text with commas.
func (p *params) texts(name string) []string {
	list, isList := p.value(name).(feel.List)
	if !isList {
		for part := range strings.SplitSeq(p.text(name), ",") {
			list = append(list, part)
		}
	}
	var all []string
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			p.fail("%s has to be a list of texts", name)
		} else if text = strings.TrimSpace(text); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// pairs is a context of plain values, in its order.
func (p *params) pairs(name string) [][2]string {
	v := p.value(name)
	if v == nil {
		return nil
	}
	c, ok := v.(*feel.Context)
	if !ok {
		p.fail("%s has to be a context, such as {a: \"1\"}", name)
		return nil
	}
	var all [][2]string
	for i := range c.Len() {
		e := c.At(i)
		values, isList := e.Value.(feel.List)
		if !isList {
			values = feel.List{e.Value}
		}
		for _, v := range values {
			if v != nil {
				all = append(all, [2]string{e.Name, feel.String(v)})
			}
		}
	}
	return all
}

// duration is a FEEL duration or its text, within the bounds; usual when it is not given.
func (p *params) duration(name string, usual, most time.Duration) time.Duration {
	v := p.value(name)
	if text, ok := v.(string); ok {
		if v, ok = feel.ParseDuration(strings.Trim(text, `"`)); !ok {
			p.fail("%s has to be a duration such as PT10S", name)
			return usual
		}
	}
	if v == nil {
		return usual
	}
	if d, ok := v.(feel.Duration); ok {
		if span, ok := d.Go(); ok && span > 0 && span <= most {
			return span
		}
	}
	p.fail("%s has to be a duration of at most %s", name, most)
	return usual
}

// oneOf is text out of a list, of which the first is the usual one.
func (p *params) oneOf(name string, allowed ...string) string {
	text := p.text(name)
	if text == "" {
		return allowed[0]
	}
	if !slices.Contains(allowed, text) {
		p.fail("%s is %q, not one of %s", name, text, strings.Join(allowed, ", "))
	}
	return text
}

// result names the variable that takes what the job brings back.
func result(job process.Job, usual string) string {
	if job.Node != nil && job.Node.Work != nil && job.Node.Work.ResultVar != "" {
		return job.Node.Work.ResultVar
	}
	return usual
}
