package org

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/paceline/paceline/internal/errs"
)

// maxAttributes bounds a user's attributes as JSON, in bytes.
const maxAttributes = 16 << 10

// foldLogin is the form in which logins are stored and compared.
func foldLogin(login string) string { return strings.ToLower(cleanName(login)) }

// cleanName is the form in which names are stored and compared.
func cleanName(name string) string { return strings.TrimSpace(norm.NFC.String(name)) }

// wrong collects everything that is wrong in one input.
type wrong []errs.Detail

func (w *wrong) add(place, rule, format string, args ...any) {
	*w = append(*w, errs.Detail{Place: place, Rule: rule, Message: fmt.Sprintf(format, args...)})
}

func (w wrong) err(what string) error {
	if len(w) == 0 {
		return nil
	}
	return errs.New(errs.Invalid, "%s cannot be stored", what).WithDetails(w...)
}

var (
	loginForm = regexp.MustCompile(`^[\pL\pN][\pL\pN._@+-]*$`)
	langForm  = regexp.MustCompile(`^[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*$`)
)

func (w *wrong) login(place, login string) {
	if !loginForm.MatchString(login) || utf8.RuneCountInString(login) > maxName {
		w.add(place, "form", "a login has 1 to %d letters, digits and . _ @ + -, and begins with a letter or digit", maxName)
	}
}

// name checks what models and other rows refer to: commas and colons separate names
// and prefixes there.
func (w *wrong) name(place, name string) {
	if name == "" || utf8.RuneCountInString(name) > maxName || strings.ContainsAny(name, ",:") || !printable(name) {
		w.add(place, "form", "a name has 1 to %d printable characters, without comma and colon", maxName)
	}
}

// text checks what is only shown.
func (w *wrong) text(place, text string) {
	if utf8.RuneCountInString(text) > maxTitle || !printable(text) {
		w.add(place, "form", "at most %d printable characters", maxTitle)
	}
}

func (w *wrong) lang(place, lang string) {
	if lang != "" && (len(lang) > maxLang || !langForm.MatchString(lang)) {
		w.add(place, "form", "a language tag such as en or zh-TW (BCP 47)")
	}
}

func (w *wrong) attributes(place string, attributes map[string]any) {
	if text, err := json.Marshal(attributes); err != nil || len(text) > maxAttributes {
		w.add(place, "max", "attributes are JSON values of at most %d bytes together", maxAttributes)
	}
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != '\u200d' }) < 0
}
