package record_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/db/dbtest"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/record"
)

// export gives the file that an actor gets.
func (w *world) export(login string, format record.Format, q record.Query) string {
	w.t.Helper()
	var out bytes.Buffer
	must(w.t, w.records.Export(w.t.Context(), w.as(login), "store", "parts", q, format, func() io.Writer { return &out }))
	return out.String()
}

func (w *world) bring(login string, in record.Import) record.Report {
	w.t.Helper()
	report, err := w.records.Import(w.t.Context(), w.as(login), "store", "parts", in)
	must(w.t, err)
	return report
}

// said are the problems of a report in one line each.
func said(r record.Report) []string {
	lines := []string{}
	for _, p := range r.Problems {
		lines = append(lines, fmt.Sprintf("%d %s %s %s", p.Row, p.Column, p.Field, p.Rule))
	}
	return lines
}

func counts(r record.Report) string {
	return fmt.Sprintf("%d rows: %d created, %d changed, %d unchanged, %d bad, written %v", r.Rows, r.Created, r.Changed, r.Unchanged, r.Bad, r.Written)
}

func TestWhatIsExportedIsImportedAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.create(`{"code": "A-1", "title": "=1+1", "price": 1.25, "since": "2026-03-01", "uses": ["in", "out"], "active": true, "sizes": [{"width": 3}], "secret": "-x"}`)
		w.create(`{"code": "A-2", "title": "'=quoted", "price": -0}`)
		w.create(`{"code": "A-3", "title": "a \"b\"\nc, d; e", "colour": "g", "like": "A-1"}`)
		for _, format := range []record.Format{record.CSV, record.XLSX} {
			file := w.export("desk1", format, record.Query{Sort: "oldest"})
			report := w.bring("desk1", record.Import{Format: format, Data: []byte(file)})
			same(t, string(format), counts(report), "3 rows: 0 created, 0 changed, 3 unchanged, 0 bad, written true")
			same(t, string(format), said(report), []string{})
		}
		csv := w.export("desk1", record.CSV, record.Query{Fields: []record.Filter{{Name: "code", Op: "eq", Value: "A-1"}}})
		lines := strings.Split(csv, "\n")
		same(t, "headings", lines[0], "\ufeff_id,_version,Code,Title,Price,Since,Colour,Uses,Active,Secret,Keeper,Sizes,Like")
		_, cells, _ := strings.Cut(lines[1], ",1,")
		same(t, "the guarded row", cells, `A-1,'=1+1,1.25,2026-03-01,r,in; out,true,'-x,,"[{""width"":3}]",`)
	})
}

func TestAWorkbookKeepsTypes(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	w.create(`{"code": "A-1", "title": "=1+1", "price": 1.25, "since": "2026-03-01", "active": true}`)
	book, err := excelize.OpenReader(strings.NewReader(w.export("desk1", record.XLSX, record.Query{})))
	must(t, err)
	defer book.Close()
	for cell, want := range map[string]string{"D2": "=1+1", "E2": "1.25", "F2": "2026-03-01", "I2": "TRUE"} {
		got, err := book.GetCellValue("Sheet1", cell)
		must(t, err)
		same(t, cell, got, want)
	}
	if formula, err := book.GetCellFormula("Sheet1", "D2"); err != nil || formula != "" {
		t.Errorf("a text became the formula %q, %v", formula, err)
	}
}

func TestADryRunListsEveryBadRow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.create(`{"code": "A-1", "title": "Bolt"}`)
		file := strings.Join([]string{
			"Code;Title;Price;Since;Colour;Active",
			"A-1;Screw;3;2026/3/1;Green;yes",
			"A-2;;much;soon;blue;perhaps",
			";No code;1;;;",
			"A-3;Fine;1.5;;r;no",
			"A-3;Twice;1;;;",
			"A-4;Fine;1;;;;too much",
		}, "\r\n")
		want := []string{"3 Active active type", "4 Code code required", "6 Code code unique", "7   column"}
		dry := w.bring("desk1", record.Import{Format: record.CSV, Data: []byte(file), DryRun: true})
		same(t, "dry run", said(dry), want)
		same(t, "dry run", counts(dry), "6 rows: 1 created, 1 changed, 0 unchanged, 4 bad, written false")
		whole := w.bring("desk1", record.Import{Format: record.CSV, Data: []byte(file)})
		same(t, "all or none", counts(whole), counts(dry))
		same(t, "nothing was written", w.titles("desk1", record.Query{}), []string{"A-1 Bolt"})
		skip := w.bring("desk1", record.Import{Format: record.CSV, Data: []byte(file), SkipBad: true})
		same(t, "skip bad", said(skip), want)
		same(t, "skip bad", counts(skip), "6 rows: 1 created, 1 changed, 0 unchanged, 4 bad, written true")
		same(t, "the good rows", w.titles("desk1", record.Query{Sort: "code"}), []string{"A-1 Screw", "A-3 Fine"})
		wrong := strings.Replace(file, "perhaps", "no", 1)
		same(t, "what the form says", said(w.bring("desk1", record.Import{Format: record.CSV, Data: []byte(wrong), DryRun: true}))[:3],
			[]string{"3 Price price type", "3 Since since format", "4 Code code required"})
	})
}

