package join

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/trust"
)

// Host is a machine of the cluster.
type Host struct {
	Name        string         `json:"name"`
	Roles       []config.Role  `json:"roles"`
	Address     string         `json:"address"` // host:port of its Booster; of another, host
	Wanted      Wanted         `json:"wanted"`
	Joined      time.Time      `json:"joined"`
	Certificate time.Time      `json:"certificate"` // when it expires; it is renewed before
	Nodes       []cluster.Node `json:"nodes"`       // its processes among the servers
}

// Wanted is what an operator wants of a host.
type Wanted string

// What can be wanted.
const (
	Active   Wanted = "active"
	Cordoned Wanted = "cordoned" // go on, and get nothing new placed on it
	Drained  Wanted = "drained"  // finish what is under way, and take nothing new
)

// Is says whether the name is that of the host or of one of its processes, host/role.
func (h *Host) Is(node string) bool {
	host, _, _ := strings.Cut(node, "/")
	return host == h.Name
}

func kindFor(roles []config.Role) trust.Kind {
	if slices.Contains(roles, config.RoleBooster) {
		return trust.Booster
	}
	return trust.Host
}

func joinRoles(roles []config.Role) string {
	var names []string
	for _, r := range roles {
		names = append(names, string(r))
	}
	return strings.Join(names, ",")
}

func splitRoles(text string) (roles []config.Role) {
	for name := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' }) {
		roles = append(roles, config.Role(name))
	}
	return roles
}

// machineName is how this machine calls itself.
func machineName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}

// hostName is the name for a host: the one given, else the machine's without its domain.
func hostName(given string) (string, error) {
	if given == "" {
		given, _, _ = strings.Cut(strings.ToLower(machineName()), ".")
	}
	return given, trust.CheckName(given)
}

const selectHosts = `SELECT name, roles, address, wanted, joined,
(SELECT MAX(c.expires) FROM cluster_certificate c WHERE c.host = cluster_host.name AND c.revoked = 0) FROM cluster_host`

func scanHost(row db.Scanner) (h Host, err error) {
	var roles, wanted string
	var joined int64
	var expires *int64
	err = row.Scan(&h.Name, &roles, &h.Address, &wanted, &joined, &expires)
	h.Roles, h.Wanted, h.Joined = splitRoles(roles), Wanted(wanted), db.Time(joined)
	if expires != nil {
		h.Certificate = db.Time(*expires)
	}
	return h, err
}

// hosts reads the hosts in the order in which they joined, so that the first Booster is the
// primary.
func hosts(ctx context.Context, q db.Queryer) ([]Host, error) {
	return db.All(ctx, q, scanHost, selectHosts+" ORDER BY joined, name")
}

// boosters are the addresses of Boosters, the primary first.
func boosters(ctx context.Context, q db.Queryer) (addresses []string, err error) {
	all, err := hosts(ctx, q)
	for _, h := range all {
		if slices.Contains(h.Roles, config.RoleBooster) {
			addresses = append(addresses, h.Address)
		}
	}
	return addresses, err
}

// Boosters are where the Boosters listen for hosts, by the names of theirs.
func Boosters(ctx context.Context, q db.Queryer) (map[string]string, error) {
	all, err := hosts(ctx, q)
	at := map[string]string{}
	for _, h := range all {
		if slices.Contains(h.Roles, config.RoleBooster) {
			at[h.Name] = h.Address
		}
	}
	return at, err
}

func insertHost(ctx context.Context, tx *db.Tx, h Host, token, key string, now int64) error {
	free, err := tx.InsertIgnore(ctx, db.Row{Table: &hostTable, Values: []any{
		h.Name, joinRoles(h.Roles), h.Address, string(Active), token, key, now, now}})
	if err == nil && !free {
		err = errs.New(errs.Conflict, "the cluster has a host %s already", h.Name).
			WithCure("join with another --name, or remove the old one first: paceline node remove %s", h.Name)
	}
	return err
}

// Hosts lists the hosts in the order in which they joined. A single server has none.
func (c *Cluster) Hosts(ctx context.Context, by *org.Actor) (all []Host, err error) {
	defer errs.Wrap(&err, "join.Hosts")
	if err := by.Require(org.ReadSystem); err != nil {
		return nil, err
	}
	all, err = hosts(ctx, c.deps.DB)
	if err != nil || len(all) == 0 {
		return []Host{}, err
	}
	nodes, err := cluster.List(ctx, c.deps.DB)
	for i := range all {
		all[i].take(nodes)
	}
	return all, err
}

