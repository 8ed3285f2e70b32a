package client

import (
	"context"
	"time"
)

// Cluster is the servers that share one database.
type Cluster struct {
	Leader string `json:"leader"` // name of the node that leads; empty: none at the moment
	Epoch  int64  `json:"epoch"`  // rises whenever another node begins to lead
	Nodes  []Node `json:"nodes"`
}

// Node is a server. State is joining, waiting (Cause says for what), ready, draining,
// stopped or lost.
type Node struct {
	Number  int64     `json:"number"`
	Epoch   int64     `json:"epoch"`
	Name    string    `json:"name"`
	Roles   []string  `json:"roles"`
	Version string    `json:"version"`
	State   string    `json:"state"`
	Cause   string    `json:"cause"`
	Since   time.Time `json:"since"` // of the state
	Started time.Time `json:"started"`
	Expires time.Time `json:"expires"` // if it is not heard of until then, it is lost
	Alive   bool      `json:"alive"`
}

// Nodes lists the servers by name.
func (c *Client) Nodes(ctx context.Context) (Cluster, error) {
	return get[Cluster](ctx, c, "/nodes", nil)
}
