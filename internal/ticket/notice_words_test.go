package ticket

import (
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/org"
)

// TestNoticesSpeakToTheirReader has every kind of notice in the four languages, and English for everybody else.
func TestNoticesSpeakToTheirReader(t *testing.T) {
	due := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	person := Person{ID: 7, Name: "Ann"}
	for kind, c := range map[string]struct {
		notice Notice
		want   map[string]string
	}{
		"the model's copy": {Notice{Kind: ccNotice}, map[string]string{"": "information", "zh-TW": "知悉", "zh-CN": "知悉", "ja": "お知らせ"}},
		"a person's copy":  {Notice{Kind: ccNotice, Author: person}, map[string]string{"en": "Ann sends", "zh-TW": "Ann 抄送給您", "zh-CN": "Ann 抄送给您", "ja": "Ann さん"}},
		"a reminder":       {Notice{Kind: urgeNotice, Author: person}, map[string]string{"fr": "Ann asks", "zh-Hant-HK": "儘快", "zh-SG": "尽快", "ja-JP": "催促"}},
		"a warning": {Notice{Kind: warnNotice, At: due.Add(-time.Hour), Body: due.Format(time.RFC3339)},
			map[string]string{"": "due at 2026-11-24 10:00 UTC", "zh-TW": "應於", "zh-CN": "应于", "ja": "期限は"}},
		"a late warning": {Notice{Kind: warnNotice, At: due, Body: due.Format(time.RFC3339)},
			map[string]string{"": "is late", "zh-TW": "已逾期", "zh-CN": "已逾期", "ja": "過ぎています"}},
		"an escalation": {Notice{Kind: escalateNotice, At: due.Add(-time.Hour), Body: due.Format(time.RFC3339)},
			map[string]string{"": "not done yet", "zh-TW": "協助督促", "zh-CN": "协助督促", "ja": "まだ完了していません"}},
		"a late escalation": {Notice{Kind: escalateNotice, At: due.Add(time.Hour), Body: due.Format(time.RFC3339)},
			map[string]string{"": "was due", "zh-TW": "逾期未完成", "zh-CN": "逾期未完成", "ja": "過ぎても"}},
	} {
		for lang, want := range c.want {
			got := sentencesFor(&org.Actor{Lang: lang}).sentence(&c.notice, "Approve")
			if !strings.Contains(got, want) || strings.Contains(got, "%!") {
				t.Errorf("%s in %q: %q has no %q", kind, lang, got, want)
			}
			if late := c.notice.Body != ""; late && !strings.Contains(got, "Approve") {
				t.Errorf("%s in %q: %q names no step", kind, lang, got)
			}
		}
	}
}
