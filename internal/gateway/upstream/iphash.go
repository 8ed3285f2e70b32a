package upstream

import (
	"net/netip"
	"time"
)

// ipHash chooses by the client's address with nginx's function, so that clients stay on
// their server when a gateway takes an nginx's place: the first three bytes of an IPv4
// address, all of an IPv6 address; servers that are away keep their place; after twenty
// misses the choice is round robin's.
func (p *Pool) ipHash(client netip.Addr, now time.Time, usable func(*Server) bool) *Server {
	if len(p.servers) < 2 || !client.IsValid() {
		return p.roundRobin(now, usable)
	}
	var space [16]byte
	key := space[:]
	if client = client.Unmap(); client.Is4() {
		v4 := client.As4()
		key = append(space[:0], v4[:3]...)
	} else {
		space = client.As16()
	}
	total := 0
	for _, s := range p.servers {
		total += s.weight
	}
	hash := 89
	for range 20 {
		for _, b := range key {
			hash = (hash*113 + int(b)) % 6271
		}
		if s := p.at(hash % total); usable(s) {
			return s
		}
	}
	return p.roundRobin(now, usable)
}

// at is the server at a place on the line that the weights make.
func (p *Pool) at(place int) *Server {
	for _, s := range p.servers {
		if place < s.weight {
			return s
		}
		place -= s.weight
	}
	return p.servers[len(p.servers)-1]
}
