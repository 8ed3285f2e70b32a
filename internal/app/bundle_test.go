package app

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/paceline/paceline/apps"
	"github.com/paceline/paceline/internal/errs"
)

// packed is one entry of a zip made by hand.
type packed struct {
	name string
	data string
	mode fs.FileMode
}

func zipped(t testing.TB, entries ...packed) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if len(e.data) < 1000 || len(e.data) > MaxFile+1 {
			h.Method = zip.Store // packing would only take time
		}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A zip that is hostile is refused with the entry and the reason, whatever it would do elsewhere.
func TestUnzipRefuses(t *testing.T) {
	manifest := packed{name: "app.yaml", data: "id: x"}
	encrypted := zipped(t, manifest)
	at := bytes.Index(encrypted, []byte("PK\x01\x02"))
	encrypted[at+8] |= flagEncrypted
	var many []packed
	for i := range 2*MaxFiles + 1 {
		many = append(many, packed{name: fmt.Sprintf("forms/%d.json", i)})
	}
	noise := make([]byte, 3<<20) // does not compress
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	var large []packed
	for i := range 7 {
		large = append(large, packed{name: fmt.Sprintf("forms/%d.json", i), data: strings.Repeat(string(noise[:5000]), 540)})
	}
	for name, c := range map[string]struct {
		zip  []byte
		want string
	}{
		"up":              {zipped(t, manifest, packed{name: "../evil.json"}), "leaves the folder"},
		"up inside":       {zipped(t, manifest, packed{name: "forms/../../evil.json"}), "leaves the folder"},
		"absolute":        {zipped(t, manifest, packed{name: "/etc/passwd"}), "leaves the folder"},
		"drive":           {zipped(t, manifest, packed{name: "C:/evil.json"}), "leaves the folder"},
		"backslash":       {zipped(t, manifest, packed{name: `forms\..\..\evil.json`}), "leaves the folder"},
		"link":            {zipped(t, manifest, packed{name: "forms/a.json", data: "/etc/passwd", mode: fs.ModeSymlink | 0o777}), "link"},
		"device":          {zipped(t, manifest, packed{name: "forms/a.json", mode: fs.ModeDevice | 0o666}), "device"},
		"bomb":            {zipped(t, manifest, packed{name: "forms/a.json", data: strings.Repeat("0", 3<<20)}), "bomb"},
		"one large file":  {zipped(t, manifest, packed{name: "forms/a.json", data: string(noise) + string(noise)}), "too large"},
		"many large":      {zipped(t, append(large, manifest)...), "too large"},
		"many entries":    {zipped(t, many...), "entries"},
		"too many files":  {zipped(t, many[:MaxFiles+1]...), "more than 500 files"},
		"the zip itself":  {make([]byte, MaxZip+1), "bytes"},
		"twice":           {zipped(t, manifest, packed{name: "forms/a.json"}, packed{name: "forms/a.json"}), "twice"},
		"case":            {zipped(t, manifest, packed{name: "forms/a.json"}, packed{name: "forms/A.json"}), "upper and lower case"},
		"long name":       {zipped(t, manifest, packed{name: "forms/" + strings.Repeat("a", 200) + ".json"}), "longer than"},
		"not UTF-8":       {zipped(t, manifest, packed{name: "forms/\xff.json"}), "plain relative"},
		"encrypted":       {encrypted, "encrypted"},
		"no manifest":     {zipped(t, packed{name: "forms/a.json"}), "no app.yaml"},
		"foreign file":    {zipped(t, manifest, packed{name: "bin/run.sh"}), "do not belong"},
		"deep":            {zipped(t, manifest, packed{name: "forms/a/b.json"}), "do not belong"},
		"no zip":          {[]byte("hello"), "no zip file"},
		"nothing":         {nil, "no zip file"},
		"two outer ones":  {zipped(t, packed{name: "a/app.yaml"}, packed{name: "b/app.yaml"}), "no app.yaml"},
		"nested too deep": {zipped(t, packed{name: "a/b/app.yaml"}), "no app.yaml"},
	} {
		b, err := Unzip(c.zip)
		if b != nil || !errs.Is(err, errs.Invalid) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: bundle %v, error %v; want an Invalid error with %q", name, b != nil, err, c.want)
		}
	}
}

