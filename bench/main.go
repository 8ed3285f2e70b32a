// Command bench measures what a transition costs, on PostgreSQL and on SQLite, beside the
// same rows written the way most programs do: one transaction for each step and one
// statement for each row. Both sides run against the same server in the same run, because
// machines differ and ratios do not.
//
//	bench            throughput, cost, start time, memory
//	bench inbox      the inbox with a million finished tickets
//	bench engine     a Step of ten models and group commit, beside the last recorded run
//	bench scale      servers, requests and jobs of a cluster, by the number of servers
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/node"
)

// clock is handed to what needs one.
func clock() time.Time { return time.Now() }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if file := os.Getenv(loadEnv); file != "" {
		check(loadMain(ctx, file))
		return
	}
	if text := os.Getenv(scaleEnv); text != "" {
		check(scalePart(ctx, text))
		return
	}
	clients := flag.Int("clients", 64, "concurrent clients")
	seconds := flag.Duration("for", 4*time.Second, "length of each load")
	kinds := flag.String("db", "postgres,sqlite", "databases")
	binary := flag.String("binary", "bin/paceline", "program whose start and memory are measured")
	finished := flag.Int("finished", 1_000_000, "inbox: finished tickets")
	open := flag.Int("open", 100_000, "inbox: open tickets")
	sizes := flag.String("sizes", "10,100,1000", "scale: numbers of servers")
	out := flag.String("out", scaleFile, "scale: file that takes the tables; empty: print only")
	record := flag.Bool("record", false, "engine: keep this run as the last one")
	flag.Parse()
	debug.SetGCPercent(node.GCPercent) // as paceline serve does
	switch flag.Arg(0) {
	case "inbox":
		check(inbox(ctx, *finished, *open))
	case "engine":
		check(engineSteps(ctx, *record))
	case "scale":
		var all []int
		for text := range strings.SplitSeq(*sizes, ",") {
			n, err := strconv.Atoi(text)
			check(err)
			all = append(all, n)
		}
		check(scale(ctx, all, load{Clients: *clients, For: *seconds}, *binary, *out))
	case "":
		for kind := range strings.SplitSeq(*kinds, ",") {
			check(throughput(ctx, kind, load{Clients: *clients, For: *seconds}))
		}
		check(startUp(ctx, *binary))
	default:
		check(fmt.Errorf("unknown benchmark %q: inbox, engine, scale, or nothing", flag.Arg(0)))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// throughput measures opening and completing, inside and through HTTP, and the peer.
func throughput(ctx context.Context, kind string, l load) error {
	w, err := newWorld(ctx, kind, "")
	if err != nil {
		return err
	}
	defer w.end()
	m := meter{db: w.DB, server: w.server}
	fmt.Printf("\n%s, %d clients, %s each\n\n", kind, l.Clients, l.For)
	fmt.Println("| what | per second | p50 ms | p99 ms | database CPU us | WAL bytes | round trips | Go CPU us | allocations |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	results := map[string]result{}
	row := func(name string, l load, run func(context.Context, load) (report, error)) error {
		r, err := measured(ctx, m, l, run)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		results[name] = r
		printRow(name, m, r)
		return nil
	}
	if err := row("open, Go", l, w.openInside); err != nil {
		return err
	}
	if err := row("complete, Go", l, w.completeInside); err != nil {
		return err
	}
	p, err := newPeer(ctx, w, 20_000) // many, so that no row is changed so often that it is all dead copies
	if err != nil {
		return err
	}
	if err := row("peer: rows of complete", l, p.complete); err != nil {
		return err
	}
	if err := row("peer's rows by group commit", l, p.completeGrouped); err != nil {
		return err
	}
	if err := row("open, HTTP", l, w.openHTTP); err != nil {
		return err
	}
	if err := row("complete, HTTP", l, w.completeHTTP); err != nil {
		return err
	}
	if _, err := w.openInside(ctx, l); err != nil { // the loads before may have used up the tasks
		return err
	}
	half := l
	half.Rate = results["complete, Go"].perSecond() / 2
	if err := row("complete, Go, half load", half, w.completeInside); err != nil {
		return err
	}
	peers := results["peer: rows of complete"].perSecond()
	fmt.Printf("\nagainst the peer: the same rows by group commit %.1f times as many per second, complete through Go %.1f, through HTTP %.1f\n",
		results["peer's rows by group commit"].perSecond()/peers, results["complete, Go"].perSecond()/peers, results["complete, HTTP"].perSecond()/peers)
	return nil
}

func printRow(name string, m meter, r result) {
	wal := "-"
	if m.server != nil {
		wal = fmt.Sprintf("%.0f", r.each(float64(r.used.wal)))
	}
	theirs := "in Go's"
	if m.server != nil {
		theirs = fmt.Sprintf("%.0f", r.each(float64(r.used.theirCPU.Microseconds())))
	}
	fmt.Printf("| %s | %.0f | %.1f | %.1f | %s | %s | %.3f | %.0f | %.0f |\n", name, r.perSecond(),
		millis(r.quantile(0.5)), millis(r.quantile(0.99)), theirs, wal, r.each(float64(r.used.trips)),
		r.each(float64(r.used.ourCPU.Microseconds())), r.each(float64(r.used.allocs)))
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
