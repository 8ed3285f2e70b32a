package connect

import (
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/feel"
)

// fill replaces {{ expression }} in a text by the value of the FEEL expression; null is
// nothing. escape is applied to what comes from expressions, never to the text itself.
func fill(text string, vars feel.Vars, now time.Time, escape func(string) string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{{")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		expression, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return "", fmt.Errorf("{{%.40s is not closed by }}", rest)
		}
		compiled, err := feel.Compile(strings.TrimSpace(expression))
		if err != nil {
			return "", fmt.Errorf("{{%s}}: %w", expression, err)
		}
		value, err := compiled.Eval(feel.At(vars, now))
		if err != nil {
			return "", fmt.Errorf("{{%s}}: %w", expression, err)
		}
		if value != nil {
			b.WriteString(escape(feel.String(value)))
		}
		if b.Len() > mailMost {
			return "", fmt.Errorf("the text is longer than %d KB", mailMost>>10)
		}
		text = after
	}
}

func plain(s string) string { return s }

func escapeHTML(s string) string { return html.EscapeString(s) }

// oneLine keeps what comes from data within its header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
