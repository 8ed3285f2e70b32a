package app

import (
	"strings"
	"testing"
	"testing/fstest"
)

const deviceForm = `{"type": "default", "id": "device", "components": [
	{"type": "textfield", "key": "tag", "label": "1", "properties": {"searchable": "true"}},
	{"type": "dynamiclist", "path": "rows", "components": [{"type": "number", "key": "n", "label": "1"}]},
	{"type": "select", "key": "like", "label": "1", "properties": {"records": "devices"}}]}`

// An app may have tables and no process. Whatever is wrong in a declaration is told with its line.
func TestTablesAreChecked(t *testing.T) {
	const good = "name: '1'\nform: device\ntitle: '=tag'\nunique: [[tag]]\nread: [everyone, own, '=tag']\ncreate: [staff]\nrights:\n  - fields: {like: hide}\n"
	for _, tt := range []struct{ from, to, want string }{
		{"", "", ""},
		{"unique: [[tag]]", "unique: [[rows.n]]", `records/devices.yaml:4 unique: error: the form has no field "rows.n" that a key can be made of`},
		{"create: [staff]", "create: [own]", `records/devices.yaml:6 create: error: "own" needs a record`},
		{"'=tag']", "'=tag +']", "records/devices.yaml:5 read: error: "},
		{"form: device", "form: gadget", `records/devices.yaml:2 form: error: the app has no form "gadget"`},
		{"{like: hide}", "{unlike: hide}", `records/devices.yaml:8 rights: error: field "unlike"`},
		{"title: '=tag'", "titel: '=tag'", `records/devices.yaml:3: error: the key "titel" is not known here`},
		{"name: '1'\n", "", "records/devices.yaml:1 name: error: the table needs a name"},
		{"unique: [[tag]]", "unique: [[tag, like]]", `forms/device.json components[2]: error: the table "devices" has no unique key of one field`},
	} {
		bundle, err := Read(fstest.MapFS{
			"app.yaml":             {Data: []byte("id: store\nname: '1'\n")},
			"forms/device.json":    {Data: []byte(deviceForm)},
			"records/devices.yaml": {Data: []byte(strings.Replace(good, tt.from, tt.to, 1))},
		})
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, p := range Check(bundle) {
			if p.Severity == Error {
				said = append(said, p.String())
			}
		}
		if all := strings.Join(said, "\n"); tt.want == "" && all != "" || !strings.Contains(all, tt.want) {
			t.Errorf("%q instead of %q: %s\nwant %s", tt.to, tt.from, all, tt.want)
		}
	}
}
