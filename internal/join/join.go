// Package join knows the hosts of a cluster: which there are, who may become one, and how
// one becomes one.
//
// Found makes a cluster in a database, with this machine as its first Booster. Cluster
// is what people do with hosts and join tokens. Booster is the part of a Booster that lets
// hosts in, renews certificates and cuts off whom was removed. Enter is the other side:
// a machine that becomes a host. A Follower tells a host what is wanted of it.
//
// What always holds:
//
//   - A token lets in as many hosts as it says, also when several ask at the same moment;
//     the same host may ask again as long as the token holds, and takes no further use.
//   - The machine that joins believes nobody but the authority whose fingerprint its token
//     carries, and says nothing, not even the token, before that is checked.
//   - Who has no token of this cluster gets no answer. An answer is of use only to who proves
//     to have the private key, on that very connection.
//   - Private keys stay where they are made, with one exception: the authority's own lies in the
//     database, sealed with a secret that only Boosters are given.
//   - The certificates of a removed host are revoked in the transaction that removes it.
package join

import (
	"context"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// TopicHost is rung with a host's name when what the cluster knows of it has changed.
const TopicHost = "host"

// Deps of a Cluster.
type Deps struct {
	DB *db.DB
	// Audit notes a deed in the transaction of its effect.
	Audit func(ctx context.Context, tx *db.Tx, by *org.Actor, action, subject string, details any) error
	Ring  func(topic, key string) // after a commit
	Now   func() time.Time
}

// Cluster is the hosts and tokens of the cluster that a database belongs to, for those
// who may. A database may belong to none: then there is nothing to find.
type Cluster struct{ deps Deps }

// NewCluster makes it.
func NewCluster(deps Deps) *Cluster { return &Cluster{deps} }

var errNoCluster = errs.New(errs.NotFound, "this is a single server, not a cluster").
	WithCure("make it the first host of a cluster with paceline cluster init")

// setting reads one of the cluster's own settings.
func setting(ctx context.Context, q db.Queryer, name string) ([]byte, error) {
	var value []byte
	err := q.QueryRow(ctx, "SELECT value FROM cluster_setting WHERE name = ?", name).Scan(&value)
	return value, err
}
