package config

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/paceline/paceline/internal/errs"
)

// Host is what a machine of a cluster knows by itself: who it is, where the Boosters
// are and which roles it has. It is the file host.yaml in the data directory; all else
// comes from the cluster.
type Host struct {
	Name    string `yaml:"name"`    // in the cluster; that of its certificate, too
	Cluster string `yaml:"cluster"` // id of the cluster
	// Boosters are where Boosters listen for nodes, as host:port, the primary first.
	Boosters []string `yaml:"boosters"`
	// Advertise is the name or address by which the other hosts reach this one; empty:
	// that of the listening address.
	Advertise string `yaml:"advertise,omitempty"`
	Roles     []Role `yaml:"roles"` // as the cluster told last
	Listen    Listen `yaml:"listen,omitempty"`
	// Hung is how long a role may give no sign of life before the Agent ends it; 30 s, negative: for ever.
	Hung time.Duration `yaml:"hung,omitempty"`
}

// Listen is where the roles of a host listen, as [host]:port. What is empty gets the
// role's default; port 0 takes a free one.
type Listen struct {
	Booster string `yaml:"booster,omitempty"` // the bus; :5169
	Route   string `yaml:"route,omitempty"`   // between Boosters; the port after the bus's
	Join    string `yaml:"join,omitempty"`    // joining hosts; the bus's host, port 5171
	Server  string `yaml:"server,omitempty"`  // the HTTP API, for gateways; :8100
	Gateway string `yaml:"gateway,omitempty"` // the public address; :8080

	// Health and metrics of the roles that have another door for their work.
	BoosterHealth string `yaml:"booster_health,omitempty"` // 127.0.0.1:5172
	GatewayHealth string `yaml:"gateway_health,omitempty"` // 127.0.0.1:8101
}

// Role is what a node does on its host.
type Role string

// The roles, in the order in which an Agent starts them.
const (
	RoleBooster Role = "booster"
	RoleServer  Role = "server"
	RoleGateway Role = "gateway"
	RoleAgent   Role = "agent" // runs the others
)

// Roles are those that a host may have, in the order of their start.
var Roles = []Role{RoleBooster, RoleServer, RoleGateway}

// aliases are the names that other products give to roles.
var aliases = map[string]Role{"center": RoleBooster, "application": RoleServer, "web": RoleGateway}

// ParseRole reads the name of a role or an alias of one.
func ParseRole(name string) (Role, error) {
	if role, ok := aliases[name]; ok {
		return role, nil
	}
	if role := Role(name); role == RoleAgent || slices.Contains(Roles, role) {
		return role, nil
	}
	return "", errs.New(errs.Invalid, "there is no role %q", name).
		WithCure("use booster (center), server (application), gateway (web) or agent")
}

// Has says whether the host has a role.
func (h *Host) Has(role Role) bool { return slices.Contains(h.Roles, role) }

// AddressOf is the address by which others reach what listens on listen, an address as
// net.Listener gives it.
func (h *Host) AddressOf(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if h.Advertise != "" {
		return net.JoinHostPort(h.Advertise, port)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = h.Name
	}
	return net.JoinHostPort(host, port)
}

// hostName is what a host may be called: it stands in certificates, subjects of the bus
// and names of files.
var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// IsHostName says whether a host may be called so.
func IsHostName(name string) bool { return hostName.MatchString(name) }

// Validate says what is wrong with the file, all at once.
func (h *Host) Validate() error {
	var wrong []errs.Detail
	refuse := func(place, message string) {
		wrong = append(wrong, errs.Detail{Place: place, Message: message})
	}
	if !IsHostName(h.Name) {
		refuse("name", "a host's name is 1 to 63 small letters, digits and -, with no - at the ends")
	}
	if len(h.Boosters) == 0 {
		refuse("boosters", "name at least one Booster as host:port")
	}
	for _, address := range h.Boosters {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			refuse("boosters", address+" is not host:port")
		}
	}
	for _, role := range h.Roles {
		if !slices.Contains(Roles, role) {
			refuse("roles", "there is no role "+string(role))
		}
	}
	for key, address := range map[string]string{"booster": h.Listen.Booster, "route": h.Listen.Route, "join": h.Listen.Join, "server": h.Listen.Server, "gateway": h.Listen.Gateway,
		"booster_health": h.Listen.BoosterHealth, "gateway_health": h.Listen.GatewayHealth} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			refuse("listen."+key, address+" is not [host]:port")
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.SortFunc(wrong, func(a, b errs.Detail) int { return strings.Compare(a.Place, b.Place) })
	return errs.New(errs.Invalid, "the host file cannot be used").WithDetails(wrong...)
}

// LoadHost reads the host file of a data directory. NotFound: the machine is in no
// cluster.
func LoadHost(dir Dir) (h *Host, err error) {
	defer errs.Wrap(&err, "config.LoadHost")
	text, err := os.ReadFile(dir.HostFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errs.New(errs.NotFound, "%s is not there: this machine is in no cluster", dir.HostFile()).
			WithCure("make a cluster with paceline cluster init, or enter one with paceline join")
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, errs.New(errs.Invalid, "%s is larger than %d bytes", dir.HostFile(), maxFile)
	}
	h = new(Host)
	if err := Decode(filepath.Base(dir.HostFile()), text, h); err != nil {
		return nil, err
	}
	return h, h.Validate()
}

// SaveHost replaces the host file of a data directory; a crash leaves the old one or the
// new one.
func SaveHost(dir Dir, h *Host) (err error) {
	defer errs.Wrap(&err, "config.SaveHost")
	if err := h.Validate(); err != nil {
		return err
	}
	text, err := yaml.Marshal(h)
	if err != nil {
		return err
	}
	return Replace(dir.HostFile(), text)
}

// Replace writes a file that is its owner's alone, so that after a crash the old text or
// the new one is there, whole.
func Replace(file string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
