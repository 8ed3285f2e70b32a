package form

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paceline/paceline/internal/feel"
)

// typed brings a value that was sent into the type of the field; false, with a
// problem, when it has another type. Empty text is no value.
func (r *run) typed(fr *frame, c *Component, v feel.Value) (feel.Value, bool) {
	if empty(v) {
		return nil, true
	}
	typed, rule, message := convert(c, v)
	if rule != "" {
		r.problem(fr.at(c), rule, message)
		return nil, false
	}
	return typed, true
}

// convert gives the value in the field's own form, or the rule it breaks and why.
func convert(c *Component, v feel.Value) (typed feel.Value, rule, message string) {
	ok := true
	switch c.Type {
	case Textfield, Textarea:
		return convertText(v)
	case Number:
		return convertNumber(c, v)
	case Checkbox:
		_, ok = v.(bool)
		message = "true or false is expected"
	case Radio, Select:
		_, ok = optionKey(v)
		message = "one choice is expected"
	case Checklist, Taglist:
		return convertChoices(v)
	case Datetime:
		return convertDatetime(c, v)
	case Filepicker:
		return convertFiles(c, v)
	}
	if !ok {
		return nil, RuleType, message
	}
	return v, "", ""
}

func convertText(v feel.Value) (feel.Value, string, string) {
	s, ok := v.(string)
	switch {
	case !ok:
		return nil, RuleType, "text is expected"
	case strings.ContainsRune(s, 0):
		return nil, RuleFormat, "the text contains a NUL character"
	case utf8.RuneCountInString(s) > MaxText:
		return nil, RuleMaxLength, fmt.Sprintf("the text is longer than %d characters", MaxText)
	}
	return s, "", ""
}

func convertNumber(c *Component, v feel.Value) (feel.Value, string, string) {
	n, ok := v.(feel.Number)
	if s, isText := v.(string); isText && c.AsString {
		n, ok = feel.ParseNumber(s)
	}
	if !ok {
		return nil, RuleType, "a number is expected"
	}
	if c.AsString {
		return n.String(), "", ""
	}
	return n, "", ""
}

func convertChoices(v feel.Value) (feel.Value, string, string) {
	list, ok := v.(feel.List)
	if !ok {
		return nil, RuleType, "a list of choices is expected"
	}
	if len(list) > MaxOptions {
		return nil, RuleMaxItems, fmt.Sprintf("there are more than %d choices", MaxOptions)
	}
	seen := map[string]bool{}
	for _, member := range list {
		key, ok := optionKey(member)
		switch {
		case !ok:
			return nil, RuleType, "a choice is a string, a number or a boolean"
		case seen[key]:
			return nil, RuleDuplicate, "a choice is there twice"
		}
		seen[key] = true
	}
	return list, "", ""
}

// convertFiles takes references to attachments: one, or a list where the field takes several.
func convertFiles(c *Component, v feel.Value) (feel.Value, string, string) {
	list, isList := v.(feel.List)
	if !isList {
		list = feel.List{v}
	}
	if isList && !c.Multiple && len(list) > 1 {
		return nil, RuleMaxItems, "the field takes one file"
	}
	for _, member := range list {
		if s, ok := member.(string); !ok || s == "" || len(s) > 200 {
			return nil, RuleType, "a file is named by the reference that its upload answered"
		}
	}
	return list, "", ""
}

var clockPattern = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.\d{1,9})?)?(Z|[+-](?:0\d|1[0-8]):[0-5]\d)?$`)

// convertDatetime accepts ISO 8601 as form-js writes it and adds the seconds that FEEL
// wants: 2026-03-01, 09:30:00+01:00, 2026-03-01T09:30:00Z.
func convertDatetime(c *Component, v feel.Value) (feel.Value, string, string) {
	s, ok := text(v)
	if !ok {
		return nil, RuleType, "a date or time is text in ISO 8601 form"
	}
	day, clock := s, ""
	switch c.Subtype {
	case "time":
		day, clock = "", s
	case "datetime":
		day, clock, _ = strings.Cut(s, "T")
	}
	if c.Subtype != "time" {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return nil, RuleFormat, "a date like 2026-03-01 is expected"
		}
	}
	if c.Subtype == "date" {
		return day, "", ""
	}
	parts := clockPattern.FindStringSubmatch(clock)
	if parts == nil {
		return nil, RuleFormat, "a time like 09:30 is expected"
	}
	if zone := parts[4]; (zone == "") != (c.TimeFormat == "no_timezone") || zone != "Z" && c.TimeFormat == "utc_normalized" {
		return nil, RuleFormat, zoneMessages[c.TimeFormat]
	}
	if parts[3] == "" {
		clock = clock[:5] + ":00" + clock[5:]
	}
	if c.Subtype == "datetime" {
		clock = day + "T" + clock
	}
	return clock, "", ""
}

var zoneMessages = map[string]string{
	"utc_offset":     "the time needs its offset from UTC, like 09:30+01:00",
	"utc_normalized": "the time has to be in UTC, like 08:30Z",
	"no_timezone":    "the time has to be without a zone, like 09:30",
}
