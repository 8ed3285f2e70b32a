package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paceline/paceline/client"
)

// file writes a file of the test and gives its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// TestTimeAndIntakeByCommand goes through calendars, schedules, messages, signals and webhooks: what they do, what they
// refuse, and who may.
func TestTimeAndIntakeByCommand(t *testing.T) {
	address := samples(t)
	admin, staff := newShell(t), newShell(t)
	admin.must("paceline demo\n", "login", address, "-u", "admin")
	staff.must("paceline demo\n", "login", address, "-u", "staff1")
	t.Run("calendar", func(t *testing.T) { calendarByCommand(t, admin, staff) })
	t.Run("schedule", func(t *testing.T) { scheduleByCommand(t, admin, staff) })
	t.Run("message", func(t *testing.T) { messageByCommand(t, admin, staff) })
	t.Run("hook", func(t *testing.T) { hookByCommand(t, admin, address) })
}

// fails runs commands that must not succeed: each with its exit code and what its error says.
func fails(t *testing.T, sh *shell, cases failures) {
	t.Helper()
	for name, c := range cases {
		if r := sh.run(c.stdin, c.args...); r.code != c.code || !strings.Contains(r.err, c.says) {
			t.Errorf("%s: exit %d, want %d with %q\n%s%s", name, r.code, c.code, c.says, r.out, r.err)
		}
	}
}

type failures = map[string]struct {
	args  []string
	stdin string
	code  int
	says  string
}

func calendarByCommand(t *testing.T, admin, staff *shell) {
	office := "name: tw-office\nzone: Asia/Taipei\nweek: {mon: [\"09:00-18:00\"]}\nholidays: [{date: 2026-02-16, to: 2026-02-20, name: Spring festival}]\n"
	path := file(t, "office.yaml", office)
	if out := admin.must("", "calendar", "put", path); !strings.Contains(out, "revision 1") {
		t.Errorf("put: %s", out)
	}
	admin.must(strings.ReplaceAll(office, "18:00", "17:00"), "calendar", "put", "-")
	shown := staff.must("", "calendar", "show", "tw-office")
	if !strings.Contains(shown, "09:00-17:00") || !strings.Contains(shown, "2026-02-16") {
		t.Errorf("show: %s", shown)
	}
	if old := staff.must("", "calendar", "show", "tw-office", "--revision", "1"); !strings.Contains(old, "09:00-18:00") {
		t.Errorf("the first revision: %s", old)
	}
	if again := admin.must(shown, "calendar", "put", "-", "--name", "copy"); !strings.Contains(again, "calendar copy") {
		t.Errorf("what is shown cannot be put: %s", again)
	}
	var list []struct {
		Name     string
		Revision int
	}
	if staff.json(&list, "calendar", "list"); len(list) != 2 {
		t.Errorf("list: %+v", list)
	}
	if out := admin.must("", "calendar", "delete", "copy"); !strings.Contains(out, "deleted") {
		t.Errorf("delete: %s", out)
	}
	fails(t, admin, failures{
		"no file":      {[]string{"calendar", "put", path + ".no"}, "", exitFailed, "no such file"},
		"no YAML":      {[]string{"calendar", "put", "-"}, "{", exitFailed, "no YAML"},
		"no name":      {[]string{"calendar", "put", "-"}, "zone: UTC\n", exitFailed, "--name"},
		"unknown keys": {[]string{"calendar", "put", "-"}, "name: x\nzone: UTC\nweek: {}\ncolour: red\n", exitFailed, "body.colour"},
		"no zone":      {[]string{"calendar", "put", "-"}, "name: x\nzone: Mars\nweek: {}\n", exitFailed, "Mars"},
		"nothing":      {[]string{"calendar", "show", "copy"}, "", exitNotFound, "there is no calendar"},
	})
	fails(t, staff, failures{"without the right": {[]string{"calendar", "put", path}, "", exitDenied, "app.write"}})
}

