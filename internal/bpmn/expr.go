package bpmn

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/paceline/paceline/internal/feel"
)

// foreign spots text that FEEL might read, but that is meant in another language: other
// operators, other quotes, methods, words that FEEL takes for parts of a name.
var foreign = regexp.MustCompile(`\b(True|False|None)\b|[\w)\]] (is|not in) |\b(len|str|int|float|bool|getVariable)\(|==|&&|\|\||![^=]|'|\.[A-Za-z]+\(|(^|[ (])(not|empty) [A-Za-z_]|[\w)] (eq|ne|lt|gt|le|ge|div|mod) [\w("-]`)

// condition reads an expression that decides what happens: it must be there and must
// compile.
func (p *parser) condition(e *element) *Expression { return p.formal(e, Error) }

// formal compiles the text of an expression element. FEEL is meant unless the text says
// otherwise; what other languages write in the same way is taken too.
func (p *parser) formal(e *element, s Severity) *Expression {
	text := e.trimmed()
	if language := e.attr("language"); language != "" {
		if _, err := url.Parse(language); err != nil {
			p.fail(e, "8.3.5", "name the language by a URI, or leave it out", "the expression language %q is no URI", language)
			return nil
		}
	}
	if text == "" {
		p.report(e, s, "8.3.5", "the expression is empty", "write a FEEL expression")
		return nil
	}
	return p.expression(e, text, s)
}

// expression compiles text where an expression is expected.
func (p *parser) expression(at *element, text string, s Severity) *Expression {
	text = strings.TrimSpace(text)
	source, marked := strings.CutPrefix(text, "=")
	if !marked && nextMarker(text) >= 0 {
		return p.template(at, text, s)
	}
	if !marked && !p.isFEEL(text) {
		body := strings.TrimSuffix(strings.TrimPrefix(text, "return "), ";")
		if reduced, err := reduceExpression(body); err == nil {
			source = reduced
		}
	}
	return p.compile(at, text, source, s)
}

// isFEEL tells whether text without markers is FEEL, and does not only look like it.
func (p *parser) isFEEL(text string) bool {
	if foreign.MatchString(text) {
		return false
	}
	_, err := feel.Compile(text, p.words...)
	return err == nil
}

// template compiles text where literal text is expected, in which ${...} or a leading =
// makes an expression.
func (p *parser) template(at *element, text string, s Severity) *Expression {
	text = strings.TrimSpace(text)
	if source, ok := strings.CutPrefix(text, "="); ok {
		return p.compile(at, text, source, s)
	}
	source, err := reduceTemplate(text)
	if err != nil {
		p.report(at, s, "8.3.5", "the expression "+text+" cannot be read as FEEL: "+err.Error(), "write it in FEEL, with a leading =")
		return nil
	}
	return p.compile(at, text, source, s)
}

// compile makes the Expression, or a problem at the element.
func (p *parser) compile(at *element, text, source string, s Severity) *Expression {
	source = strings.TrimSpace(source)
	compiled, err := feel.Compile(source, p.words...)
	if err != nil {
		p.report(at, s, "8.3.5", "the expression "+shorten(text)+" does not compile: "+err.Error(), "correct it; expressions are FEEL")
		return nil
	}
	return &Expression{Text: text, Source: source, Line: at.line, FEEL: compiled}
}

// literal is the expression of a text that means itself.
func (p *parser) literal(at *element, text string) *Expression {
	return p.compile(at, text, quote(text), Error)
}

func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 80 {
		return string(r[:80]) + "..."
	}
	return text
}