// take keeps those nodes that are processes of the host and alive.
func (h *Host) take(nodes []cluster.Node) {
	h.Nodes = []cluster.Node{}
	for _, n := range nodes {
		if n.Alive && h.Is(n.Name) {
			h.Nodes = append(h.Nodes, n)
		}
	}
}

// Host reads one.
func (c *Cluster) Host(ctx context.Context, by *org.Actor, name string) (h Host, err error) {
	defer errs.Wrap(&err, "join.Host")
	if err := by.Require(org.ReadSystem); err != nil {
		return h, err
	}
	if h, err = c.find(ctx, c.deps.DB, name); err != nil {
		return h, err
	}
	nodes, err := cluster.List(ctx, c.deps.DB)
	h.take(nodes)
	return h, err
}

func (c *Cluster) find(ctx context.Context, q db.Queryer, name string) (Host, error) {
	h, err := scanHost(q.QueryRow(ctx, selectHosts+" WHERE name = ?", name))
	if !errors.Is(err, db.ErrNoRows) {
		return h, err
	}
	if _, err := setting(ctx, q, settingID); errors.Is(err, db.ErrNoRows) {
		return h, errNoCluster
	}
	return h, errs.New(errs.NotFound, "the cluster has no host %.80q", name).WithCure("paceline node list")
}

// Want says what is wanted of a host from now on. Wanting it again changes nothing.
func (c *Cluster) Want(ctx context.Context, by *org.Actor, name string, wanted Wanted) (h Host, err error) {
	defer errs.Wrap(&err, "join.Want")
	if err := by.Require(org.WriteSystem); err != nil {
		return h, err
	}
	h, err = db.Do(ctx, c.deps.DB, func(ctx context.Context, tx *db.Tx) (Host, error) {
		h, err := c.find(ctx, tx, name)
		if err != nil || h.Wanted == wanted {
			return h, err
		}
		if _, err := tx.Exec(ctx, "UPDATE cluster_host SET wanted = ?, changed = {now} WHERE name = ?", string(wanted), name); err != nil {
			return h, err
		}
		before := h.Wanted
		h.Wanted = wanted
		return h, c.deps.Audit(ctx, tx, by, "host."+string(wanted), name, map[string]any{"before": before})
	})
	if err != nil {
		return h, err
	}
	c.deps.Ring(TopicHost, name)
	nodes, err := cluster.List(ctx, c.deps.DB)
	h.take(nodes)
	return h, err
}

// Remove takes a host out of the cluster and revokes its certificates: Boosters cut it off at
// once, and its processes stop. The last Booster stays.
func (c *Cluster) Remove(ctx context.Context, by *org.Actor, name string) (h Host, err error) {
	defer errs.Wrap(&err, "join.Remove")
	if err := by.Require(org.WriteSystem); err != nil {
		return h, err
	}
	h, err = db.Do(ctx, c.deps.DB, func(ctx context.Context, tx *db.Tx) (Host, error) {
		h, err := c.find(ctx, tx, name)
		if err != nil {
			return h, err
		}
		if err := c.spare(ctx, tx, h); err != nil {
			return h, err
		}
		// The row goes first: who issues a certificate holds it, so none comes after the
		// revocation.
		if _, err := tx.Exec(ctx, "DELETE FROM cluster_host WHERE name = ?", name); err != nil {
			return h, err
		}
		if _, err := tx.Exec(ctx, "UPDATE cluster_certificate SET revoked = {now} WHERE host = ? AND revoked = 0", name); err != nil {
			return h, err
		}
		return h, c.deps.Audit(ctx, tx, by, "host.remove", name, map[string]any{"roles": h.Roles})
	})
	if err == nil {
		c.deps.Ring(TopicHost, name)
	}
	return h, err
}

// spare refuses to remove the last Booster. The settings' row makes removals one after
// another, so that two at once do not remove the last two.
func (c *Cluster) spare(ctx context.Context, tx *db.Tx, h Host) error {
	if !slices.Contains(h.Roles, config.RoleBooster) {
		return nil
	}
	if _, err := tx.Exec(ctx, "UPDATE cluster_setting SET value = value WHERE name = ?", settingID); err != nil {
		return err
	}
	left, err := boosters(ctx, tx)
	if err == nil && len(left) < 2 {
		err = errs.New(errs.Conflict, "%s is the last Booster, without which no host can join or be managed", h.Name).
			WithCure("let another Booster join first: paceline token create --role booster")
	}
	return err
}
