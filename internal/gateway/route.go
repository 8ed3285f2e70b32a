package gateway

import (
	"cmp"
	"net"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/gateway/upstream"
)

// routing is a table made ready for requests. It never changes.
type routing struct {
	exact    map[string][]*route // by host; the longest path first
	wildcard map[string][]*route // by what follows "*"
	any      []*route
	pools    map[string]*upstream.Pool
}

type route struct {
	Route
	prefix string // without a slash at its end, unless it is only that
	pool   *upstream.Pool
	meter  *meter
}

func newRouting(t Table, pools map[string]*upstream.Pool, m *metrics) *routing {
	rt := &routing{exact: make(map[string][]*route), wildcard: make(map[string][]*route), pools: pools}
	for _, r := range t.Routes {
		made := &route{Route: r, prefix: strings.TrimSuffix(r.path(), "/"), pool: pools[r.Pool], meter: m.meter(r.App)}
		made.Timeouts = r.Timeouts.OrDefault()
		switch after, wild := strings.CutPrefix(r.Host, "*"); {
		case r.Host == "":
			rt.any = append(rt.any, made)
		case wild:
			rt.wildcard[after] = append(rt.wildcard[after], made)
		default:
			rt.exact[r.Host] = append(rt.exact[r.Host], made)
		}
	}
	sortRoutes(rt.any)
	for _, list := range rt.exact {
		sortRoutes(list)
	}
	for _, list := range rt.wildcard {
		sortRoutes(list)
	}
	return rt
}

func sortRoutes(list []*route) {
	slices.SortStableFunc(list, func(a, b *route) int { return cmp.Compare(len(b.prefix), len(a.prefix)) })
}

// find gives the most exact route; nil when there is none. sent is the host as
// the client sent it, path is plain.
func (rt *routing) find(sent, path []byte) *route {
	if len(rt.exact)+len(rt.wildcard) > 0 {
		host := hostname(string(sent))
		if r := match(rt.exact[host], path); r != nil {
			return r
		}
		for rest := host; len(rt.wildcard) > 0; {
			i := strings.IndexByte(rest[min(1, len(rest)):], '.')
			if i < 0 {
				break
			}
			rest = rest[i+1:]
			if r := match(rt.wildcard[rest], path); r != nil {
				return r
			}
		}
	}
	return match(rt.any, path)
}

// match compares whole segments: /app is a prefix of /app and /app/x, not of /apple.
func match(list []*route, path []byte) *route {
	for _, r := range list {
		n := len(r.prefix)
		if len(path) >= n && string(path[:n]) == r.prefix && (len(path) == n || path[n] == '/') {
			return r
		}
	}
	return nil
}

// hostname is the host without its port and final dot, in lower case.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		if strings.Contains(h, ":") {
			h = "[" + h + "]"
		}
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
