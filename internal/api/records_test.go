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

// stock is an app whose tickets write a record, read it again, and leave its price in a note.
var stock = map[string]string{
	"app.yaml": "id: stock\nname: Stock\ntickets:\n  - {id: order, name: Order, title: '=\"Order\"', form: item, process: order, number: {prefix: \"S-\"}}\n",
	"forms/item.json": `{"type": "default", "id": "item", "components": [
		{"type": "textfield", "key": "code", "label": "Code", "validate": {"required": true}, "properties": {"searchable": "true"}},
		{"type": "number", "key": "price", "label": "Price", "properties": {"searchable": "true"}}]}`,
	"records/items.yaml": "name: Items\nform: item\ntitle: '=code'\nunique: [[code]]\nread: [everyone]\n",
	"processes/order.bpmn": `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:paceline="https://paceline.dev/bpmn/1.0" id="d" targetNamespace="test">
  <error id="none" errorCode="RECORD_NOT_FOUND"/>
  <process id="order" name="Order" isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="write"/>
    <serviceTask id="write" paceline:type="record.write"><extensionElements>
      <paceline:header key="table" value="items"/><paceline:input target="values" source="={code: code, price: price * 2}"/></extensionElements></serviceTask>
    <sequenceFlow id="f2" sourceRef="write" targetRef="read"/>
    <serviceTask id="read" paceline:type="record.read" paceline:result="found"><extensionElements>
      <paceline:header key="table" value="items"/><paceline:input target="key" source="=code"/></extensionElements></serviceTask>
    <sequenceFlow id="f3" sourceRef="read" targetRef="missing"/>
    <serviceTask id="missing" paceline:type="record.read"><extensionElements>
      <paceline:header key="table" value="items"/><paceline:header key="key" value="nowhere"/></extensionElements></serviceTask>
    <boundaryEvent id="caught" attachedToRef="missing"><errorEventDefinition errorRef="none"/></boundaryEvent>
    <sequenceFlow id="f4" sourceRef="caught" targetRef="copy"/>
    <sequenceFlow id="f6" sourceRef="missing" targetRef="end"/>
    <serviceTask id="copy" paceline:type="record.write"><extensionElements>
      <paceline:header key="table" value="items"/><paceline:input target="values" source="={code: code + &quot;-copy&quot;, price: found.price + 1}"/></extensionElements></serviceTask>
    <sequenceFlow id="f5" sourceRef="copy" targetRef="end"/>
    <endEvent id="end"/>
  </process>
</definitions>`,
}

func TestAProcessWritesAndReadsRecords(t *testing.T) {
	w := start(t)
	ctx, staff := t.Context(), w.as("staff1")
	_, err := w.as("admin").PublishApp(ctx, bundle(t, stock))
	must(t, err)
	opened, err := staff.OpenTicket(ctx, client.Draft{App: "stock", Kind: "order", Data: map[string]any{"code": "A", "price": 10}})
	must(t, err)
	w.until(opened.ID, "done", func(v client.TicketView) bool { return v.Status == "closed" })
	page, err := staff.Records(ctx, "stock", "items", client.RecordQuery{Sort: "code"})
	must(t, err)
	if len(page.Items) != 2 || string(page.Items[0].Data) != `{"code":"A","price":20}` || string(page.Items[1].Data) != `{"code":"A-copy","price":21}` {
		t.Fatalf("records: %+v", page.Items)
	}
	history, err := staff.RecordHistory(ctx, "stock", "items", page.Items[0].ID, client.Paging{})
	must(t, err)
	if e := history.Items[0]; e.Via != "process" || e.Instance != opened.ID {
		t.Errorf("history: %+v", e)
	}
	if _, err := staff.CreateRecord(ctx, "stock", "items", map[string]any{"code": "B"}); client.KindOf(err) != "denied" {
		t.Errorf("people write what only processes may: %v", err)
	}
}
