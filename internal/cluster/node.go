package cluster

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/db"
)

// Nodes has one row for each number that was ever used.
var Nodes = &db.Table{
	Name: "cluster_node",
	Columns: []db.Column{
		{Name: "number", Type: db.BigInt},
		{Name: "epoch", Type: db.BigInt},
		{Name: "name", Type: db.Text, Size: 200},
		{Name: "started", Type: db.BigInt},
		{Name: "expires", Type: db.BigInt},
		{Name: "roles", Type: db.Text, Size: 200, Since: 21}, // with commas between
		{Name: "version", Type: db.Text, Size: 100, Since: 21},
		{Name: "state", Type: db.Text, Size: 20, Since: 21},
		{Name: "cause", Type: db.Text, Size: maxCause, Since: 21},
		{Name: "since", Type: db.BigInt, Since: 21}, // of the state
		{Name: "address", Type: db.Text, Size: 300, Since: 22},
	},
	Key: []string{"number"},
}

const maxCause = 1000

// Node is a row of Nodes.
type Node struct {
	Number  int64     `json:"number"`
	Epoch   int64     `json:"epoch"` // of the number, not of the lease
	Name    string    `json:"name"`
	Roles   []string  `json:"roles"`
	Version string    `json:"version"`
	Address string    `json:"address,omitempty"` // at which its role is reached
	State   State     `json:"state"`
	Cause   string    `json:"cause,omitempty"` // what it waits for
	Since   time.Time `json:"since"`           // it has been in that state
	Started time.Time `json:"started"`
	Expires time.Time `json:"expires"`
	Alive   bool      `json:"alive"` // by the database's clock, when it was read
}

// List reads all nodes, by number.
func List(ctx context.Context, q db.Queryer) ([]Node, error) {
	return db.All(ctx, q, scanNode,
		"SELECT number, epoch, name, roles, version, address, state, cause, since, started, expires, {now} FROM cluster_node ORDER BY number")
}

func scanNode(s db.Scanner) (n Node, err error) {
	var roles, state string
	var since, started, expires, now int64
	err = s.Scan(&n.Number, &n.Epoch, &n.Name, &roles, &n.Version, &n.Address, &state, &n.Cause, &since, &started, &expires, &now)
	n.State = State(state)
	n.Roles = strings.FieldsFunc(roles, func(r rune) bool { return r == ',' })
	n.Since, n.Started, n.Expires, n.Alive = db.Time(since), db.Time(started), db.Time(expires), expires > now
	if !n.Alive {
		if next := n.State.After(Silent); next != n.State {
			n.State, n.Cause, n.Since = next, "", n.Expires
		}
	}
	return n, err
}

// Overview is the cluster as the database knows it.
type Overview struct {
	Leader string `json:"leader,omitempty"` // empty: nobody
	Epoch  int64  `json:"epoch"`            // of the last that led
	Nodes  []Node `json:"nodes"`            // each name once, by name
	// Sightings are of all processes of a cluster's hosts, gateways and Agents too, by name, as they
	// told the leader last; none where nobody leads.
	Sightings []Sighting `json:"sightings"`
}

// Sighting is how a process said that it is.
type Sighting struct {
	Name    string    `json:"name"` // host/role
	Host    string    `json:"host"`
	Role    string    `json:"role"`
	Version string    `json:"version"`
	State   State     `json:"state"`
	Cause   string    `json:"cause,omitempty"`
	Address string    `json:"address,omitempty"`
	Load    float64   `json:"load"`            // of the processors that it may use, 0 to 1; an Agent's is its machine's
	Skew    int64     `json:"skewMs"`          // its clock is so far ahead of the leader's, in milliseconds
	Zone    string    `json:"zone"`            // its time zone
	Seen    time.Time `json:"seen"`            // when it said so
	Alarm   string    `json:"alarm,omitempty"` // what somebody has to look at
}

// Look reads who is there and who leads.
func (l *Lease) Look(ctx context.Context) (o Overview, err error) {
	nodes, err := List(ctx, l.db)
	if err != nil {
		return o, err
	}
	t, err := readTenure(ctx, l.db, l.cfg.Role)
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return o, err
	}
	if o.Epoch = t.epoch; t.live() {
		o.Leader = t.holder
	}
	o.Nodes, o.Sightings = newest(nodes), []Sighting{}
	return o, nil
}

// newest keeps of each name the row that was taken last: a node that starts again takes
// another number while its old one rests.
func newest(nodes []Node) []Node {
	slices.SortFunc(nodes, func(a, b Node) int {
		living := 0
		if a.Alive != b.Alive {
			living = 1
			if a.Alive {
				living = -1
			}
		}
		return cmp.Or(strings.Compare(a.Name, b.Name), living, b.Started.Compare(a.Started), cmp.Compare(b.Epoch, a.Epoch))
	})
	return slices.CompactFunc(nodes, func(a, b Node) bool { return a.Name == b.Name })
}
