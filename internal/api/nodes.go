package api

import (
	"context"
	"net/http"

	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/join"
)

// Nodes are the servers and, in a cluster of several machines, its hosts.
type Nodes struct {
	cluster.Overview
	Hosts []join.Host `json:"hosts" doc:"In the order in which they joined; a single server has none."`
}

func (s *Server) registerNodes() {
	add(s, route{Method: http.MethodGet, Path: "/nodes", ID: "listNodes", Tag: "cluster", Summary: "The servers, how they are, and which of them leads",
		Doc: "The leader does what one server has to do for all. The epoch rises whenever another begins to lead."},
		func(ctx context.Context, _ *struct{}) (*item[Nodes], error) {
			overview, err := s.nodes(ctx, actorOf(ctx))
			if err != nil {
				return nil, err
			}
			hosts, err := s.hosts.Hosts(ctx, actorOf(ctx))
			return one(Nodes{overview, hosts}, err)
		})
}
