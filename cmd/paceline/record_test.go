package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecordsByCommand keeps the service desk's assets: one by one, as CSV and as a workbook, with their history.
func TestRecordsByCommand(t *testing.T) {
	address := samples(t)
	as := func(login string) *shell {
		sh := newShell(t)
		sh.must("paceline demo\n", "login", address, "-u", login)
		return sh
	}
	desk, staff, manager := as("desk1"), as("staff1"), as("it-manager")
	const assets = "service-desk/assets"
	if out := staff.must("", "record", "tables"); !strings.Contains(out, assets) {
		t.Errorf("tables: %s", out)
	}
	var made struct {
		ID      string
		Version int
	}
	desk.json(&made, "record", "create", assets, "-s", "tag=LAP-001", "-s", "name=Laptop", "-s", "serial=S1", "-s", "cost=900")
	desk.must("", "record", "update", assets, made.ID, "-s", "state=inStock", "--version", "1")
	if out := staff.must("", "record", "get", assets, made.ID); !strings.Contains(out, "inStock") || strings.Contains(out, "S1") {
		t.Errorf("what staff sees: %s", out)
	}

	dir := t.TempDir()
	rows := filepath.Join(dir, "rows.csv")
	check(t, os.WriteFile(rows, []byte("tag,name,kind,state\nLAP-002,Second,laptop,inUse\nwrong,Third,laptop,inUse\n"), 0o600))
	if r := desk.run("", "record", "import", assets, rows); r.code != exitFailed || !strings.Contains(r.out, "pattern") || !strings.Contains(r.out, "Nothing is written.") {
		t.Errorf("an import with a bad row: %+v", r)
	}
	if r := desk.run("", "record", "import", assets, rows, "--skip-bad"); r.code != exitFailed || !strings.Contains(r.out, "1 created") || !strings.Contains(r.out, "Written.") {
		t.Errorf("without the bad row: %+v", r)
	}
	book := filepath.Join(dir, "assets.xlsx")
	desk.must("", "record", "export", assets, "-f", book)
	if out := desk.must("", "record", "import", assets, book); !strings.Contains(out, "2 unchanged") {
		t.Errorf("what was exported: %s", out)
	}
	var list struct {
		Items []struct{ Title string }
		Next  string
	}
	if desk.json(&list, "record", "list", assets, "--field", "state:eq:inUse", "--sort=-tag", "--limit", "1"); len(list.Items) != 1 || list.Items[0].Title != "LAP-002 Second" {
		t.Errorf("list: %+v", list)
	}
	if out := manager.must("", "record", "export", assets, "--search", "second"); strings.Count(out, "LAP-") != 1 {
		t.Errorf("export: %s", out)
	}
	fails(t, desk, failures{"no right to delete": {[]string{"record", "delete", assets, made.ID}, "", exitDenied, "may not delete"}})
	manager.must("", "record", "delete", assets, made.ID)
	if out := manager.must("", "record", "history", assets, made.ID); strings.Count(out, "LAP-001") != 2 || !strings.Contains(out, "deleted") {
		t.Errorf("history: %s", out)
	}
	fails(t, desk, failures{
		"a number taken":    {[]string{"record", "create", assets, "-s", "tag=LAP-002", "-s", "name=x"}, "", exitFailed, "another record"},
		"fields of no form": {[]string{"record", "create", assets, "--data", `{"tag": "LAP-003", "name": "x", "colour": "red"}`}, "", exitFailed, "colour"},
		"no JSON":           {[]string{"record", "create", assets, "--data", `{"tag`}, "", exitFailed, "JSON"},
		"no such table":     {[]string{"record", "list", "service-desk/nothing"}, "", exitNotFound, "there is no table"},
		"half a name":       {[]string{"record", "list", "assets"}, "", exitFailed, "APP/TABLE"},
		"a wrong operator":  {[]string{"record", "list", assets, "--field", "tag:is:x"}, "", exitFailed, "use eq"},
		"gone":              {[]string{"record", "get", assets, made.ID}, "", exitNotFound, "there is no record"},
		"no file":           {[]string{"record", "import", assets, book + ".no"}, "", exitFailed, "no such file"},
		"not a table":       {[]string{"record", "import", assets, file(t, "a.csv", "\xff\x00")}, "", exitFailed, "UTF-8"},
		"too large":         {[]string{"record", "import", assets, os.Args[0]}, "", exitFailed, "too large"},
	})
	fails(t, staff, failures{"no right to create": {[]string{"record", "create", assets, "-s", "tag=LAP-009"}, "", exitDenied, "may not create"}})
}
