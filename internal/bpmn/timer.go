package bpmn

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// timerForm is which of the three children of a timer event definition a text is in.
type timerForm uint8

const (
	timerDate timerForm = iota + 1
	timerDuration
	timerCycle
)

var timerForms = map[string]timerForm{"timeDate": timerDate, "timeDuration": timerDuration, "timeCycle": timerCycle}

// duration is ISO 8601: years to seconds, or weeks, the smallest with a fraction.
var duration = regexp.MustCompile(`^-?P(\d+W|(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?)$`)

var dateLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05Z07",
	"2006-01-02T15:04",
	"2006-01-02T15:04Z07:00",
	"2006-01-02",
	"2006-01-02Z07:00",
}

var errNotCron = errors.New("neither an ISO 8601 repetition (R3/PT10M) nor cron (minute hour day month weekday)")

// checkTimer tells whether literal timer text can be read. A date may be given where a
// duration is expected and the other way round, as vendor engines allow.
func checkTimer(form timerForm, text string) error {
	switch {
	case form == timerCycle && strings.HasPrefix(text, "R"), form == timerDuration && strings.HasPrefix(text, "R"):
		return checkRepetition(text)
	case strings.HasPrefix(text, "P") || strings.HasPrefix(text, "-P"):
		return checkDuration(text)
	case form == timerCycle:
		return checkCron(text)
	case form == timerDuration:
		return errors.New("no ISO 8601 duration")
	}
	return checkDate(text)
}

func checkDuration(text string) error {
	if !duration.MatchString(text) || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return errors.New("no ISO 8601 duration")
	}
	return nil
}

func checkDate(text string) error {
	text, zone, zoned := strings.Cut(text, "@")
	if zoned && zone == "" {
		return errors.New("no ISO 8601 date and time")
	}
	for _, layout := range dateLayouts {
		if _, err := time.Parse(layout, text); err == nil {
			return nil
		}
	}
	return errors.New("no ISO 8601 date and time")
}

// checkRepetition reads R[n]/[start/]duration[/end].
func checkRepetition(text string) error {
	parts := strings.Split(text, "/")
	if count := parts[0][1:]; count != "" {
		if _, err := strconv.ParseUint(strings.TrimPrefix(count, "-"), 10, 31); err != nil {
			return fmt.Errorf("no number of repetitions: %s", parts[0])
		}
	}
	durations := 0
	for _, part := range parts[1:] {
		err := checkDuration(part)
		if err == nil {
			durations++
		} else if checkDate(part) != nil {
			return fmt.Errorf("neither a duration nor a date: %s", part)
		}
	}
	if len(parts) > 3 || durations == 0 && len(parts) != 3 {
		return errors.New("no duration in the repetition")
	}
	return nil
}

var (
	cronField = regexp.MustCompile(`^(\*|\?|L|LW|[0-9A-Z]+(-[0-9A-Z]+)?(L|W)?|[0-9A-Z]+#\d|L-\d+)(/\d+)?(,(\*|[0-9A-Z]+(-[0-9A-Z]+)?(/\d+)?))*$`)
	cronNames = regexp.MustCompile(`JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT`)
	cronMacro = map[string]bool{"@yearly": true, "@annually": true, "@monthly": true, "@weekly": true, "@daily": true, "@midnight": true, "@hourly": true}
)

// checkCron accepts five fields, or six or seven with seconds first, in the spelling of
// cron, Quartz and Spring, and the macros.
func checkCron(text string) error {
	if cronMacro[text] {
		return nil
	}
	fields := strings.Fields(strings.ToUpper(text))
	if len(fields) < 5 || len(fields) > 7 {
		return errNotCron
	}
	for _, f := range fields {
		plain := cronNames.ReplaceAllString(f, "1")
		if !cronField.MatchString(f) || strings.ContainsAny(strings.NewReplacer("L", "", "W", "").Replace(plain), "ABCDEFGHIJKMNOPQRSTUVXYZ") {
			return errNotCron
		}
	}
	return nil
}