func TestHeadingsInAnyLanguage(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	texts := map[string]string{}
	for language, words := range map[string][2]string{"ja": {"コード", "緑"}, "zh-TW": {"代碼", "綠色"}} {
		texts["texts/"+language+".yaml"] = fmt.Sprintf("forms:\n  part:\n    code:\n      label: %s\n    colour:\n      options:\n        g: %s\n", words[0], words[1])
	}
	form := `{"type": "default", "id": "part", "components": [
		{"type": "textfield", "key": "code", "label": "Code"},
		{"type": "select", "key": "colour", "values": [{"label": "1", "value": "r"}, {"label": "Green", "value": "g"}]}]}`
	texts["forms/part.json"] = form
	texts["forms/note.json"] = strings.ReplaceAll(form, `"part"`, `"note"`)
	texts["records/parts.yaml"] = "name: '1'\nform: part\ncreate: [everyone]\nchange: [everyone]\nread: [everyone]\nunique: [[code]]\n"
	texts["records/notes.yaml"] = "name: '1'\nform: note\n"
	texts["app.yaml"] = "id: store\nname: '1'\n"
	texts["processes/store.bpmn"] = strings.ReplaceAll(storeModel, `<process `, `<process name="1" `)
	for language := range map[string]bool{"ja": true, "zh-TW": true} {
		texts["texts/"+language+".yaml"] += strings.Replace(texts["texts/"+language+".yaml"][len("forms:\n"):], "  part:", "  note:", 1)
	}
	w.publish(folder("store", texts))
	for _, file := range []string{"コード,colour\nA,緑\n", "代碼,colour\nB,綠色\n", "CODE , colour\nB,g\n", "Nummer,colour\nC,green\n"} {
		in := record.Import{Format: record.CSV, Data: []byte(file)}
		if strings.HasPrefix(file, "Nummer") {
			same(t, "an unknown heading", said(w.bring("staff1", in)), []string{"1 Nummer  column"})
			in.Columns = map[string]string{"Nummer": "code"}
		}
		report := w.bring("staff1", in)
		if report.Bad > 0 || report.Rows != 1 {
			t.Errorf("%q: %s %v", file, counts(report), report.Problems)
		}
	}
	page, err := w.records.List(t.Context(), w.as("staff1"), "store", "parts", record.Query{Sort: "oldest"})
	must(t, err)
	for _, item := range page.Items {
		if !strings.Contains(string(item.Data), `"colour":"g"`) {
			t.Errorf("%s", item.Data)
		}
	}
}

