package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/node"
)

type clusterCmd struct {
	Init clusterInitCmd `cmd:"" help:"Make a cluster, with this machine as its first Booster."`
}

type clusterInitCmd struct {
	Data      string   `default:"data" placeholder:"DIR" help:"Directory of what the host keeps; that of a running server makes it the first host. ./data when left out."`
	DB        string   `name:"db" placeholder:"DSN" help:"Database that all hosts reach: postgres://, mysql://, sqlserver:// or oracle://. Left out: what the directory's server uses."`
	Name      string   `help:"Of this host in the cluster; the machine's name when left out."`
	Advertise string   `placeholder:"ADDR" help:"HOST or HOST:PORT at which other hosts reach it; the machine's name and 5169 when left out."`
	Role      []string `placeholder:"ROLE,..." help:"Roles of this host; booster, server and gateway when left out."`
}

// Run makes the cluster and says how others join it.
func (c clusterInitCmd) Run(ctx context.Context, con *console) error {
	cfg, err := serveFlags{Data: c.Data, DB: c.DB}.config(con)
	if err != nil {
		return err
	}
	roles, err := rolesOf(c.Role)
	if err != nil {
		return err
	}
	cfg.Log = slog.New(slog.NewJSONHandler(con.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	made, password, err := node.Found(ctx, cfg, join.Founding{Name: c.Name, Advertise: c.Advertise, Roles: roles})
	if err != nil {
		return err
	}
	if made.Alone {
		con.say("Only this machine can reach the database by its address: hosts of other machines cannot join.")
	}
	answer := struct {
		join.Founded
		Password string `json:"password,omitempty"` // of the user admin, for one sign-in
	}{made, password}
	return con.print(answer, func(t *table) {
		t.add("cluster", made.Cluster)
		t.add("host", made.Name)
		t.add("roles", roleList(made.Roles))
		t.add("authority", made.Fingerprint)
		if password != "" {
			t.add("first sign-in", "user admin, password "+password+" (good for one sign-in)")
		}
		t.add("start it", "paceline start --data "+c.Data)
		t.add("let others in", "paceline token create --data "+c.Data)
		t.add("on the others", "paceline join --booster "+made.Booster+" --token TOKEN")
	})
}

// rolesOf reads roles as people write them.
func rolesOf(names []string) (roles []config.Role, err error) {
	for _, name := range names {
		role, err := config.ParseRole(name)
		if err != nil {
			return nil, err
		}
		roles = append(roles, role)
	}
	return roles, nil
}

func roleList(roles []config.Role) string {
	var names []string
	for _, r := range roles {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}
