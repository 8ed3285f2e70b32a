package bpmn

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// FuzzParse holds that no input makes Parse panic, and that a file it accepts has a
// graph without holes.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*")
	for _, file := range files {
		if src, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, ".golden") {
			f.Add(src)
		}
	}
	for _, c := range invalid {
		f.Add([]byte(c.src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := Parse(src)
		if d == nil {
			t.Fatal("no definitions")
		}
		if (err == nil) != (d.Err() == nil) {
			t.Fatal("the error is not that of the definitions")
		}
		_ = dump(d)
		roundTrips(t, src)
		for _, p := range d.Processes {
			for n := range p.All {
				for _, flow := range n.Out {
					if flow.From != n || flow.To == nil {
						t.Fatalf("flow %s has a hole", flow.ID)
					}
				}
			}
		}
	})
}

func TestBounds(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"bytes", strings.Repeat(" ", MaxBytes+1), "at most"},
		{"depth", strings.Repeat("<a>", MaxDepth+1), "nested deeper"},
		{"elements", "<a>" + strings.Repeat("<b/>", MaxElements) + "</a>", "more than"},
		{"attributes", "<a " + manyAttributes() + "/>", "attributes"},
		{"odd UTF-16", "\xff\xfea\x00b", "odd number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.src))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func manyAttributes() string {
	var b strings.Builder
	for i := range maxAttrs + 1 {
		b.WriteString("a" + strings.Repeat("x", i) + `="1" `)
	}
	return b.String()
}

// TestHostile holds that files made to be slow are read in time that grows with their size.
func TestHostile(t *testing.T) {
	const n = 20_000
	flows := strings.Repeat(`<sequenceFlow id="" sourceRef="a" targetRef="a"/>`, n)
	lists := strings.Repeat(`<incoming>x</incoming>`, n)
	for name, content := range map[string]string{
		"flows":    `<task id="a">` + lists + `</task>` + flows,
		"nodes":    strings.Repeat(`<task/>`, n) + `<startEvent/><endEvent/>`,
		"sets":     `<ioSpecification>` + strings.Repeat(`<dataInput id="x"/><inputSet><dataInputRefs>y</dataInputRefs></inputSet>`, n/2) + `</ioSpecification>`,
		"calls":    strings.Repeat(`<callActivity calledElement="q"/>`, n),
		"links":    strings.Repeat(`<intermediateThrowEvent><linkEventDefinition name="x"/></intermediateThrowEvent>`, n),
		"bindings": `<task><performer><resourceRef>r</resourceRef>` + strings.Repeat(`<resourceParameterBinding parameterRef="x"/>`, n) + `</performer></task>`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(plainHead + `<process id="p">` + content + `</process></definitions>`)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// TestEncodings holds that a file says the same in every encoding.
func TestEncodings(t *testing.T) {
	src := plain(around("a", "a", `<task id="a" name="Café"/>`))
	var utf16le bytes.Buffer
	utf16le.WriteString("\xff\xfe")
	for _, u := range utf16.Encode([]rune(`<?xml version="1.0" encoding="UTF-16"?>` + src)) {
		utf16le.WriteByte(byte(u))
		utf16le.WriteByte(byte(u >> 8))
	}
	for name, b := range map[string][]byte{
		"UTF-8":        []byte(src),
		"UTF-8 BOM":    []byte("\xef\xbb\xbf" + src),
		"UTF-16":       utf16le.Bytes(),
		"windows-1252": []byte(`<?xml version="1.0" encoding="WINDOWS-1252"?>` + strings.ReplaceAll(src, "é", "\xe9")),
		"GBK":          []byte(`<?xml version="1.0" encoding="GBK"?>` + strings.ReplaceAll(src, "é", "\xa8\xa6")),
	} {
		d, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n := d.Process("p").Node("a"); n == nil || n.Name != "Café" {
			t.Errorf("%s: %+v", name, n)
		}
	}
}