func scheduleByCommand(t *testing.T, admin, staff *shell) {
	weekly := file(t, "weekly.yaml", "name: weekly\ncycle: 0 9 * * MON\nzone: Asia/Taipei\nopen: {app: leave, kind: leave, requester: staff1,\n"+
		"  data: {kind: annual, from: \"2026-12-01\", to: \"2026-12-01\", reason: \"= name\"}}\n")
	if out := admin.must("", "schedule", "preview", weekly, "--count", "2"); strings.Count(out, "T01:00:00Z") != 2 {
		t.Errorf("preview: %s", out)
	}
	if out := admin.must("", "schedule", "put", weekly); !strings.Contains(out, "schedule weekly  on  next ") {
		t.Errorf("put: %s", out)
	}
	if out := admin.must("", "schedule", "pause", "weekly"); !strings.Contains(out, "paused") {
		t.Errorf("pause: %s", out)
	}
	if out := admin.must("", "schedule", "list"); !strings.Contains(out, "paused") {
		t.Errorf("list: %s", out)
	}
	admin.must("", "schedule", "resume", "weekly")
	admin.must("", "schedule", "run", "weekly")
	var runs []struct{ State, Ticket, Reason string }
	until(t, "the ticket is open", func() bool {
		admin.json(&runs, "schedule", "show", "weekly")
		return len(runs) == 1 && runs[0].State == "done"
	})
	if out := staff.must("", "ticket", "show", runs[0].Ticket); !strings.Contains(out, "weekly") {
		t.Errorf("the ticket: %s", out)
	}
	if out := admin.must("", "schedule", "delete", "weekly"); !strings.Contains(out, "deleted") {
		t.Errorf("delete: %s", out)
	}
	fails(t, admin, failures{
		"gone":           {[]string{"schedule", "run", "weekly"}, "", exitNotFound, "there is no schedule"},
		"a wrong cycle":  {[]string{"schedule", "put", "-"}, "name: x\ncycle: 99 9 * * MON\nsignal: {name: s}\n", exitFailed, "cycle"},
		"a wrong choice": {[]string{"schedule", "put", "-"}, "name: x\ncycle: \"@daily\"\noff: never\nsignal: {name: s}\n", exitFailed, "one of"},
	})
	fails(t, staff, failures{"without the right": {[]string{"schedule", "list"}, "", exitDenied, "app.read"}})
}

func messageByCommand(t *testing.T, admin, staff *shell) {
	if out := admin.must("", "message", "send", "paid", "--key", "4711", "--set", "sum=10", "--wait"); !strings.Contains(out, "message paid") {
		t.Errorf("send: %s", out)
	}
	var raised struct{ Reaches int }
	if admin.json(&raised, "signal", "send", "newYear"); raised.Reaches != 0 {
		t.Errorf("raised %+v", raised)
	}
	fails(t, admin, failures{
		"nobody waits": {[]string{"message", "send", "paid", "--key", "x"}, "", exitNotFound, "nobody waits"},
		"no value":     {[]string{"signal", "send", "s", "--set", "sum"}, "", exitFailed, "has no ="},
	})
	fails(t, staff, failures{
		"a message without the right": {[]string{"message", "send", "paid"}, "", exitDenied, "message.send"},
		"a signal without the right":  {[]string{"signal", "send", "s"}, "", exitDenied, "message.send"},
	})
}

func hookByCommand(t *testing.T, admin *shell, address string) {
	path := file(t, "hook.yaml", "name: shop\npreset: github\nwhen: '= body.action = \"opened\"'\n"+
		"open: {app: leave, kind: leave, requester: staff1, data: {kind: annual, from: \"2026-12-01\", to: \"2026-12-01\", reason: \"= body.title\"}}\n")
	admin.must("", "hook", "put", path)
	const secret = "sixteen letters and more"
	if out := admin.must(secret+"\n", "hook", "secret", "add", "shop", "--stdin"); strings.Contains(out, secret) {
		t.Errorf("the secret is said again: %s", out)
	}
	var second client.HookSecret
	if admin.json(&second, "hook", "secret", "add", "shop"); second.Secret == "" {
		t.Errorf("no secret is told: %+v", second)
	}
	if out := admin.must("", "hook", "list"); !strings.Contains(out, second.ID) || strings.Contains(out, second.Secret) {
		t.Errorf("list: %s", out)
	}
	deliver := func(secret string) int {
		t.Helper()
		body := `{"action": "opened", "title": "from outside"}`
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/hooks/shop", strings.NewReader(body))
		check(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		res, err := http.DefaultClient.Do(req)
		check(t, err)
		check(t, res.Body.Close())
		return res.StatusCode
	}
	if first, again, wrong := deliver(secret), deliver(second.Secret), deliver("nonsense"); first != 202 || again != 202 || wrong != 401 {
		t.Errorf("answers %d, %d, %d", first, again, wrong)
	}
	if out := admin.must("", "hook", "show", "shop"); strings.Count(out, "done") != 1 {
		t.Errorf("the deliveries, of which two are the same: %s", out)
	}
	admin.must("", "hook", "secret", "remove", "shop", second.ID)
	if code := deliver(second.Secret); code != 401 {
		t.Errorf("a removed secret: %d", code)
	}
	fails(t, admin, failures{
		"a secret that is gone": {[]string{"hook", "secret", "remove", "shop", second.ID}, "", exitNotFound, "hook list"},
		"a short secret":        {[]string{"hook", "secret", "add", "shop", "--stdin"}, "x\n", exitFailed, "16 to 500"},
		"a wrong preset":        {[]string{"hook", "put", "-"}, "name: x\npreset: nobody\nmessage: {name: m}\n", exitFailed, "one of"},
	})
	if out := admin.must("", "hook", "delete", "shop"); !strings.Contains(out, "deleted") {
		t.Errorf("delete: %s", out)
	}
}
