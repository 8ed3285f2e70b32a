package gateway

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// Table says which requests go where. It is a value: a changed table has a higher
// revision and is applied as a whole.
type Table struct {
	Revision uint64                     `yaml:"revision"`
	Routes   []Route                    `yaml:"routes"`
	Pools    map[string]upstream.Config `yaml:"pools"`
}

// Route is one line of the table. The most exact one counts: a host before a wildcard
// before none, then the longest path.
type Route struct {
	Host        string            `yaml:"host,omitempty"` // example.org, *.example.org, or empty for any
	Path        string            `yaml:"path,omitempty"` // prefix of whole segments; empty is /
	App         string            `yaml:"app"`            // name in log and metrics
	Pool        string            `yaml:"pool"`
	Timeouts    upstream.Timeouts `yaml:"timeouts,omitempty"`
	MaxBody     int64             `yaml:"max_body,omitempty"`    // bytes; 0: limits.body
	Replay      Replay            `yaml:"replay,omitempty"`      // all
	Maintenance string            `yaml:"maintenance,omitempty"` // a sentence for people; while it is there they get a page with it
}

// Replay says what is repeated after it was sent to a server that failed.
type Replay string

const (
	ReplayAll  Replay = "all"  // everything: a write without an Idempotency-Key gets one here
	ReplayKeys Replay = "keys" // GET, HEAD, OPTIONS, and writes to which the client gave a key
	ReplayOff  Replay = "off"  // nothing
)

const maxRoutes = 10_000

// Check returns errs.Invalid that names every wrong place.
func (t Table) Check() error {
	if wrong := t.problems(""); len(wrong) > 0 {
		return errs.New(errs.Invalid, "the routing table cannot be used").WithDetails(wrong...)
	}
	return nil
}

var (
	hostForm = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9._-]*[a-z0-9])?$|^\[[0-9a-f:.]+\]$`)
	nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	pathForm = regexp.MustCompile(`^/[A-Za-z0-9._~!$&'()*+,=:@/-]*$`)
)

func (t Table) problems(at string) []errs.Detail {
	var wrong []errs.Detail
	report := func(place, format string, args ...any) {
		wrong = append(wrong, errs.Detail{Place: at + place, Message: fmt.Sprintf(format, args...)})
	}
	if len(t.Routes) > maxRoutes {
		report("routes", "at most %d are taken", maxRoutes)
		return wrong
	}
	seen := make(map[string]bool, len(t.Routes))
	for i, r := range t.Routes {
		place := fmt.Sprintf("routes[%d].", i)
		if key := r.Host + "\n" + r.path(); seen[key] {
			report(place+"path", "host and path are those of an earlier route")
		} else {
			seen[key] = true
		}
		if r.Host != "" && !hostForm.MatchString(r.Host) {
			report(place+"host", "%q is not a host in lower case, without a port", r.Host)
		}
		if !pathForm.MatchString(r.path()) || !plainPath([]byte(r.path())) {
			report(place+"path", "%q is not a plain path", r.Path)
		}
		if !nameForm.MatchString(r.App) {
			report(place+"app", "a name of letters, digits, dot, dash and underscore is needed")
		}
		if _, ok := t.Pools[r.Pool]; !ok {
			report(place+"pool", "there is no pool %q", r.Pool)
		}
		if !slices.Contains([]Replay{"", ReplayAll, ReplayKeys, ReplayOff}, r.Replay) {
			report(place+"replay", "must be %s, %s or %s", ReplayAll, ReplayKeys, ReplayOff)
		}
		if d := r.Timeouts; min(d.Connect, d.Send, d.Read, d.Stream) < 0 || r.MaxBody < 0 {
			report(place+"timeouts", "no time and no size may be negative")
		}
		if strings.ContainsAny(r.Maintenance, "\r\n") || len(r.Maintenance) > 1000 {
			report(place+"maintenance", "one line of at most 1000 bytes is taken")
		}
	}
	for name, p := range t.Pools {
		if !nameForm.MatchString(name) {
			report("pools."+name, "a name of letters, digits, dot, dash and underscore is needed")
		}
		wrong = append(wrong, p.Check(at+"pools."+name)...)
	}
	return wrong
}

func (r Route) path() string {
	if r.Path == "" {
		return "/"
	}
	return r.Path
}
