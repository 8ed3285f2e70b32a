package chaos

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/errs"
)

// table is what the faults came to, for docs/reliability.md.
func table(rows []row) string {
	var b strings.Builder
	b.WriteString("| fault | times | requests | lost | doubled | failed | longest wait | takeover | out of the gateways |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		if r.skipped != "" {
			fmt.Fprintf(&b, "| %s | | SKIPPED: %s | | | | | | |\n", r.fault, r.skipped)
			continue
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %s | %s | %s |\n", r.fault, r.times, r.figures.Requests, r.audit.Lost, r.audit.Doubled, r.figures.Failed,
			milliseconds(r.figures.Longest), milliseconds(r.takeover), milliseconds(r.out))
	}
	return b.String()
}

func milliseconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
}

// The marks of the table in the page.
const (
	begins = "<!-- chaos -->\n"
	ends   = "<!-- /chaos -->"
)

// keep writes the table into the page.
func keep(path, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(page), begins)
	_, after, ended := strings.Cut(rest, ends)
	if !ok || !ended {
		return errs.New(errs.Invalid, "%s has no place for the table", path)
	}
	return os.WriteFile(path, []byte(before+begins+text+ends+after), 0o644)
}

func waitsFor(s agent.Status, what string) bool {
	for _, r := range s.Roles {
		if r.Report != nil && strings.Contains(r.Report.Waits, what) {
			return true
		}
	}
	return false
}
