package app

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Number is the rule that ticket numbers follow: a prefix with date tokens, then a
// serial number that begins again with every period.
//
//	prefix "INC-{yyyy}{mm}-", digits 4, reset monthly: INC-202603-0001
type Number struct {
	// Prefix may have the tokens {yyyy} {yy} {mm} {dd}.
	Prefix string `yaml:"prefix" json:"prefix"`
	// Digits of the serial, filled up with zeros; a larger serial is written in full. Default 5.
	Digits int   `yaml:"digits" json:"digits"`
	Reset  Reset `yaml:"reset" json:"reset"` // default never
}

// Reset is how often serial numbers begin again at 1.
type Reset string

const (
	Never   Reset = "never"
	Yearly  Reset = "yearly"
	Monthly Reset = "monthly"
	Daily   Reset = "daily"
)

const (
	defaultDigits = 5
	maxPrefix     = 40
)

// Format writes the number of the serial-th ticket of a period. The time's own zone
// says which day it is.
func (n Number) Format(t time.Time, serial int64) string {
	return fmt.Sprintf("%s%0*d", tokens(t).Replace(n.Prefix), n.Digits, serial)
}

// Period names the period that serial numbers are counted in: "" for ever, else "2026",
// "2026-03" or "2026-03-01".
func (n Number) Period(t time.Time) string {
	switch n.Reset {
	case Yearly:
		return t.Format("2006")
	case Monthly:
		return t.Format("2006-01")
	case Daily:
		return t.Format("2006-01-02")
	}
	return ""
}

func tokens(t time.Time) *strings.Replacer {
	return strings.NewReplacer("{yyyy}", t.Format("2006"), "{yy}", t.Format("06"), "{mm}", t.Format("01"), "{dd}", t.Format("02"))
}

// wrong says what is wrong with the rule; empty when nothing is. A number that begins
// again must name its period, or two tickets would have the same one.
func (n Number) wrong() string {
	rest := strings.NewReplacer("{yyyy}", "", "{yy}", "", "{mm}", "", "{dd}", "").Replace(n.Prefix)
	need := map[Reset][]string{Yearly: {"{yy"}, Monthly: {"{yy", "{mm}"}, Daily: {"{yy", "{mm}", "{dd}"}}
	switch {
	case len(n.Prefix) > maxPrefix:
		return fmt.Sprintf("the prefix is longer than %d characters", maxPrefix)
	case strings.ContainsAny(rest, "{}"):
		return "the prefix has a token that is not one of {yyyy} {yy} {mm} {dd}"
	case n.Digits < 1 || n.Digits > 12:
		return "digits has to be from 1 to 12"
	case n.Reset != "" && n.Reset != Never && need[n.Reset] == nil:
		return fmt.Sprintf("reset is %q, not one of never, yearly, monthly, daily", clip(string(n.Reset)))
	}
	for _, token := range need[n.Reset] {
		if !strings.Contains(n.Prefix, token) {
			missing := slices.Clone(need[n.Reset])
			missing[0] = "{yyyy}"
			return fmt.Sprintf("numbers that begin again %s need %s in the prefix, or they would repeat", n.Reset, strings.Join(missing, ", "))
		}
	}
	return ""
}
