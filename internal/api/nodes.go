package api

import (
	"context"
	"net/http"

	"github.com/paceline/paceline/internal/cluster"
)

func (s *Server) registerNodes() {
	add(s, route{Method: http.MethodGet, Path: "/nodes", ID: "listNodes", Tag: "cluster", Summary: "The servers, how they are, and which of them leads",
		Doc: "The leader does what one server has to do for all. The epoch rises whenever another begins to lead."},
		func(ctx context.Context, _ *struct{}) (*item[cluster.Overview], error) {
			return one(s.nodes(ctx, actorOf(ctx)))
		})
}