// An entry may lie about its size: what counts is what comes out.
func TestUnzipCountsWhatComesOut(t *testing.T) {
	data := zipped(t, packed{name: "app.yaml", data: "id: x"}, packed{name: "forms/a.json", data: strings.Repeat("0", MaxFile+1)})
	at := bytes.LastIndex(data, []byte("PK\x01\x02"))
	copy(data[at+24:at+28], []byte{10, 0, 0, 0}) // uncompressed size in the directory: 10
	if _, err := Unzip(data); !errs.Is(err, errs.Invalid) {
		t.Errorf("error %v; want Invalid", err)
	}
}

// The same files are the same bundle, from a folder, a zip, and a zip with a folder in it; what
// desktops leave behind does not count.
func TestBundleIsItsContent(t *testing.T) {
	from := sample(t, "leave")
	own, err := from.Zip()
	if err != nil {
		t.Fatal(err)
	}
	again, _ := from.Zip()
	if !bytes.Equal(own, again) {
		t.Error("two zips of one bundle differ")
	}
	wrapped := []packed{{name: "leave/"}, {name: "__MACOSX/leave/._app.yaml"}, {name: "leave/.DS_Store"}}
	for _, name := range slices.Backward(from.Names()) {
		wrapped = append(wrapped, packed{name: "leave/" + name, data: string(from.Files[name])})
	}
	for name, src := range map[string][]byte{"own zip": own, "a zip of the folder": zipped(t, wrapped...)} {
		b, err := Unzip(src)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if b.Hash() != from.Hash() || !maps.EqualFunc(b.Files, from.Files, bytes.Equal) {
			t.Errorf("%s is another bundle", name)
		}
	}
	other := sample(t, "leave")
	other.Files["texts/en.yaml"] = append(other.Files["texts/en.yaml"], '\n')
	if other.Hash() == from.Hash() {
		t.Error("another text, but the same hash")
	}
	moved := &Bundle{Files: map[string][]byte{"a": []byte("bc")}}
	if moved.Hash() == (&Bundle{Files: map[string][]byte{"ab": []byte("c")}}).Hash() {
		t.Error("where a name ends has to count")
	}
}

func TestReadRefusesLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/app.yaml", []byte("id: x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/forms", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", dir+"/forms/a.json"); err != nil {
		t.Skip(err)
	}
	if _, err := Read(os.DirFS(dir)); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "forms/a.json") {
		t.Errorf("error %v; want Invalid with forms/a.json", err)
	}
	if _, err := Read(os.DirFS(dir + "/nowhere")); !errs.Is(err, errs.NotFound) {
		t.Errorf("error %v; want NotFound", err)
	}
	if _, err := Read(fstest.MapFS{"readme.txt": {}}); !errs.Is(err, errs.Invalid) {
		t.Errorf("error %v; want Invalid", err)
	}
}

func FuzzUnzip(f *testing.F) {
	for _, name := range apps.Names {
		folder, err := apps.Bundle(name)
		if err != nil {
			f.Fatal(err)
		}
		b, err := Read(folder)
		if err != nil {
			f.Fatal(err)
		}
		src, err := b.Zip()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add(zipped(f, packed{name: "app.yaml", data: "id: ab\nname: A\ntickets: [{id: x}]"}, packed{name: "texts/en.yaml", data: "a: &x [*x]"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Unzip(data)
		if err != nil {
			if !errs.Is(err, errs.Invalid) {
				t.Errorf("%v is not Invalid", err)
			}
			return
		}
		if l, problems := Load(b); l == nil && worst(problems) != Error {
			t.Error("nothing was loaded and nothing said why")
		}
	})
}

// FuzzLoad tries the files of a bundle, each by itself, beside good ones.
func FuzzLoad(f *testing.F) {
	for _, name := range apps.Names {
		folder, err := apps.Bundle(name)
		if err != nil {
			f.Fatal(err)
		}
		b, err := Read(folder)
		if err != nil {
			f.Fatal(err)
		}
		for file, src := range b.Files {
			f.Add(file, src)
		}
	}
	f.Add("app.yaml", []byte("id: ab\nname: A\ntickets: [{id: x, number: {prefix: '{'}}]"))
	f.Add("texts/en.yaml", []byte("a: &x [*x]"))
	f.Fuzz(func(t *testing.T, file string, src []byte) {
		b := &Bundle{Files: map[string][]byte{"app.yaml": []byte("id: ab\nname: A"), file: src}}
		l, problems := Load(b)
		if l == nil && worst(problems) != Error {
			t.Error("nothing was loaded and nothing said why")
		}
		Compare(b, &Bundle{Files: map[string][]byte{file: []byte("x")}})
	})
}
