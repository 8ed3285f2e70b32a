package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd prints a script made of the commands and flags above; the shell needs
// nothing of this program while it completes.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"${enum}"`
}

// Run prints the script for the shell.
func (c completionCmd) Run(con *console, parser *kong.Kong) error {
	words := completionWords(parser.Model.Node, "paceline")
	var script string
	switch c.Shell {
	case "bash":
		script = bashCompletion(words)
	case "zsh":
		script = "#compdef paceline\nautoload -U +X bashcompinit && bashcompinit\n" + bashCompletion(words)
	case "fish":
		script = fishCompletion(words)
	}
	_, err := fmt.Fprint(con.out, script)
	return err
}

// completed is what may follow one command path.
type completed struct {
	path  string // "paceline ticket open"
	words []completionWord
}

type completionWord struct{ text, help string }

func completionWords(n *kong.Node, path string) []completed {
	here := completed{path: path}
	var below []completed
	for _, child := range n.Children {
		if child.Hidden || child.Type != kong.CommandNode {
			continue
		}
		here.words = append(here.words, completionWord{child.Name, child.Help})
		below = append(below, completionWords(child, path+" "+child.Name)...)
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			here.words = append(here.words, completionWord{"--" + f.Name, f.Help})
		}
	}
	return append([]completed{here}, below...)
}

func bashCompletion(all []completed) string {
	var b strings.Builder
	b.WriteString("_paceline() {\n  local cur path w words=\"\"\n  cur=\"${COMP_WORDS[COMP_CWORD]}\"\n  path=paceline\n" +
		"  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case \"$path $w\" in\n")
	for _, c := range all[1:] {
		fmt.Fprintf(&b, "      %q) path=%q ;;\n", c.path, c.path)
	}
	b.WriteString("    esac\n  done\n  case \"$path\" in\n")
	for _, c := range all {
		texts := make([]string, len(c.words))
		for i, w := range c.words {
			texts[i] = w.text
		}
		fmt.Fprintf(&b, "    %q) words=%q ;;\n", c.path, strings.Join(texts, " "))
	}
	b.WriteString("  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n" +
		"  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n}\ncomplete -F _paceline paceline\n")
	return b.String()
}

func fishCompletion(all []completed) string {
	var b strings.Builder
	for _, c := range all {
		path := strings.Fields(c.path)[1:]
		when := "__fish_use_subcommand"
		if len(path) > 0 {
			tests := make([]string, len(path))
			for i, word := range path {
				tests[i] = "__fish_seen_subcommand_from " + word
			}
			when = strings.Join(tests, "; and ")
		}
		for _, w := range c.words {
			help := strings.ReplaceAll(w.help, "'", "\\'")
			if flag, ok := strings.CutPrefix(w.text, "--"); ok {
				fmt.Fprintf(&b, "complete -c paceline -n '%s' -l %s -d '%s'\n", when, flag, help)
			} else {
				fmt.Fprintf(&b, "complete -c paceline -f -n '%s' -a %s -d '%s'\n", when, w.text, help)
			}
		}
	}
	return b.String()
}
