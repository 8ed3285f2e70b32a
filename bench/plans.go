package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// planOptions load auto_explain into every session of the node; it is silent until told.
const planOptions = "&options=-c%20session_preload_libraries%3Dauto_explain"

// plans reads every page once and prints the plans that PostgreSQL ran, out of its log.
func plans(ctx context.Context, w *world) error {
	settings := []string{"auto_explain.log_analyze = on", "auto_explain.log_timing = off", "auto_explain.log_min_duration = 0"}
	for _, s := range settings {
		if _, err := w.DB.Exec(ctx, "ALTER SYSTEM SET "+s); err != nil {
			return err
		}
	}
	before, err := w.server.Log()
	if err != nil {
		return err
	}
	if _, err := w.DB.Exec(ctx, "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	time.Sleep(time.Second) // sessions take the settings over when they are next asked
	for _, page := range pages(w) {
		if err := page.read(ctx, someone()); err != nil {
			return err
		}
	}
	log, err := w.server.Log()
	if err != nil {
		return err
	}
	fmt.Print("\nPlans:\n\n```\n", readable(string(log[len(before):])), "```\n")
	return nil
}

// readable keeps the plans of the log: the query's beginning and the nodes.
func readable(log string) string {
	var b strings.Builder
	seen := map[string]bool{}
	for entry := range strings.SplitSeq(log, "LOG:  duration:") {
		_, plan, found := strings.Cut(entry, "Query Text:")
		if !found || !strings.Contains(plan, "task") && !strings.Contains(plan, "ticket") {
			continue
		}
		var lines []string
		for line := range strings.Lines(plan) {
			line = strings.TrimRight(line, "\n")
			if strings.Contains(line, "rows=") || strings.Contains(line, "Index Cond") || strings.Contains(line, "Rows Removed") {
				lines = append(lines, line)
			}
		}
		if text := strings.Join(lines, "\n"); !seen[text] {
			seen[text] = true
			fmt.Fprintf(&b, "%.140s ...\n%s\n\n", strings.Join(strings.Fields(plan), " "), text)
		}
	}
	return b.String()
}
