package main

import (
	"context"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/join"
)

type joinCmd struct {
	Booster   string `required:"" placeholder:"HOST:PORT" help:"A Booster of the cluster; port 5169 when left out."`
	Secondary string `placeholder:"HOST:PORT" help:"Another Booster, in case the first is away."`
	Token     string `required:"" env:"PACELINE_JOIN_TOKEN" help:"What paceline token create printed."`
	Data      string `default:"data" placeholder:"DIR" help:"Directory of what the host keeps; ./data when left out."`
	Name      string `help:"Of this host in the cluster; the machine's name when left out."`
	Advertise string `placeholder:"ADDR" help:"HOST or HOST:PORT at which other hosts reach it; the address it joins from when left out."`
}

// Run makes this machine a host of the cluster. If the answer was lost, it is run again.
func (j joinCmd) Run(ctx context.Context, con *console) error {
	e := join.Entry{Boosters: []string{j.Booster}, Token: j.Token, Data: config.Dir(j.Data), Name: j.Name, Advertise: j.Advertise, Version: version}
	if j.Secondary != "" {
		e.Boosters = append(e.Boosters, j.Secondary)
	}
	in, err := join.Enter(ctx, e)
	if err != nil {
		return err
	}
	if in.Version != version {
		con.say("The cluster runs version %s and this is %s: install the same one.", in.Version, version)
	}
	return con.print(in, func(t *table) {
		t.add("cluster", in.Cluster)
		t.add("host", in.Name)
		t.add("roles", roleList(in.Roles))
		t.add("Boosters", list(in.Boosters))
		t.add("start it", "paceline start --data "+j.Data)
	})
}
