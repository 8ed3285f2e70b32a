package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Where the last recorded run stands.
const (
	recordFile  = "docs/performance.md"
	recordBegin = "<!-- bench-engine: the last recorded run; make bench-engine ARGS=-record -->"
	recordEnd   = "<!-- /bench-engine -->"
)

// figure is one row: what was measured, and the columns of a run.
type figure struct {
	name    string
	columns []string // ns or per second, then allocations and bytes where known
}

// engineSteps measures a Step of ten typical models and group commit, and prints both beside the last
// recorded run. Nothing fails here: machines differ, so a person looks.
func engineSteps(ctx context.Context, record bool) error {
	steps, err := benchSteps(ctx)
	if err != nil {
		return err
	}
	commits, err := benchCommits(ctx)
	if err != nil {
		return err
	}
	doc, err := os.ReadFile(recordFile)
	if err != nil {
		return err
	}
	last := readRecord(string(doc))
	fmt.Println("| Step of | ns | last | allocations | last | bytes | last |\n|---|--:|--:|--:|--:|--:|--:|")
	printBeside(steps, last)
	fmt.Println("\n| group commit | per second | last | Go CPU us | last |\n|---|--:|--:|--:|--:|")
	printBeside(commits, last)
	if !record {
		return nil
	}
	return writeRecord(string(doc), steps, commits)
}

func printBeside(figures []figure, last map[string][]string) {
	for _, f := range figures {
		fmt.Printf("| %s |", f.name)
		for i, c := range f.columns {
			before := "-"
			if i < len(last[f.name]) {
				before = last[f.name][i]
			}
			fmt.Printf(" %s | %s |", c, before)
		}
		fmt.Println()
	}
}

// benchSteps runs the benchmark of package engine.
func benchSteps(ctx context.Context) ([]figure, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkStep$", "-benchmem", "-benchtime", "0.3s", "./internal/engine").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	var figures []figure
	for line := range bytes.Lines(out) {
		fields := strings.Fields(string(line))
		name, isStep := strings.CutPrefix(firstOf(fields), "BenchmarkStep/")
		if !isStep || len(fields) < 8 {
			continue
		}
		name, _, _ = strings.Cut(name, "-")
		ns, _ := strconv.ParseFloat(fields[2], 64)
		figures = append(figures, figure{name, []string{strconv.Itoa(int(ns)), fields[6], fields[4]}})
	}
	return figures, nil
}

func firstOf(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}

// benchCommits measures group commit and completing a task, on SQLite and, where there is one, PostgreSQL.
func benchCommits(ctx context.Context) ([]figure, error) {
	var figures []figure
	for _, kind := range []string{"sqlite", "postgres"} {
		w, err := newWorld(ctx, kind, "")
		if err != nil {
			return nil, err
		}
		found, err := commitsOf(ctx, w, kind)
		w.end()
		if err != nil {
			return nil, err
		}
		figures = append(figures, found...)
	}
	return figures, nil
}

func commitsOf(ctx context.Context, w *world, kind string) ([]figure, error) {
	l := load{Clients: 64, For: 2 * time.Second}
	var figures []figure
	row := func(name string, run func(context.Context, load) (report, error)) error {
		r, err := measured(ctx, meter{db: w.DB, server: w.server}, l, run)
		if err != nil {
			return err
		}
		figures = append(figures, figure{kind + ": " + name, []string{
			fmt.Sprintf("%.0f", r.perSecond()), fmt.Sprintf("%.0f", r.each(float64(r.used.ourCPU.Microseconds()))),
		}})
		return nil
	}
	if err := row("open", w.openInside); err != nil {
		return nil, err
	}
	if err := row("complete", w.completeInside); err != nil {
		return nil, err
	}
	p, err := newPeer(ctx, w, 20_000)
	if err != nil {
		return nil, err
	}
	err = row("rows of complete", p.completeGrouped)
	return figures, err
}

// readRecord reads the rows between the markers, by name.
func readRecord(doc string) map[string][]string {
	last := map[string][]string{}
	_, rest, _ := strings.Cut(doc, recordBegin)
	rest, _, _ = strings.Cut(rest, recordEnd)
	for line := range strings.Lines(rest) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) > 1 {
			last[cells[0]] = cells[1:]
		}
	}
	return last
}

// writeRecord puts a run in place of the last one.
func writeRecord(doc string, steps, commits []figure) error {
	before, rest, found := strings.Cut(doc, recordBegin)
	_, after, ended := strings.Cut(rest, recordEnd)
	if !found || !ended {
		return fmt.Errorf("%s has no place for the record", recordFile)
	}
	var b strings.Builder
	b.WriteString(before + recordBegin + "\n| Step of | ns | allocations | bytes |\n|---|--:|--:|--:|\n")
	writeRows(&b, steps)
	b.WriteString("\n| group commit | per second | Go CPU us |\n|---|--:|--:|\n")
	writeRows(&b, commits)
	b.WriteString(recordEnd + after)
	return os.WriteFile(recordFile, []byte(b.String()), 0o644)
}

func writeRows(b *strings.Builder, figures []figure) {
	for _, f := range figures {
		fmt.Fprintf(b, "| %s | %s |\n", f.name, strings.Join(f.columns, " | "))
	}
}
