package gateway

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/errs"
)

// Exports are the balancers whose configuration Export can write.
var Exports = []string{"nginx", "haproxy"}

// Export writes a configuration for another balancer that routes as cfg does, as far as
// that balancer can: nginx 1.22 and HAProxy 2.6 or later. What it cannot do is said in
// remarks at the top. It returns errs.Invalid for a wrong configuration.
func Export(out io.Writer, balancer string, cfg Config) error {
	if err := cfg.Check(); err != nil {
		return err
	}
	if cfg.TLS.Listen != "" && cfg.TLS.Cert == "" {
		return errs.New(errs.Invalid, "an exported configuration needs a certificate in files").WithCure("set tls.cert and tls.key")
	}
	x := &export{cfg: cfg, out: out}
	switch balancer {
	case "nginx":
		x.nginx()
	case "haproxy":
		x.haproxy()
	default:
		return errs.New(errs.Invalid, "%q is none of %s", balancer, strings.Join(Exports, ", "))
	}
	return x.err
}

// export writes lines until one fails.
type export struct {
	cfg   Config
	out   io.Writer
	depth int
	err   error
}

func (x *export) line(format string, args ...any) {
	if x.err == nil {
		_, x.err = fmt.Fprintf(x.out, "%s%s\n", strings.Repeat("    ", x.depth), fmt.Sprintf(format, args...))
	}
}

func (x *export) begin(format string, args ...any) {
	x.line(format, args...)
	x.depth++
}

// head says where the file comes from and what it lacks.
func (x *export) head(balancer string, missing ...string) {
	x.line("# Made by: paceline gateway export %s (table revision %d). Changes belong into the source.", balancer, x.cfg.Table.Revision)
	x.line("# Not carried over, because %s cannot:", balancer)
	for _, m := range missing {
		x.line("#   * %s", m)
	}
}

// poolNames are the pools in order.
func (x *export) poolNames() []string { return slices.Sorted(maps.Keys(x.cfg.Table.Pools)) }

// exactFirst gives the routes in the order in which they count.
func exactFirst(routes []Route) []Route {
	rank := func(r Route) int {
		switch {
		case r.Host == "":
			return 2
		case r.Host[0] == '*':
			return 1
		}
		return 0
	}
	sorted := slices.Clone(routes)
	slices.SortStableFunc(sorted, func(a, b Route) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(b.Host), len(a.Host)), cmp.Compare(len(b.path()), len(a.path())))
	})
	return sorted
}

// forHost gives the routes that a request for the host may take. A route of a less exact
// host stays out where a more exact one takes all its paths.
func forHost(routes []Route, host string) []Route {
	var taken []Route
	for _, r := range exactFirst(routes) {
		after, wild := strings.CutPrefix(r.Host, "*")
		applies := r.Host == "" || r.Host == host || wild && strings.HasSuffix(host, after)
		covered := slices.ContainsFunc(taken, func(t Route) bool { return t.Host != r.Host && within(r.path(), t.path()) })
		if applies && !covered {
			taken = append(taken, r)
		}
	}
	return taken
}

// within says whether path lies below prefix, or is it.
func within(path, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}
