package form

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paceline/paceline/internal/feel"
)

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

var (
	emailPattern = regexp.MustCompile(`^[\pL\pN.!#$%&'*+/=?^_{|}~-]{1,64}@[\pL\pN](?:[\pL\pN-]{0,61}[\pL\pN])?(?:\.[\pL\pN](?:[\pL\pN-]{0,61}[\pL\pN])?)+$`)
	phonePattern = regexp.MustCompile(`^\+?[0-9](?:[ ()./-]{0,2}[0-9]){4,18}$`)
)

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
