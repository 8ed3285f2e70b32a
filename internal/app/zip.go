package app

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"path"
	"strings"

	"github.com/paceline/paceline/internal/errs"
)

// Bounds of a zipped bundle.
const (
	MaxZip   = 8 << 20
	maxRatio = 200 // unpacked bytes for one packed byte; XML and JSON stay far below
)

// Unzip takes a bundle out of a zip. Nothing is written anywhere; paths that would leave
// a folder, links, encrypted files and bombs are refused all the same.
func Unzip(data []byte) (*Bundle, error) {
	if len(data) > MaxZip {
		return nil, errs.New(errs.Invalid, "the zip has %d bytes, more than %d", len(data), MaxZip)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, errs.New(errs.Invalid, "this is no zip file: %w", err).
			WithCure("Zip the app's folder with an ordinary zip tool.")
	}
	if len(z.File) > 2*MaxFiles {
		return nil, errs.New(errs.Invalid, "the zip has more than %d entries", 2*MaxFiles)
	}
	c := &collector{files: map[string][]byte{}}
	for _, f := range z.File {
		if err := c.unpack(f); err != nil {
			return nil, err
		}
	}
	return c.bundle()
}

const flagEncrypted = 1 // of the general purpose bits, APPNOTE 4.4.4

// unpack adds one entry. Its declared sizes only let it be refused early: what counts
// are the bytes that come out.
func (c *collector) unpack(f *zip.File) error {
	name := f.Name
	mode := f.Mode()
	switch {
	case !fs.ValidPath(strings.TrimSuffix(name, "/")) || strings.ContainsAny(name, "\\:\x00"):
		return refuse(clip(name), "has a path that leaves the folder or is not a plain relative path")
	case mode.IsDir() || junk(name):
		return nil
	case !mode.IsRegular():
		return refuse(clip(name), "is a link or a device, not a file")
	case f.Flags&flagEncrypted != 0:
		return refuse(clip(name), "is encrypted")
	case f.UncompressedSize64 > MaxFile:
		return refuse(clip(name), "is too large")
	case f.UncompressedSize64 > 1<<16 && f.UncompressedSize64/maxRatio > f.CompressedSize64:
		return refuse(clip(name), "is packed suspiciously tightly, as zip bombs are")
	}
	r, err := f.Open()
	if err != nil {
		return errs.New(errs.Invalid, "%s cannot be unpacked: %w", clip(name), err)
	}
	defer r.Close()
	return c.add(path.Clean(name), r)
}

// Zip packs the bundle: the same files give the same bytes.
func (b *Bundle) Zip() ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range b.Names() {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(b.Files[name]); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// clip keeps a hostile name from filling the answer.
func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
