package gateway

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/gateway/vip"
)

// Config is one gateway: what belongs to the machine it runs on, and the table it serves
// until it gets another one. Defaults gives the values named beside the fields.
type Config struct {
	Listen    string   `yaml:"listen"` // :8100; without TLS, empty for none
	TLS       TLS      `yaml:"tls"`
	H2C       bool     `yaml:"h2c"`        // HTTP/2 without TLS, for clients that know it
	Admin     string   `yaml:"admin"`      // 127.0.0.1:8101; /livez, /readyz, /servers, /metrics; empty for none
	Proxies   []string `yaml:"proxies"`    // addresses and networks whose X-Forwarded-* is believed
	State     string   `yaml:"state"`      // directory of the kept table, a made certificate and spooled bodies
	Front     Front    `yaml:"front"`      // relay; who takes HTTP/1.1
	AccessLog bool     `yaml:"access_log"` // true
	Limits    Limits   `yaml:"limits"`
	Drain     Drain    `yaml:"drain"`
	Table     Table    `yaml:"table"`
	// VIP is an address that this gateway shares with others of its cluster. Who runs the
	// gateway sees to it: see package vip.
	VIP vip.Config `yaml:"vip"`

	AccessTo io.Writer   `yaml:"-"` // gets the access log; nil: standard error
	Servers  *tls.Config `yaml:"-"` // for all connections to servers; nil: cleartext
}

// Front is who reads and answers requests of HTTP/1.1. HTTP/2 is net/http's in any case.
type Front string

const (
	FrontRelay    Front = "relay"    // our own: see relay.go
	FrontStandard Front = "standard" // net/http, behind a gate
)

// TLS is the encrypted door.
type TLS struct {
	Listen     string `yaml:"listen"`      // such as :8443; empty for none
	Cert       string `yaml:"cert"`        // PEM file with the chain; read again when it changes
	Key        string `yaml:"key"`         // PEM file
	SelfSigned bool   `yaml:"self_signed"` // make a certificate where no file is given
	ACME       ACME   `yaml:"acme"`        // get certificates where no file is given
}

// Limits bound what one client may take. Sizes are in bytes. 0 is no limit,
// but for memory and spool it is nothing.
type Limits struct {
	Header      int           `yaml:"header"`                  // 32 KiB, at most 64 KiB
	Body        int64         `yaml:"body"`                    // 256 MiB; a route may have its own
	Memory      int64         `yaml:"memory"`                  // 1 MiB of a body are kept in memory
	Spool       int64         `yaml:"spool"`                   // 64 MiB are spooled to disk; a larger body is streamed and never repeated
	AllMemory   int64         `yaml:"all_memory"`              // 512 MiB for all bodies; then those above 16 KiB are spooled
	AllSpool    int64         `yaml:"all_spool"`               // 8 GiB for all bodies; then they are streamed
	Connections int           `yaml:"connections"`             // 20000
	PerAddress  int           `yaml:"connections_per_address"` // 1000
	Rate        float64       `yaml:"rate"`                    // requests per second and address; 0
	Burst       int           `yaml:"burst"`                   // 100 requests above the rate
	HeaderTime  time.Duration `yaml:"header_time"`             // 10s for a request's head
	BodyPause   time.Duration `yaml:"body_pause"`              // 30s between two pieces of a request's body
	BodyRate    int64         `yaml:"body_rate"`               // 1 KiB/s a body must have after the first pause
	WritePause  time.Duration `yaml:"write_pause"`             // 30s a client may take nothing of its answer
	Idle        time.Duration `yaml:"idle"`                    // 75s between two requests
}

// Drain is how the gateway itself stops.
type Drain struct {
	Delay time.Duration `yaml:"delay"` // 0; between /readyz saying no and the end of the intake, for a balancer in front
	Grace time.Duration `yaml:"grace"` // 10s; then event streams and WebSockets are ended
}

// Defaults is a gateway on port 8100 that serves nothing yet.
func Defaults() Config {
	return Config{
		Listen: ":8100", Admin: "127.0.0.1:8101", Front: FrontRelay, AccessLog: true,
		Limits: Limits{
			Header: 32 << 10, Body: 256 << 20, Memory: 1 << 20, Spool: 64 << 20, AllMemory: 512 << 20, AllSpool: 8 << 30,
			Connections: 20_000, PerAddress: 1000, Burst: 100,
			HeaderTime: 10 * time.Second, BodyPause: 30 * time.Second, BodyRate: 1 << 10,
			WritePause: 30 * time.Second, Idle: 75 * time.Second,
		},
		Drain: Drain{Grace: 10 * time.Second},
	}
}

// Check names every wrong place.
func (c Config) Check() error {
	var wrong []errs.Detail
	report := func(place, format string, args ...any) {
		wrong = append(wrong, errs.Detail{Place: place, Message: fmt.Sprintf(format, args...)})
	}
	if c.Listen == "" && c.TLS.Listen == "" {
		report("listen", "neither listen nor tls.listen is set")
	}
	for place, address := range map[string]string{"listen": c.Listen, "tls.listen": c.TLS.Listen, "admin": c.Admin} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			report(place, "%q is not an address such as :8100", address)
		}
	}
	if c.Front != FrontRelay && c.Front != FrontStandard {
		report("front", "must be %s or %s", FrontRelay, FrontStandard)
	}
	ways := 0
	for _, is := range []bool{c.TLS.Cert != "" && c.TLS.Key != "", c.TLS.SelfSigned, len(c.TLS.ACME.Hosts) > 0} {
		if is {
			ways++
		}
	}
	if c.TLS.Listen != "" && ways != 1 {
		report("tls", "one of cert with key, self_signed: true and acme is needed")
	}
	if len(c.TLS.ACME.Hosts) > 0 && c.State == "" {
		report("state", "acme needs a directory for its certificates")
	}
	for i, host := range c.TLS.ACME.Hosts {
		if !hostForm.MatchString(host) || strings.HasPrefix(host, "*") || strings.HasPrefix(host, "[") {
			report(fmt.Sprintf("tls.acme.hosts[%d]", i), "%q is not a name in lower case", host)
		}
	}
	for i, p := range c.Proxies {
		if _, err := prefix(p); err != nil {
			report(fmt.Sprintf("proxies[%d]", i), "%q is neither an address nor a network", p)
		}
	}
	l := c.Limits
	if l.Header < 1024 || l.Header > 64<<10 {
		report("limits.header", "must be 1024 to 65536")
	}
	if l.Memory < 0 || l.Memory > 64<<20 {
		report("limits.memory", "must be 0 to 64 MiB")
	}
	if slices.Min([]int64{l.Body, l.Spool, l.AllMemory, l.AllSpool, int64(l.Connections), int64(l.PerAddress), int64(l.Rate), int64(l.Burst), l.BodyRate,
		int64(l.HeaderTime), int64(l.BodyPause), int64(l.WritePause), int64(l.Idle), int64(c.Drain.Delay), int64(c.Drain.Grace)}) < 0 {
		report("limits", "no limit and no time may be negative")
	}
	if err := c.VIP.Check(); err != nil {
		report("vip", "%v", err)
	}
	wrong = append(wrong, c.Table.problems("table.")...)
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b errs.Detail) int { return strings.Compare(a.Place, b.Place) })
		return errs.New(errs.Invalid, "the gateway's configuration cannot be used").WithDetails(wrong...)
	}
	return nil
}

// prefix reads an address or a network.
func prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

func prefixes(texts []string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range texts {
		if p, err := prefix(s); err == nil {
			all = append(all, p)
		}
	}
	return all
}