func TestALargeImportGoesInBatchesAndIsResumed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var file strings.Builder
		file.WriteString("text\n")
		const rows = 450
		for i := range rows {
			if i == 210 {
				file.WriteString(`""` + ",x\n")
			}
			fmt.Fprintf(&file, "note %d\n", i)
		}
		in := record.Import{Format: record.CSV, Data: []byte(file.String()), SkipBad: true}
		actor := w.as("desk1")
		ctx := db.WithOnce(t.Context(), db.Once{Key: actor.ID.String() + ":k1", Hash: "h"})
		report, err := w.records.Import(ctx, actor, "store", "notes", in)
		must(t, err)
		same(t, "the first time", counts(report), "451 rows: 450 created, 0 changed, 0 unchanged, 1 bad, written true")
		again, err := w.records.Import(ctx, actor, "store", "notes", in)
		must(t, err)
		same(t, "a repeat has the answer of the first", again, report)
		progress, err := w.records.Progress(t.Context(), actor, "k1")
		must(t, err)
		same(t, "the progress", progress, report)

		// As if the node had died after the first batch: the repeat goes on after it.
		first := report
		first.Rows, first.Created, first.Bad, first.Problems, first.Finished = 200, 200, 0, nil, false
		text, _ := json.Marshal(first)
		_, err = w.db.Exec(t.Context(), "UPDATE record_import SET read_rows = 201, report = ? WHERE actor = ?", string(text), actor.ID)
		must(t, err)
		n, err := w.db.Exec(t.Context(), "DELETE FROM record WHERE tbl = ? AND title NOT IN (?)", "store/notes", db.In(noteTitles(200)))
		must(t, err)
		same(t, "taken away", n, int64(rows-200))
		again, err = w.records.Import(ctx, actor, "store", "notes", in)
		must(t, err)
		same(t, "after the repeat", counts(again), counts(report))
		there, err := db.Count(t.Context(), w.db, 1000, "FROM record WHERE tbl = ?", "store/notes")
		must(t, err)
		same(t, "each once", there, rows)

		in.Data = append(in.Data, "more\n"...)
		if _, err := w.records.Import(ctx, actor, "store", "notes", in); !errs.Is(err, errs.Invalid) {
			t.Errorf("another file under the key: %v", err)
		}
	})
}

func TestALargeImportAnswersInTime(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	w.slow.Store(true) // every look at the clock takes a second
	var file strings.Builder
	file.WriteString("text\n")
	for i := range 450 {
		fmt.Fprintf(&file, "note %d\n", i)
	}
	actor := w.as("desk1")
	ctx := db.WithOnce(t.Context(), db.Once{Key: actor.ID.String() + ":k", Hash: "h"})
	calls, report := 0, record.Report{}
	for !report.Finished && calls < 10 {
		var err error
		report, err = w.records.Import(ctx, actor, "store", "notes", record.Import{Format: record.CSV, Data: []byte(file.String()), SkipBad: true})
		must(t, err)
		calls++
	}
	same(t, "calls", calls, 3)
	same(t, "all rows", counts(report), "450 rows: 450 created, 0 changed, 0 unchanged, 0 bad, written true")
}

func noteTitles(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("note %d", i))
	}
	return all
}

func TestHostileFiles(t *testing.T) {
	w := newWorld(t, dbtest.Open(t, "sqlite"))
	bomb := func(size int64) []byte {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		part, err := z.Create("xl/worksheets/sheet1.xml")
		must(t, err)
		zeros := make([]byte, 1<<20)
		for range size >> 20 {
			_, err := part.Write(zeros)
			must(t, err)
		}
		must(t, z.Close())
		return out.Bytes()
	}
	wide := strings.Repeat("x,", 600) + "\n"
	for name, in := range map[string]record.Import{
		"a zip bomb":        {Format: record.XLSX, Data: bomb(300 << 20)},
		"no workbook":       {Format: record.XLSX, Data: []byte("PK\x03\x04 nothing")},
		"UTF-16":            {Format: record.CSV, Data: []byte("\xff\xfec\x00o\x00")},
		"not UTF-8":         {Format: record.CSV, Data: []byte("code\n\xa4\xa4\n")},
		"an open quote":     {Format: record.CSV, Data: []byte("code\n\"abc\n")},
		"nothing":           {Format: record.CSV},
		"too many columns":  {Format: record.CSV, Data: []byte(wide)},
		"too long a cell":   {Format: record.CSV, Data: []byte("code\n" + strings.Repeat("x", 200_000) + "\n")},
		"too large a file":  {Format: record.CSV, Data: make([]byte, record.MaxFile+1)},
		"an unknown format": {Format: "ods", Data: []byte("x")},
	} {
		in.DryRun = true
		_, err := w.records.Import(t.Context(), w.as("desk1"), "store", "parts", in)
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	denied := w.bring("finance1", record.Import{Format: record.CSV, Data: []byte("code\nF-1\n")})
	same(t, "finance may create", counts(denied), "1 rows: 1 created, 0 changed, 0 unchanged, 0 bad, written true")
	w.create(`{"code": "D-1"}`)
	denied = w.bring("finance1", record.Import{Format: record.CSV, Data: []byte("code,title\nD-1,taken over\n")})
	same(t, "and change nobody else's", said(denied), []string{"2 code code unique"})
}
