package api_test

import (
	"strings"
	"testing"

	"github.com/paceline/paceline/client"
)

// TestPeopleReadTheirOwnLanguage follows the words of the leave app to those who read them: by the language that a
// person chose, else by what the browser accepts, else as the author wrote them.
func TestPeopleReadTheirOwnLanguage(t *testing.T) {
	w := start(t)
	opened, err := w.as("staff1").OpenTicket(t.Context(), client.Draft{App: "leave", Kind: "leave", Data: map[string]any{
		"kind": "annual", "from": "2026-12-01", "to": "2026-12-01", "reason": "a day off",
	}})
	must(t, err)
	w.until(opened.ID, "with the superior", func(v client.TicketView) bool { return len(v.Steps) == 1 && v.Steps[0].Element == "approve" })
	_, err = w.as("staff1").Urge(t.Context(), opened.ID, "")
	must(t, err)
	boss := w.token("sales-manager", "admin")
	choose := func(lang string) {
		if got := w.send("PUT", "/api/v1/me/language", `{"lang":"`+lang+`"}`, "Authorization", "Bearer "+boss); got.status != 200 {
			t.Fatalf("choosing a language: %+v", got)
		}
	}
	choose("")
	for accept, want := range map[string][5]string{
		"":                 {"Approve the leave", "Leave request", "Kind of leave", "Annual leave", "Sample Staff 1 asks you to go on with it."},
		"ja-JP,en;q=0.5":   {"休暇を承認する", "休暇申請", "休暇の種類", "年次有給休暇", "Sample Staff 1 さんから対応の催促が届きました。"},
		"fr":               {"Approve the leave", "Leave request", "Kind of leave", "Annual leave", "Sample Staff 1 asks you to go on with it."},
		"zh-Hant-HK,en-US": {"核准請假", "請假單", "假別", "特休", "Sample Staff 1 請您儘快處理。"},
	} {
		headers := []string{"Authorization", "Bearer " + boss}
		if accept != "" {
			headers = append(headers, "Accept-Language", accept)
		}
		for path, words := range map[string][]string{
			"/api/v1/inbox?queue=mine":     {want[0], want[1]},
			"/api/v1/tickets/" + opened.ID: {want[0], want[1], want[2], want[3]},
			"/api/v1/catalogue":            {want[1]},
			"/api/v1/inbox/notices":        {want[4]},
		} {
			got := w.send("GET", path, "", headers...)
			for _, word := range words {
				if got.status != 200 || !strings.Contains(got.body, `"`+word+`"`) {
					t.Errorf("%s for %q: no %q in %d %s", path, accept, word, got.status, got.body)
				}
			}
		}
	}
	choose("ja")
	got := w.send("GET", "/api/v1/inbox?queue=mine", "", "Authorization", "Bearer "+boss, "Accept-Language", "en")
	if !strings.Contains(got.body, "休暇を承認する") {
		t.Errorf("after choosing Japanese: %s", got.body)
	}
}
