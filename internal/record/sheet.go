package record

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"github.com/paceline/paceline/internal/errs"
)

// Format of a file of records.
type Format string

// The formats that are read and written.
const (
	CSV  Format = "csv"
	XLSX Format = "xlsx"
)

// Bounds of a file that is read.
const (
	MaxFile    = 32 << 20  // bytes as sent
	maxUnpack  = 256 << 20 // bytes of a workbook's parts, unpacked
	maxParts   = 2000      // of a workbook
	maxRows    = 200_000
	maxColumns = 500
	maxCell    = 100_000 // bytes
	maxBlank   = 1000    // empty rows one after the other; then the sheet has ended
	memoryXML  = 8 << 20 // a larger part of a workbook is read from a temporary file
)

// sheet gives the rows of a file one after the other, then io.EOF. A row is its number in the file, from 1, and
// its cells as text.
type sheet interface {
	next() (row int, cells []string, err error)
	close() error
}

// openSheet reads a file of records. name chooses a sheet of a workbook; empty: the first.
func openSheet(format Format, data []byte, name string) (sheet, error) {
	if len(data) > MaxFile {
		return nil, errs.New(errs.Invalid, "the file has more than %d MB", MaxFile>>20).WithCure("split it")
	}
	switch format {
	case CSV:
		return openCSV(data)
	case XLSX:
		return openXLSX(data, name)
	}
	return nil, errs.New(errs.Invalid, "%q is no format of a file", clip(string(format), 20)).WithCure("use csv or xlsx")
}

type csvSheet struct {
	in  *csv.Reader
	row int
}

// openCSV reads CSV (RFC 4180) in UTF-8, with or without a byte order mark. Commas, semicolons or tabs part
// the cells, whichever the first line has most of.
func openCSV(data []byte) (sheet, error) {
	if bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF}) {
		return nil, errs.New(errs.Invalid, "the file is UTF-16").WithCure("save it as CSV UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if !utf8.Valid(data) {
		return nil, errs.New(errs.Invalid, "the file is not UTF-8").WithCure("save it as CSV UTF-8")
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	comma := ','
	for _, other := range []rune{';', '\t'} {
		if bytes.Count(first, []byte(string(other))) > bytes.Count(first, []byte(string(comma))) {
			comma = other
		}
	}
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma, in.FieldsPerRecord, in.ReuseRecord = comma, -1, false
	return &csvSheet{in: in}, nil
}

func (c *csvSheet) next() (int, []string, error) {
	cells, err := c.in.Read()
	if errors.Is(err, io.EOF) {
		return 0, nil, io.EOF
	}
	c.row++
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return 0, nil, errs.New(errs.Invalid, "line %d of the file is no CSV: %w", bad.Line, bad.Err).
			WithCure("put cells that hold quotes, line breaks or separators into quotes, and double the quotes in them")
	}
	for i, cell := range cells {
		cells[i] = unguard(cell)
	}
	return c.row, cells, bounded(c.row, cells)
}

func (c *csvSheet) close() error { return nil }

type xlsxSheet struct {
	book  *excelize.File
	rows  *excelize.Rows
	row   int
	blank int
}

// openXLSX reads one sheet of a workbook row by row. What the parts say of their sizes is held against the
// bounds before anything is unpacked, and what they turn out to be while it is.
func openXLSX(data []byte, name string) (sheet, error) {
	parts, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, errs.New(errs.Invalid, "the file is no XLSX workbook").WithCure("save it as .xlsx, not as .xls")
	}
	total := uint64(0)
	for _, part := range parts.File {
		total += min(part.UncompressedSize64, maxUnpack+1)
	}
	if len(parts.File) > maxParts || total > maxUnpack {
		return nil, errs.New(errs.Invalid, "the workbook is too large: unpacked it has more than %d MB or %d parts", maxUnpack>>20, maxParts).WithCure("split it")
	}
	book, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{RawCellValue: true, UnzipSizeLimit: maxUnpack, UnzipXMLSizeLimit: memoryXML})
	if err != nil {
		return nil, errs.New(errs.Invalid, "the workbook cannot be read: %v", err)
	}
	if name == "" {
		if list := book.GetSheetList(); len(list) > 0 {
			name = list[0]
		}
	}
	rows, err := book.Rows(name)
	if err != nil {
		return nil, errors.Join(errs.New(errs.Invalid, "the workbook has no sheet %q that can be read", clip(name, 40)), book.Close())
	}
	return &xlsxSheet{book: book, rows: rows}, nil
}

func (x *xlsxSheet) next() (int, []string, error) {
	for x.rows.Next() {
		x.row++
		cells, err := x.rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return 0, nil, errs.New(errs.Invalid, "row %d of the sheet cannot be read: %v", x.row, err)
		}
		if empty(cells) {
			if x.blank++; x.blank > maxBlank {
				return 0, nil, io.EOF
			}
			continue
		}
		x.blank = 0
		return x.row, cells, bounded(x.row, cells)
	}
	if err := x.rows.Error(); err != nil {
		return 0, nil, errs.New(errs.Invalid, "the sheet cannot be read: %v", err)
	}
	return 0, nil, io.EOF
}

// close removes the temporary files.
func (x *xlsxSheet) close() error { return errors.Join(x.rows.Close(), x.book.Close()) }

func empty(cells []string) bool {
	for _, cell := range cells {
		if strings.TrimSpace(cell) != "" {
			return false
		}
	}
	return true
}

func bounded(row int, cells []string) error {
	if row > maxRows+1 {
		return errs.New(errs.Invalid, "the file has more than %d rows", maxRows).WithCure("split it")
	}
	for len(cells) > maxColumns && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) > maxColumns {
		return errs.New(errs.Invalid, "row %d has more than %d columns", row, maxColumns)
	}
	for i, cell := range cells {
		if len(cell) > maxCell {
			return errs.New(errs.Invalid, "row %d, column %d holds more than %d bytes", row, i+1, maxCell)
		}
	}
	return nil
}

// Spreadsheets take a cell that begins so for a formula, also out of a CSV file.
const formulaStarts = "=+-@\t\r"

// guard puts an apostrophe before a text that a spreadsheet would calculate, and before one
// that has it already, so that unguard gives back every text as it was.
func guard(text string) string {
	rest := strings.TrimLeft(text, "'")
	if rest != "" && strings.ContainsRune(formulaStarts, rune(rest[0])) {
		return "'" + text
	}
	return text
}

func unguard(text string) string {
	if rest := strings.TrimLeft(text, "'"); len(rest) < len(text) && rest != "" && strings.ContainsRune(formulaStarts, rune(rest[0])) {
		return text[1:]
	}
	return text
}

// serialTime reads the number by which a workbook keeps days since 1900.
func serialTime(text string) (time.Time, bool) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n > 2958466 {
		return time.Time{}, false
	}
	t, err := excelize.ExcelDateToTime(n, false)
	return t.Round(time.Second), err == nil
}

// tidyNumber takes off what binary fractions add after the fifteenth digit, all that a spreadsheet shows.
func tidyNumber(text string) string {
	digits := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(text), "0")
	if len(digits) <= 15 {
		return text
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(n, 0) {
		return text
	}
	return strconv.FormatFloat(n, 'g', 15, 64)
}
