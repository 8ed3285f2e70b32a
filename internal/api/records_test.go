package api_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/paceline/paceline/client"
)

// Assets of the service desk, from an import to an incident about one of them.
func TestRecordsOverHTTP(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	desk, staff := w.as("desk1"), w.as("staff1")

	tables, err := staff.RecordTables(ctx)
	must(t, err)
	if len(tables) != 1 || tables[0].ID != "assets" || tables[0].MayCreate {
		t.Fatalf("tables of staff: %+v", tables)
	}
	file := "資產編號,名稱,種類,狀態,價格\nPC-001,Sample laptop,筆記型電腦,使用中,30000\nPC-002,Sample display,display,inStock,\n"
	report, err := desk.ImportRecords(client.WithKey(ctx, "import-1"), "service-desk", "assets", []byte(file), client.RecordImport{Format: "csv"})
	must(t, err)
	if report.Created != 2 || !report.Written || !report.Finished {
		t.Fatalf("import: %+v", report)
	}
	if again, err := desk.Import(ctx, "import-1"); err != nil || again.Created != 2 {
		t.Errorf("progress: %+v, %v", again, err)
	}
	made, err := desk.CreateRecord(ctx, "service-desk", "assets", map[string]any{"tag": "PC-003", "name": "Sample printer", "kind": "printer", "cost": 9000})
	must(t, err)
	changed, err := desk.ChangeRecord(ctx, "service-desk", "assets", made.ID, made.Version, map[string]any{"cost": 8000})
	must(t, err)
	if _, err := desk.DeleteRecord(ctx, "service-desk", "assets", made.ID, changed.Version); client.KindOf(err) != "denied" {
		t.Errorf("the desk deletes: %v", err)
	}
	history, err := desk.RecordHistory(ctx, "service-desk", "assets", made.ID, client.Paging{})
	must(t, err)
	if len(history.Items) != 2 || string(history.Items[0].Before) != `{"cost":9000}` {
		t.Errorf("history: %+v", history.Items)
	}
	seen, err := staff.Record(ctx, "service-desk", "assets", made.ID)
	must(t, err)
	if strings.Contains(string(seen.Data), "cost") || len(seen.May) != 0 {
		t.Errorf("staff sees %s and may %v", seen.Data, seen.May)
	}
	var out bytes.Buffer
	must(t, desk.ExportRecords(ctx, "service-desk", "assets", client.RecordQuery{Sort: "tag", Fields: []string{"cost:empty:false"}}, "csv", &out))
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 3 || !strings.Contains(lines[2], "PC-003,Sample printer") {
		t.Errorf("export: %q", lines)
	}
	out.Reset()
	must(t, desk.ExportRecords(ctx, "service-desk", "assets", client.RecordQuery{}, "xlsx", &out))
	if report, err := desk.ImportRecords(ctx, "service-desk", "assets", out.Bytes(), client.RecordImport{Format: "xlsx", DryRun: true}); err != nil || report.Unchanged != 3 {
		t.Errorf("what was exported, imported: %+v, %v", report, err)
	}

	form, err := staff.StartForm(ctx, "service-desk", "incident")
	must(t, err)
	if got := form.Choices["asset"]; len(got) != 3 || got[0].Value != "PC-001" {
		t.Errorf("choices: %+v", got)
	}
	data := incident()
	data["asset"] = "PC-009"
	if _, err := staff.OpenTicket(ctx, client.Draft{App: "service-desk", Kind: "incident", Data: data}); client.KindOf(err) != "invalid" {
		t.Errorf("an asset that is none: %v", err)
	}
	data["asset"] = "PC-002"
	opened, err := staff.OpenTicket(ctx, client.Draft{App: "service-desk", Kind: "incident", Data: data})
	must(t, err)
	found, err := desk.Tickets(ctx, client.TicketQuery{Fields: []string{"asset:eq:PC-002"}})
	must(t, err)
	if len(found.Items) != 1 || found.Items[0].ID != opened.ID {
		t.Errorf("tickets about the asset: %+v", found.Items)
	}
}
