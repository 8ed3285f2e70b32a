package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var (
	codeFence  = regexp.MustCompile("(?s)```(?:sh)?\n(.*?)```")
	codeInline = regexp.MustCompile("`(paceline [^`\n]*)`")
	shellWord  = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"])+`)
)

// TestDocsGiveCommandsThatThereAre parses every command line of the docs as the program would.
func TestDocsGiveCommandsThatThereAre(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	check(t, err)
	seen := 0
	for _, page := range append(pages, "../../README.md", "../../apps/README.md", "../../CHANGELOG.md", "../../ARCHITECTURE.md") {
		text, err := os.ReadFile(page)
		check(t, err)
		for _, command := range documented(string(text)) {
			seen++
			if problem := misused(t, command); problem != "" {
				t.Errorf("%s: %s\n\t%s", filepath.Base(page), command, problem)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d commands were found", seen)
	}
}

// documented are the command lines of a page; one that says a|b|c is several.
func documented(page string) (commands []string) {
	var lines []string
	for _, m := range codeInline.FindAllStringSubmatch(page, -1) {
		lines = append(lines, m[1])
	}
	for _, m := range codeFence.FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(strings.ReplaceAll(m[1], "paceline login\n", "paceline login ")) {
			line, _, _ = strings.Cut(line, " #")
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "paceline ") || strings.HasPrefix(line, "bin/paceline ") {
				lines = append(lines, strings.TrimPrefix(line, "bin/"))
			}
		}
	}
	for _, line := range strings.Split(strings.Join(lines, " && "), " && ") {
		if !strings.HasPrefix(line, "paceline ") {
			continue
		}
		words := shellWord.FindAllString(line, -1)
		several := []string{""}
		for i, word := range words {
			var next []string
			for _, begun := range several {
				choices := []string{word}
				if i < 4 && !strings.ContainsAny(word, `'"[`) {
					choices = strings.Split(word, "|")
				}
				for _, choice := range choices {
					next = append(next, strings.TrimSpace(begun+" "+choice))
				}
			}
			several = next
		}
		commands = append(commands, several...)
	}
	return commands
}

// misused says why the program would not take a command. What a sentence leaves out, such as arguments, may be missing.
func misused(t *testing.T, command string) string {
	t.Helper()
	var args []string
	for _, word := range shellWord.FindAllString(command, -1)[1:] {
		word = strings.Trim(strings.NewReplacer("'", "", `"`, "", "[", "", "]", "").Replace(word), ",")
		if word == "..." || word == "…" {
			continue
		}
		args = append(args, word)
	}
	if helped(args) {
		return ""
	}
	var line commands
	parser, err := kong.New(&line, kong.BindTo(context.Background(), (*context.Context)(nil)))
	check(t, err)
	if _, err := parser.Parse(args); err != nil {
		for _, missing := range []string{"missing flags", "expected \"<", "expected one of"} {
			if strings.HasPrefix(err.Error(), missing) {
				return ""
			}
		}
		return err.Error()
	}
	return ""
}
