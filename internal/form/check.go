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

var (
	clockPattern = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.\d{1,9})?)?(Z|[+-](?:0\d|1[0-8]):[0-5]\d)?$`)
	emailPattern = regexp.MustCompile(`^[\pL\pN.!#$%&'*+/=?^_{|}~-]{1,64}@[\pL\pN](?:[\pL\pN-]{0,61}[\pL\pN])?(?:\.[\pL\pN](?:[\pL\pN-]{0,61}[\pL\pN])?)+$`)
	phonePattern = regexp.MustCompile(`^\+?[0-9](?:[ ()./-]{0,2}[0-9]){4,18}$`)
)

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

// rules holds a value, already of the field's type, against the field's rules.
func (r *run) rules(fr *frame, c *Component, v feel.Value) {
	switch c.Type {
	case Textfield, Textarea:
		r.textRules(fr, c, v)
	case Number:
		r.numberRules(fr, c, v)
	case Radio, Select:
		r.optionRules(fr, c, feel.List{v})
	case Checklist, Taglist:
		list, _ := v.(feel.List)
		r.itemRules(fr, c, len(list), c.Rules.MinItems, c.Rules.MaxItems)
		r.optionRules(fr, c, list)
	case Filepicker:
		list, _ := v.(feel.List)
		r.itemRules(fr, c, len(list), c.Rules.MinItems, c.Rules.MaxItems)
	case DynamicList:
		list, _ := v.(feel.List)
		r.itemRules(fr, c, len(list), c.Rules.MinRows, c.Rules.MaxRows)
	case Datetime:
		r.datetimeRules(fr, c, v)
	}
}

// limit works out a bound; false when there is none or its expression gives no number.
func (r *run) limit(fr *frame, c *Component, l Limit) (feel.Number, bool) {
	if l.Expr != nil {
		n, ok := r.eval(fr, c, l.Expr).(feel.Number)
		return n, ok
	}
	return feel.ParseNumber(l.Number)
}

func (r *run) textRules(fr *frame, c *Component, v feel.Value) {
	s, _ := v.(string)
	length := feel.Int(int64(utf8.RuneCountInString(s)))
	if n, ok := r.limit(fr, c, c.Rules.MinLength); ok && length.Cmp(n) < 0 {
		r.problem(fr.at(c), RuleMinLength, fmt.Sprintf("at least %s characters are needed", n))
	}
	if n, ok := r.limit(fr, c, c.Rules.MaxLength); ok && length.Cmp(n) > 0 {
		r.problem(fr.at(c), RuleMaxLength, fmt.Sprintf("at most %s characters are allowed", n))
	}
	switch {
	case c.Rules.Kind == "email" && !emailPattern.MatchString(s):
		r.problem(fr.at(c), RuleEmail, "an e-mail address like name@example.org is expected")
	case c.Rules.Kind == "phone" && !phonePattern.MatchString(s):
		r.problem(fr.at(c), RulePhone, "a telephone number like +886 2 1234 5678 is expected")
	case c.Rules.Pattern != nil && !c.Rules.Pattern.MatchString(s):
		r.problem(fr.at(c), RulePattern, "the text does not have the form "+c.Rules.Pattern.String())
	}
}

func (r *run) numberRules(fr *frame, c *Component, v feel.Value) {
	n, ok := v.(feel.Number)
	if s, isText := v.(string); isText {
		n, ok = feel.ParseNumber(s)
	}
	if !ok {
		r.problem(fr.at(c), RuleType, "a number is expected")
		return
	}
	if low, ok := r.limit(fr, c, c.Rules.Min); ok && n.Cmp(low) < 0 {
		r.problem(fr.at(c), RuleMin, fmt.Sprintf("the number must be %s or more", low))
	}
	if high, ok := r.limit(fr, c, c.Rules.Max); ok && n.Cmp(high) > 0 {
		r.problem(fr.at(c), RuleMax, fmt.Sprintf("the number must be %s or less", high))
	}
	if allowed := c.Rules.Digits; allowed >= 0 && fractionDigits(n) > allowed {
		r.problem(fr.at(c), RuleDigits, fmt.Sprintf("at most %d digits after the point are allowed", allowed))
	}
	if step, ok := r.limit(fr, c, c.Rules.Step); ok && step.Sign() > 0 && !r.multiple(c, n, step) {
		r.problem(fr.at(c), RuleStep, fmt.Sprintf("the number must be a multiple of %s", step))
	}
}

// fractionDigits counts the digits after the point that mean something.
func fractionDigits(n feel.Number) int {
	mantissa, exponent, _ := strings.Cut(n.String(), "E")
	if strings.HasPrefix(exponent, "-") {
		return MaxText // written with an exponent only when very small
	}
	_, fraction, _ := strings.Cut(mantissa, ".")
	return len(strings.TrimRight(fraction, "0"))
}

// multiple is decided in FEEL's own decimal arithmetic.
func (r *run) multiple(c *Component, n, step feel.Number) bool {
	rest, err := c.Rules.remainder.Eval(feel.Vars{"n": n, "step": step})
	remainder, ok := rest.(feel.Number)
	return err == nil && ok && remainder.Sign() == 0
}

func (r *run) itemRules(fr *frame, c *Component, n, least, most int) {
	if n < least {
		r.problem(fr.at(c), RuleMinItems, fmt.Sprintf("at least %d are needed", least))
	}
	if most > 0 && n > most {
		r.problem(fr.at(c), RuleMaxItems, fmt.Sprintf("at most %d are allowed", most))
	}
}

func (r *run) datetimeRules(fr *frame, c *Component, v feel.Value) {
	s, _ := text(v)
	if every := c.Rules.Interval; every > 1 && c.Subtype != "date" {
		clock := s[strings.IndexByte(s, 'T')+1:]
		if minute := int(clock[3]-'0')*10 + int(clock[4]-'0'); minute%every != 0 {
			r.problem(fr.at(c), RuleInterval, fmt.Sprintf("the minutes must be a multiple of %d", every))
		}
	}
	if c.Rules.NoPast && c.Subtype != "time" && s[:10] < firstToday(fr.now) {
		r.problem(fr.at(c), RulePast, "the date must not be in the past")
	}
}

// firstToday is the earliest date that is still today somewhere on earth: a person
// west of the server must be able to choose their own today.
func firstToday(now time.Time) string {
	return now.UTC().Add(-12 * time.Hour).Format(time.DateOnly)
}
