package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Cluster is the servers that share one database.
type Cluster struct {
	Leader string `json:"leader"` // name of the node that leads; empty: none at the moment
	Epoch  int64  `json:"epoch"`  // rises whenever another node begins to lead
	Nodes  []Node `json:"nodes"`
	Hosts  []Host `json:"hosts"` // in the order in which they joined; a single server has none
	// Sightings are of all processes of the hosts, as they told the leader last.
	Sightings []Sighting `json:"sightings"`
}

// Sighting is how a process of a host said that it is: a Booster, server, gateway or Agent.
type Sighting struct {
	Name    string    `json:"name"` // host/role
	Host    string    `json:"host"`
	Role    string    `json:"role"`
	Version string    `json:"version"`
	State   string    `json:"state"`
	Cause   string    `json:"cause"`
	Address string    `json:"address,omitempty"`
	Load    float64   `json:"load"`   // of the processors that it may use, 0 to 1; an Agent's is its machine's
	Skew    int64     `json:"skewMs"` // its clock is so far ahead of the leader's
	Zone    string    `json:"zone"`
	Seen    time.Time `json:"seen"`
	Alarm   string    `json:"alarm"` // what somebody has to look at; empty: nothing
}

// Host is a machine of the cluster. What is wanted of it is active, cordoned or drained.
type Host struct {
	Name        string    `json:"name"`
	Roles       []string  `json:"roles"`
	Address     string    `json:"address"` // host:port of its Booster; of another, host
	Wanted      string    `json:"wanted"`
	Joined      time.Time `json:"joined"`
	Certificate time.Time `json:"certificate"` // when it expires; it is renewed before
	Nodes       []Node    `json:"nodes"`       // its processes among the servers
}

// JoinToken lets machines join the cluster. Its state is open, used, expired or revoked.
type JoinToken struct {
	ID      string    `json:"id"`
	Roles   []string  `json:"roles"` // that the hosts get
	Uses    int       `json:"uses"`  // how many hosts it may let in
	Used    int       `json:"used"`  // how many it has
	Creator string    `json:"creator"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Revoked time.Time `json:"revoked,omitzero"`
	State   string    `json:"state"`
	Token   string    `json:"token,omitempty"` // when it is made, and never again
}

// NewJoinToken is what is asked of a token; what is left out is a server, an hour, one use.
type NewJoinToken struct {
	Roles   []string `json:"roles,omitempty"`
	Seconds int      `json:"seconds,omitempty"`
	Uses    int      `json:"uses,omitempty"`
}

// Node is a server. State is joining, waiting (Cause says for what), ready, draining,
// stopped or lost.
type Node struct {
	Number  int64     `json:"number"`
	Epoch   int64     `json:"epoch"`
	Name    string    `json:"name"`
	Roles   []string  `json:"roles"`
	Version string    `json:"version"`
	Address string    `json:"address,omitempty"` // at which its role is reached
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

// Host reads one host of the cluster.
func (c *Client) Host(ctx context.Context, name string) (Host, error) {
	return get[Host](ctx, c, "/nodes/"+url.PathEscape(name), nil)
}

// WantHost drains or cordons a host, or wants it back.
func (c *Client) WantHost(ctx context.Context, name, wanted string) (Host, error) {
	return send[Host](ctx, c, http.MethodPut, "/nodes/"+url.PathEscape(name)+"/wanted", map[string]string{"wanted": wanted})
}

// RemoveHost removes a host from the cluster and revokes its certificates.
func (c *Client) RemoveHost(ctx context.Context, name string) (Host, error) {
	return send[Host](ctx, c, http.MethodDelete, "/nodes/"+url.PathEscape(name), nil)
}

// CreateJoinToken makes a token that lets machines join.
func (c *Client) CreateJoinToken(ctx context.Context, n NewJoinToken) (JoinToken, error) {
	return send[JoinToken](ctx, c, http.MethodPost, "/join-tokens", n)
}

// JoinTokens lists the join tokens, the newest first.
func (c *Client) JoinTokens(ctx context.Context) ([]JoinToken, error) {
	list, err := get[Page[JoinToken]](ctx, c, "/join-tokens", nil)
	return list.Items, err
}

// RevokeJoinToken ends a join token; hosts that it let in stay.
func (c *Client) RevokeJoinToken(ctx context.Context, id string) error {
	_, err := send[nothing](ctx, c, http.MethodDelete, "/join-tokens/"+url.PathEscape(id), nil)
	return err
}
