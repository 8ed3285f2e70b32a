package record_test

import (
	"bytes"
	"io"

	"github.com/paceline/paceline/internal/record"
)

// export gives the file that an actor gets.
func (w *world) export(login string, format record.Format, q record.Query) string {
	w.t.Helper()
	var out bytes.Buffer
	must(w.t, w.records.Export(w.t.Context(), w.as(login), "store", "parts", q, format, func() io.Writer { return &out }))
	return out.String()
}
