package app

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/paceline/paceline/internal/errs"
)

// Bounds of a bundle.
const (
	MaxFiles    = 500
	MaxFile     = 4 << 20  // bytes of one file
	MaxUnpacked = 16 << 20 // bytes of all files
	MaxName     = 150      // bytes of a file's path
)

// Bundle is the files of an app, by their path with forward slashes: app.yaml,
// forms/leave.json, processes/leave.bpmn, texts/ja.yaml. Only files that belong to
// an app are in it.
type Bundle struct {
	Files map[string][]byte
}

// Names are the paths in order.
func (b *Bundle) Names() []string { return slices.Sorted(maps.Keys(b.Files)) }

// Hash names the content: two bundles with the same files have the same one, whatever
// folder or zip they came from.
func (b *Bundle) Hash() string {
	h := sha256.New()
	var size [8]byte
	part := func(p []byte) {
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		h.Write(size[:])
		h.Write(p)
	}
	for _, name := range b.Names() {
		part([]byte(name))
		part(b.Files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Read takes a bundle out of a folder. Links and other things that are no plain files are refused.
func Read(folder fs.FS) (*Bundle, error) {
	c := &collector{files: map[string][]byte{}}
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && junk(name):
			return fs.SkipDir
		case d.IsDir() || junk(name):
			return nil
		case !d.Type().IsRegular():
			return refuse(name, "is a link or a device, not a file")
		}
		f, err := folder.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return c.add(name, f)
	})
	if err != nil {
		return nil, readError(err)
	}
	return c.bundle()
}

// readError keeps what speaks to the caller and explains the rest.
func readError(err error) error {
	var told *errs.Error
	if errors.As(err, &told) {
		return err
	}
	kind := errs.Invalid
	if errors.Is(err, fs.ErrNotExist) {
		kind = errs.NotFound
	}
	return errs.New(kind, "the bundle cannot be read: %w", err)
}

// collector gathers files within the bounds, wherever they come from.
type collector struct {
	files map[string][]byte
	total int
}

func (c *collector) add(name string, r io.Reader) error {
	switch {
	case len(c.files) == MaxFiles:
		return errs.New(errs.Invalid, "the bundle has more than %d files", MaxFiles)
	case len(name) > MaxName:
		return refuse(name[:40]+"…", fmt.Sprintf("has a path longer than %d bytes", MaxName))
	case !utf8.ValidString(name):
		return refuse(fmt.Sprintf("%q", name), "has a name that is not UTF-8")
	}
	limit := min(MaxFile, MaxUnpacked-c.total)
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return errs.New(errs.Invalid, "%s cannot be read: %w", name, err)
	}
	if len(data) > limit {
		return refuse(name, fmt.Sprintf("is too large: a file may have %d bytes and a bundle %d", MaxFile, MaxUnpacked))
	}
	for other := range c.files {
		if strings.EqualFold(other, name) {
			return refuse(name, "is there twice, or differs from another file only in upper and lower case")
		}
	}
	c.total += len(data)
	c.files[name] = data
	return nil
}

// bundle finds the app's root: the folder of app.yaml, at the top or one below.
func (c *collector) bundle() (*Bundle, error) {
	if _, ok := c.files["app.yaml"]; !ok {
		c.unwrap()
	}
	b := &Bundle{Files: c.files}
	if _, ok := b.Files["app.yaml"]; !ok {
		return nil, errs.New(errs.Invalid, "the bundle has no app.yaml").
			WithCure("Name the folder, or a zip of the folder, that has app.yaml in it.")
	}
	var wrong []errs.Detail
	for _, name := range b.Names() {
		if !belongs(name) {
			wrong = append(wrong, errs.Detail{Place: name, Rule: "file", Message: "is no file of a bundle"})
		}
	}
	if wrong != nil {
		return nil, errs.New(errs.Invalid, "the bundle has files that do not belong there").WithDetails(wrong...).
			WithCure("A bundle has app.yaml, forms/*.json or *.form, processes/*.bpmn or *.dmn, records/*.yaml, texts/*.yaml, calendars/*.yaml, schedules/*.yaml, hooks/*.yaml, and README, LICENSE, CHANGELOG.")
	}
	return b, nil
}

// unwrap removes the one folder that everything is in, as zip tools put it there.
func (c *collector) unwrap() {
	outer := ""
	for name := range c.files {
		first, _, nested := strings.Cut(name, "/")
		if !nested || outer != "" && outer != first {
			return
		}
		outer = first
	}
	files := make(map[string][]byte, len(c.files))
	for name, data := range c.files {
		files[strings.TrimPrefix(name, outer+"/")] = data
	}
	c.files = files
}

// belongs tells whether a path is one of those a bundle is made of.
func belongs(name string) bool {
	folder, file := path.Split(name)
	ext := path.Ext(file)
	if strings.TrimSuffix(file, ext) == "" {
		return false
	}
	switch folder {
	case "":
		stem, _, _ := strings.Cut(file, ".")
		return file == "app.yaml" || stem == "README" || stem == "LICENSE" || stem == "CHANGELOG"
	case "forms/":
		return ext == ".json" || ext == ".form"
	case "processes/":
		return ext == ".bpmn" || ext == ".dmn"
	case "texts/", "records/", "calendars/", "schedules/", "hooks/":
		return ext == ".yaml"
	}
	return false
}

// junk is what desktops and version control leave in folders.
func junk(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || part == "__MACOSX" || part == "Thumbs.db" || part == "desktop.ini" {
			return true
		}
	}
	return false
}

func refuse(name, why string) error {
	return errs.New(errs.Invalid, "the bundle is refused: %s %s", name, why)
}
