package connect

import (
	"fmt"
	"net/netip"
	"syscall"

	"github.com/paceline/paceline/internal/errs"
)

// guard decides which addresses may be connected to. It is asked with the address that a
// name was resolved to, right before the connection is made, so a name that resolves
// differently a second time gains nothing.
type guard struct {
	allowed []netip.Prefix
}

// metadata are the addresses where clouds answer with credentials of the machine.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), // most
	netip.MustParseAddr("169.254.170.2"),   // AWS, containers
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("168.63.129.16"),   // Azure; a public address
	netip.MustParseAddr("192.0.0.192"),     // Oracle
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
}

// special are the blocks of the IANA special-purpose registries (RFC 6890) that netip has
// no word for.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // shared address space, carriers' NAT (RFC 6598)
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),          // IPv4-compatible
	netip.MustParsePrefix("64:ff9b:1::/48"), // local NAT64
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), // Teredo and others
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // 6to4 holds an IPv4 address
	netip.MustParsePrefix("fec0::/10"),
}

// nat64 holds an IPv4 address in its last four bytes (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func newGuard(allow []string) (*guard, error) {
	g := &guard{}
	for _, text := range allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			var addr netip.Addr
			if addr, err = netip.ParseAddr(text); err == nil {
				prefix = netip.PrefixFrom(addr, addr.BitLen())
			}
		}
		if err != nil {
			return nil, errs.New(errs.Invalid, "allow: %q is neither a network nor an address", text).
				WithCure("write it as 10.1.0.0/16 or 192.168.1.20")
		}
		g.allowed = append(g.allowed, prefix.Masked())
	}
	return g, nil
}

// refusedAddress is the error of a connection that may not be made.
type refusedAddress struct{ addr netip.Addr }

func (r *refusedAddress) Error() string {
	return fmt.Sprintf("the address %s is not public, and connect.allow does not name it", r.addr)
}

// control is a net.Dialer.Control.
func (g *guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if addr := plainAddr(at.Addr()); !g.reaches(addr) {
		return &refusedAddress{addr}
	}
	return nil
}

// plainAddr takes the IPv4 address out of an IPv6 one that only wraps it.
func plainAddr(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

func (g *guard) reaches(a netip.Addr) bool {
	for _, m := range metadata {
		if a == m {
			return g.allows(a, true)
		}
	}
	return public(a) || g.allows(a, false)
}

// allows looks into the configuration; exact: only for the address alone.
func (g *guard) allows(a netip.Addr, exact bool) bool {
	for _, p := range g.allowed {
		if p.Contains(a) && (!exact || p.IsSingleIP()) {
			return true
		}
	}
	return false
}

func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLoopback() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
