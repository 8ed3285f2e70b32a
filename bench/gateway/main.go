// Command gateway measures what a request through a gateway costs: ours with both fronts,
// nginx with kept connections to the servers, nginx as it is often set up by hand, and
// HAProxy. All stand before the same servers and write an access log; each has one
// processor to itself, the load and the servers have another. Rounds are interleaved, and
// a figure is the median of its rounds, so that what else the machine does hits all alike.
//
//	bench/gateway              writes its tables into docs/performance.md
//	bench/gateway -out ""      prints them only
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// options are what the command line can change.
type options struct {
	binary  string
	out     string
	rounds  int
	length  time.Duration
	clients int
	only    string
	what    string
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/paceline", "our program")
	flag.StringVar(&o.out, "out", "docs/performance.md", "file whose section is replaced; empty: print only")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each measurement")
	flag.DurationVar(&o.length, "for", 5*time.Second, "length of one round")
	flag.IntVar(&o.clients, "clients", 64, "connections that are kept")
	flag.StringVar(&o.only, "only", "", "measure only proxies whose name contains this, and the baseline")
	flag.StringVar(&o.what, "case", "", "measure only cases whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench/gateway:", err)
		os.Exit(1)
	}
}

// cases are what is asked for. The content of each is a file of the servers.
var cases = []struct {
	name, path string
	secure     bool
}{
	{"1 KB, without TLS", "/small", false},
	{"1 KB, TLS 1.3", "/small", true},
	{"100 KB, without TLS", "/large", false},
}

func run(ctx context.Context, o options, out io.Writer) error {
	for _, program := range []string{"wrk", "taskset", "nginx"} {
		if find(program) == "" {
			fmt.Fprintf(out, "SKIPPED: %s is not here (apt-get install %s)\n", program, program)
			return nil
		}
	}
	w, err := newWorld(o)
	if err != nil {
		return err
	}
	defer w.end()
	var text strings.Builder
	for _, c := range cases {
		if !strings.Contains(c.name, o.what) {
			continue
		}
		results := make(map[string][]result)
		for round := range o.rounds {
			order := slices.Clone(w.proxies)
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, p := range order {
				if o.only != "" && !strings.Contains(p.name, o.only) && !strings.HasPrefix(p.name, baseline) {
					continue
				}
				r, err := w.measure(ctx, p, c.path, c.secure)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.name, p.name, err)
				}
				results[p.name] = append(results[p.name], r)
				fmt.Fprintf(os.Stderr, "%s, round %d, %s: %.0f/s, %.1f us\n", c.name, round+1, p.name, r.rate, r.cpu)
			}
		}
		table(&text, c.name, w.proxies, results)
	}
	fmt.Fprintf(&text, "%d connections, medians of %d rounds of %v, %s.\n", o.clients, o.rounds, o.length, strings.Join(w.versions(), ", "))
	if o.out == "" {
		_, err := io.WriteString(out, text.String())
		return err
	}
	return replaceSection(o.out, "bench-gateway", text.String())
}

// result is one round.
type result struct {
	rate   float64 // requests per second
	p99    float64 // milliseconds
	cpu    float64 // microseconds of the proxy per request
	memory float64 // MB resident, of all its processes
}

// table prints the medians, and their ratios to the baseline.
func table(out io.Writer, title string, proxies []*proxy, results map[string][]result) {
	median := func(of []result, value func(result) float64) float64 {
		all := make([]float64, len(of))
		for i, r := range of {
			all[i] = value(r)
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	rate := func(r result) float64 { return r.rate }
	cpu := func(r result) float64 { return r.cpu }
	base := results[baseline]
	fmt.Fprintf(out, "\n### %s\n\n| proxy | requests/s | ratio | p99 ms | CPU us per request | ratio | memory MB |\n|---|--:|--:|--:|--:|--:|--:|\n", title)
	for _, p := range proxies {
		rs := results[p.name]
		if len(rs) == 0 {
			continue
		}
		fmt.Fprintf(out, "| %s | %.0f | %.2f | %.1f | %.1f | %.2f | %.0f |\n", p.name,
			median(rs, rate), median(rs, rate)/median(base, rate), median(rs, func(r result) float64 { return r.p99 }),
			median(rs, cpu), median(rs, cpu)/median(base, cpu), median(rs, func(r result) float64 { return r.memory }))
	}
	fmt.Fprintln(out)
}

// replaceSection puts text between the comments <!-- name --> and <!-- /name --> of a file.
func replaceSection(file, name, text string) error {
	whole, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	from, to := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, ok := strings.Cut(string(whole), from)
	_, after, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no section between %q and %q", file, strings.TrimSpace(from), to)
	}
	return os.WriteFile(file, []byte(before+from+text+to+after), 0o644)
}

// find gives the path of a program, which Debian may keep where only root looks.
func find(program string) string {
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
