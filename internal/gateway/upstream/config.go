package upstream

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// Config describes a pool. Zero values mean the default named beside them.
type Config struct {
	Servers []ServerConfig `yaml:"servers"`
	Policy  Policy         `yaml:"policy,omitempty"` // least-loaded

	MaxFails    int           `yaml:"max_fails,omitempty"`    // 30; -1 counts none
	FailTimeout time.Duration `yaml:"fail_timeout,omitempty"` // 20s: the window of counting and the time out of service
	SlowStart   time.Duration `yaml:"slow_start,omitempty"`   // 10s to full weight after coming back; negative: at once
	Hold        time.Duration `yaml:"hold,omitempty"`         // 8s to wait for a ready server
	MaxHeld     int           `yaml:"max_held,omitempty"`     // 10000 requests waiting at a time
	Grace       time.Duration `yaml:"grace,omitempty"`        // 10s that streams of a draining server live on
	Budget      Budget        `yaml:"retry_budget,omitempty"`
	Probe       Probe         `yaml:"probe,omitempty"`
	Idle        int           `yaml:"idle,omitempty"`         // 256 idle connections kept per server
	IdleTimeout time.Duration `yaml:"idle_timeout,omitempty"` // 60s; must be below the servers' own

	TicketAfter []string `yaml:"ticket_after,omitempty"` // path segments that a ticket's number follows; [tickets]
	CookieKey   string   `yaml:"cookie_key,omitempty" secret:"true"`
}

// ServerConfig is one server of a pool.
type ServerConfig struct {
	Address string `yaml:"address"`          // host:port
	Host    string `yaml:"host,omitempty"`   // that its certificate has to name, where the pool is secure; any
	Weight  int    `yaml:"weight,omitempty"` // 1
	Drain   bool   `yaml:"drain,omitempty"`  // finish what runs, take nothing new
	Cordon  bool   `yaml:"cordon,omitempty"` // take nothing new while another server is ready; streams live on
	Node    int    `yaml:"node,omitempty"`   // its number among the servers, which the ids that it draws carry; 0: unknown
}

// Probe is how a pool finds out who is ready. An answer of 2xx or 3xx is ready, any
// other is draining, none is a miss.
type Probe struct {
	Path    string        `yaml:"path,omitempty"`    // /readyz
	Every   time.Duration `yaml:"every,omitempty"`   // 100ms
	Timeout time.Duration `yaml:"timeout,omitempty"` // 300ms
	Misses  int           `yaml:"misses,omitempty"`  // 2 in a row mark a server down; a refused connection does at once
}

// Budget keeps repeats from becoming a storm. Each first send earns Ratio, each repeat
// after a failed answer costs 1, and Burst can be saved up. Connecting elsewhere and
// repeating what a server that is marked down had begun cost nothing: both are bounded.
type Budget struct {
	Ratio float64 `yaml:"ratio,omitempty"` // 0.1
	Burst int     `yaml:"burst,omitempty"` // 1000
}

// Policy chooses among the ready servers.
type Policy string

// The policies. Each falls back to LeastLoaded, IPHash to RoundRobin as in nginx.
const (
	LeastLoaded Policy = "least-loaded" // fewest requests in flight per weight
	RoundRobin  Policy = "round-robin"  // nginx's smooth weighted round robin
	IPHash      Policy = "ip_hash"      // nginx's function of the client's address
	Cookie      Policy = "cookie"       // the server named by a signed cookie
	Ticket      Policy = "ticket"       // the server that a ticket's number hashes to; a hint for caches
)

// WithDefaults fills in what is not set.
func (c Config) WithDefaults() Config {
	set(&c.Policy, LeastLoaded)
	set(&c.MaxFails, 30)
	set(&c.FailTimeout, 20*time.Second)
	set(&c.SlowStart, 10*time.Second)
	set(&c.Hold, 8*time.Second)
	set(&c.MaxHeld, 10_000)
	set(&c.Grace, 10*time.Second)
	set(&c.Budget.Ratio, 0.1)
	set(&c.Budget.Burst, 1000)
	set(&c.Probe.Path, "/readyz")
	set(&c.Probe.Every, 100*time.Millisecond)
	set(&c.Probe.Timeout, 300*time.Millisecond)
	set(&c.Probe.Misses, 2)
	set(&c.Idle, 256)
	set(&c.IdleTimeout, time.Minute)
	if len(c.TicketAfter) == 0 {
		c.TicketAfter = []string{"tickets"}
	}
	servers := make([]ServerConfig, len(c.Servers))
	copy(servers, c.Servers)
	for i := range servers {
		set(&servers[i].Weight, 1)
	}
	c.Servers = servers
	return c
}

// Check names every wrong place; place is the path of the pool in its document.
func (c Config) Check(place string) []errs.Detail {
	var wrong []errs.Detail
	report := func(at, format string, args ...any) {
		wrong = append(wrong, errs.Detail{Place: place + at, Message: fmt.Sprintf(format, args...)})
	}
	seen := make(map[string]bool)
	if len(c.Servers) > 1000 {
		report(".servers", "at most 1000 servers are taken")
	}
	for i, s := range c.Servers {
		at := fmt.Sprintf(".servers[%d]", i)
		if err := checkAddress(s.Address); err != nil {
			report(at+".address", "%v", err)
		}
		if seen[s.Address] {
			report(at+".address", "%s is named twice", s.Address)
		}
		seen[s.Address] = true
		if s.Weight < 0 || s.Weight > 1000 {
			report(at+".weight", "must be 1 to 1000")
		}
	}
	switch c.Policy {
	case "", LeastLoaded, RoundRobin, IPHash, Cookie, Ticket:
	default:
		report(".policy", "must be one of %s, %s, %s, %s, %s", LeastLoaded, RoundRobin, IPHash, Cookie, Ticket)
	}
	if c.MaxFails < -1 {
		report(".max_fails", "must be -1 or more")
	}
	for at, d := range map[string]time.Duration{".fail_timeout": c.FailTimeout, ".hold": c.Hold, ".grace": c.Grace,
		".probe.every": c.Probe.Every, ".probe.timeout": c.Probe.Timeout, ".idle_timeout": c.IdleTimeout} {
		if d < 0 {
			report(at, "must not be negative")
		}
	}
	if c.MaxHeld < 0 || c.Idle < 0 || c.Probe.Misses < 0 || c.Budget.Burst < 0 || c.Budget.Ratio < 0 {
		report("", "max_held, idle, probe.misses and retry_budget must not be negative")
	}
	if p := c.Probe.Path; p != "" && (p[0] != '/' || !isPlain(p[1:], "/")) {
		report(".probe.path", "must be a path such as /readyz")
	}
	for i, w := range c.TicketAfter {
		if !isPlain(w, "") || w == "" {
			report(fmt.Sprintf(".ticket_after[%d]", i), "must be a path segment")
		}
	}
	return wrong
}

// isPlain says whether s is of letters, digits, - . _ ~ and what is allowed besides.
func isPlain(s, besides string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("-._~"+besides, c)
	})
}

func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return fmt.Errorf("%q is not an address such as 10.0.0.1:8100", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%q is not a port", port)
	}
	if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, " \t\r\n/@;{}\"'#") {
		return fmt.Errorf("%q is not a host", host)
	}
	return nil
}
