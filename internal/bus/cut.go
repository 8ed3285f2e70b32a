package bus

import (
	"context"
	"slices"

	"github.com/nats-io/nats-server/v2/server"
)

// Cut ends the connections that a host has here: its certificate was revoked, and the next
// handshake fails. The line to a Booster can only be cut by dropping all connections; the
// hosts are back at once.
func (s *Server) Cut(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nats == nil {
		return
	}
	for _, id := range s.connections(host) {
		// It fails when the connection has ended by itself, which is as well.
		_ = s.nats.DisconnectClientByID(id)
	}
	if !slices.Contains(s.peers(), host) {
		return
	}
	s.halt()
	if err := s.run(context.Background()); err != nil {
		s.log.Error("bus: not listening any more", "err", err)
	}
}

// connections of a host, by their numbers.
func (s *Server) connections(host string) (ids []uint64) {
	for offset := 0; ; {
		page, err := s.nats.Connz(&server.ConnzOptions{Username: true, Offset: offset})
		if err != nil || len(page.Conns) == 0 {
			return ids
		}
		for _, c := range page.Conns {
			if c.AuthorizedUser == host {
				ids = append(ids, c.Cid)
			}
		}
		offset += len(page.Conns)
	}
}

// Peers are the Boosters that this one has a line to, by the names of their hosts.
func (s *Server) Peers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nats == nil {
		return nil
	}
	return s.peers()
}

func (s *Server) peers() (names []string) {
	lines, err := s.nats.Routez(nil)
	if err != nil {
		return nil
	}
	for _, line := range lines.Routes {
		names = append(names, line.RemoteName)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
