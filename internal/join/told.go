package join

import (
	"context"
	"slices"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Told is what a host is told of itself and of the others; it goes into its files.
type Told struct {
	Roles    []config.Role `json:"roles"`
	Boosters []string      `json:"boosters"`           // host:port, the primary first
	Revoked  []string      `json:"revoked"`            // serials of certificates that nobody is to accept
	Settings *Settings     `json:"settings,omitempty"` // newer ones than the host has, without the Boosters' secret
}

// Known is what a host says that it knows when it asks.
type Known struct {
	Revision int64 `json:"revision"` // of its settings
}

// Tell reads it. A host that is not in the cluster, any more, is errs.NotFound.
func Tell(ctx context.Context, q db.Queryer, host string) (t Told, err error) {
	all, err := hosts(ctx, q)
	if err != nil {
		return t, err
	}
	at := slices.IndexFunc(all, func(h Host) bool { return h.Name == host })
	if at < 0 {
		return t, errs.New(errs.NotFound, "the host %s is not in the cluster", host).WithCure("let it join again with a new token")
	}
	t.Roles = all[at].Roles
	if t.Boosters, err = boosters(ctx, q); err != nil {
		return t, err
	}
	out, err := revoked(ctx, q)
	t.Revoked = serialsOf(out)
	return t, err
}

// Wants is what is wanted of each host, by its name.
func Wants(ctx context.Context, q db.Queryer) (map[string]Wanted, error) {
	all, err := hosts(ctx, q)
	wants := make(map[string]Wanted, len(all))
	for _, h := range all {
		wants[h.Name] = h.Wanted
	}
	return wants, err
}

// Primary is the host whose Booster leads while it is healthy: of those with that role
// the first that joined. Empty: there is none.
func Primary(ctx context.Context, q db.Queryer) (string, error) {
	all, err := hosts(ctx, q)
	for _, h := range all {
		if slices.Contains(h.Roles, config.RoleBooster) {
			return h.Name, err
		}
	}
	return "", err
}
