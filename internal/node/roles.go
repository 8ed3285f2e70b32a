package node

import (
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/service"
)

// alone is the role of a server that is a cluster of one.
const alone config.Role = ""

// roles says which services each role starts, in this order; they stop in reverse, and
// each may use those before it. A node that lacks something waits within the start of
// the service that needs it, and says so.
var roles = map[config.Role][]string{
	alone: {
		"address", "database", "member", "organisation", "apps", "calendars",
		"organisation watch", "apps watch", "calendars watch", "process", "operations", "schedules", "lease", "http", "readiness",
	},
	config.RoleBooster: {
		"address", "bus server", "bus", "database", "host", "member", "lease", "join", "peers", "readiness",
	},
	config.RoleServer: {
		"address", "bus", "database", "host", "outcasts", "member", "organisation", "apps", "calendars",
		"organisation watch", "apps watch", "calendars watch", "process", "operations", "schedules", "http", "readiness",
	},
	config.RoleGateway: {"gateway", "bus", "table", "shared address"},
}

// services finds each by its name.
var services = map[string]func(*Node) service.Service{
	"address":            func(n *Node) service.Service { return address{n} },
	"apps":               func(n *Node) service.Service { return starting(n.refreshApps) },
	"apps watch":         func(n *Node) service.Service { return n.appLoop },
	"bus":                func(n *Node) service.Service { return n.bus },
	"bus server":         func(n *Node) service.Service { return n.busServer },
	"calendars":          func(n *Node) service.Service { return starting(n.hours.Refresh) },
	"calendars watch":    func(n *Node) service.Service { return n.hourLoop },
	"database":           func(n *Node) service.Service { return schema{n} },
	"gateway":            func(n *Node) service.Service { return n.gateway },
	"host":               func(n *Node) service.Service { return wanted{n, n.follower} },
	"http":               func(n *Node) service.Service { return n.listener },
	"join":               func(n *Node) service.Service { return n.join },
	"lease":              func(n *Node) service.Service { return n.lease },
	"member":             func(n *Node) service.Service { return place{n} },
	"operations":         func(n *Node) service.Service { return n.operations },
	"organisation":       func(n *Node) service.Service { return people{n} },
	"organisation watch": func(n *Node) service.Service { return n.orgLoop },
	"outcasts":           func(n *Node) service.Service { return n.outcasts },
	"peers":              func(n *Node) service.Service { return n.peers },
	"process":            func(n *Node) service.Service { return n.process },
	"readiness":          func(n *Node) service.Service { return n.ready },
	"schedules":          func(n *Node) service.Service { return n.intakeLoop },
	"shared address":     func(n *Node) service.Service { return sharing{n} },
	"table":              func(n *Node) service.Service { return n.tableLoop },
}

// plan adds the services of the node's role.
func (n *Node) plan() error {
	names, ok := roles[n.cfg.Role]
	if !ok {
		return errs.New(errs.Invalid, "a node cannot have the role %q", n.cfg.Role)
	}
	for _, name := range names {
		n.services.Add(name, services[name](n))
	}
	return nil
}
