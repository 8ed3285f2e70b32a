package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Where the figures of scale go.
const (
	scaleFile  = "docs/scale.md"
	scaleBegin = "<!-- bench-scale: make bench-scale -->"
	scaleEnd   = "<!-- /bench-scale -->"
)

// scaleEnv makes this program a part of what scale measures: its value is a part as JSON.
const scaleEnv = "PACELINE_BENCH_PART"

// part is a process that can be measured apart from the rest, or killed.
type part struct {
	Role string // server, booster or lease
	DSN  string
	Dir  string
	Name string
}

func scalePart(ctx context.Context, text string) error {
	var p part
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	switch p.Role {
	case "server":
		return p.beServer(ctx)
	case "booster":
		return p.beBooster(ctx)
	case "lease":
		return p.beLeader(ctx)
	}
	return fmt.Errorf("unknown part %q", p.Role)
}

// scale measures what servers, requests and jobs cost a cluster, and how that grows with the number
// of servers. Its tables go into docs/scale.md where out is not empty.
func scale(ctx context.Context, sizes []int, l load, binary, out string) error {
	var text strings.Builder
	for _, section := range []func(context.Context, *strings.Builder) error{
		func(ctx context.Context, b *strings.Builder) error { return scalePath(ctx, b, l, binary) },
		scaleJobs,
		func(ctx context.Context, b *strings.Builder) error { return scaleMembers(ctx, b, sizes) },
		func(ctx context.Context, b *strings.Builder) error { return scaleBus(ctx, b, sizes) },
	} {
		var b strings.Builder
		if err := section(ctx, &b); err != nil {
			return err
		}
		fmt.Print(b.String())
		text.WriteString(b.String())
	}
	if out == "" {
		return nil
	}
	doc, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(doc), scaleBegin)
	_, after, ended := strings.Cut(rest, scaleEnd)
	if !found || !ended {
		return fmt.Errorf("%s has no place for the tables", out)
	}
	return os.WriteFile(out, []byte(before+scaleBegin+"\n"+text.String()+scaleEnd+after), 0o644)
}
