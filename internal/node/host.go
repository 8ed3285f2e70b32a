package node

import (
	"cmp"
	"os"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/trust"
)

// ForHost reads what the node of a role is told on a host of a cluster: by the host
// file, by what the cluster gave the host when it joined and, for all else, by
// paceline.yaml and the environment.
func ForHost(dir config.Dir, role config.Role) (cfg Config, err error) {
	defer errs.Wrap(&err, "node.ForHost")
	cfg = Defaults()
	host, err := config.LoadHost(dir)
	if err != nil {
		return cfg, err
	}
	if err := config.Load(&cfg, dir.File(), os.Environ()); err != nil {
		return cfg, err
	}
	cfg.Role, cfg.Host, cfg.Data, cfg.Name = role, host, dir, host.Name+"/"+string(role)
	switch role {
	case config.RoleServer:
		cfg.Listen = cmp.Or(host.Listen.Server, ":8100")
	case config.RoleBooster:
		cfg.Listen = cmp.Or(host.Listen.BoosterHealth, "127.0.0.1:5172")
	case config.RoleGateway:
		return cfg, nil // it knows no database
	}
	id, err := trust.Open(dir)
	if err != nil {
		return cfg, err
	}
	settings, err := join.ReadSettings(dir, id)
	if err != nil {
		return cfg, err
	}
	cfg.DB.DSN, cfg.Revision, cfg.Secret, cfg.Key = settings.DSN, settings.Revision, settings.Secret, settings.Key
	return cfg, nil
}
