package api_test

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
)

// withFile is a zip with one more file in it.
func withFile(t *testing.T, zipped []byte, name, text string) []byte {
	t.Helper()
	old, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	must(t, err)
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range old.File {
		must(t, z.Copy(f))
	}
	w, err := z.Create(name)
	must(t, err)
	_, err = io.WriteString(w, text)
	must(t, err)
	must(t, z.Close())
	return out.Bytes()
}
