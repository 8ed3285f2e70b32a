package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/paceline/paceline/internal/errs"
)

// Network is wires between the hosts of a cluster on one machine: each host is in a network
// namespace of its own, one more namespace is the router between them, and can be told to
// drop what goes between two of them. The machine's own rules stay as they are.
type Network struct {
	prefix string // of the namespaces' names
	base   string // of the addresses: their first two bytes
	hosts  map[string]string
}

// Outside is where this program and what it starts outside of hosts is, as a database.
const Outside = "outside"

// spaces are the names of a process's namespaces.
const spaces = "paceline-"

// NewNetwork makes a network without hosts. Unsupported: this program may not, or lacks the
// means. What a crashed program left is removed.
func NewNetwork(ctx context.Context) (n *Network, err error) {
	defer errs.Wrap(&err, "demo.NewNetwork")
	for _, program := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, errs.New(errs.Unsupported, "%v", err).WithCure("install the packages iproute2 and nftables")
		}
	}
	if err := clearSpaces(ctx); err != nil {
		return nil, err
	}
	n = &Network{prefix: spaces + strconv.Itoa(os.Getpid()), hosts: map[string]string{}}
	if n.base, err = freeNetwork(); err != nil {
		return nil, err
	}
	if err := n.makeRouter(ctx); err != nil {
		return nil, errors.Join(errs.New(errs.Unsupported, "this system does not let a network be made: %w", err).WithCure("run as root"), n.Close(ctx))
	}
	return n, nil
}

// makeRouter makes the router and the wire from it to the outside.
func (n *Network) makeRouter(ctx context.Context) error {
	router, wire := n.space("router"), "pl"+strconv.Itoa(os.Getpid())
	n.hosts[Outside] = n.base + ".0.1"
	const rules = `table inet cuts {
	set pairs { type ipv4_addr . ipv4_addr; }
	set alone { type ipv4_addr; }
	chain forward {
		type filter hook forward priority 0;
		ip saddr . ip daddr @pairs drop
		ip saddr @alone drop
		ip daddr @alone drop
	}
}`
	return doAll(ctx,
		"ip netns add "+router,
		"ip link add "+wire+" type veth peer name outside netns "+router,
		"ip address add "+n.base+".0.1/30 dev "+wire,
		"ip link set "+wire+" up",
		"ip -n "+router+" address add "+n.base+".0.2/30 dev outside",
		"ip -n "+router+" link set outside up",
		"ip route add "+n.base+".0.0/16 via "+n.base+".0.2",
		"ip netns exec "+router+" sysctl -q -w net.ipv4.ip_forward=1",
		"ip netns exec "+router+" nft "+rules,
	)
}

// add wires one more host; it gives the name of its namespace and its address.
func (n *Network) add(ctx context.Context, host string) (space, address string, err error) {
	router, space, wire := n.space("router"), n.space(host), fmt.Sprint("host", len(n.hosts))
	net := n.base + "." + strconv.Itoa(len(n.hosts))
	n.hosts[host] = net + ".2"
	return space, net + ".2", doAll(ctx,
		"ip netns add "+space,
		"ip -n "+space+" link set lo up",
		"ip -n "+space+" link add eth0 type veth peer name "+wire+" netns "+router,
		"ip -n "+space+" address add "+net+".2/30 dev eth0",
		"ip -n "+space+" link set eth0 up",
		"ip -n "+router+" address add "+net+".1/30 dev "+wire,
		"ip -n "+router+" link set "+wire+" up",
		"ip -n "+space+" route add default via "+net+".1",
	)
}

// Address is where a host is, or the outside for the hosts.
func (n *Network) Address(host string) string { return n.hosts[host] }

// Cut drops all that goes between two hosts, in both directions, without telling them.
func (n *Network) Cut(ctx context.Context, a, b string) error {
	return n.rule(ctx, fmt.Sprintf("add element inet cuts pairs { %[1]s . %[2]s, %[2]s . %[1]s }", n.hosts[a], n.hosts[b]))
}

// Isolate drops all that goes to and from a host.
func (n *Network) Isolate(ctx context.Context, host string) error {
	return n.rule(ctx, "add element inet cuts alone { "+n.hosts[host]+" }")
}

// Heal takes back every cut.
func (n *Network) Heal(ctx context.Context) error {
	return n.rule(ctx, "flush set inet cuts pairs; flush set inet cuts alone")
}

func (n *Network) rule(ctx context.Context, text string) error {
	return do(ctx, "ip netns exec "+n.space("router")+" nft "+text)
}

// Close removes the network; the processes of its hosts have to have ended.
func (n *Network) Close(ctx context.Context) error {
	return removeSpaces(context.WithoutCancel(ctx), n.prefix+"-*")
}

func (n *Network) space(host string) string { return n.prefix + "-" + host }

// clearSpaces removes the namespaces of programs that have died.
func clearSpaces(ctx context.Context) error {
	left, err := filepath.Glob("/run/netns/" + spaces + "[0-9]*")
	if err != nil {
		return err
	}
	for _, path := range left {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), spaces), "-")
		if pid, err := strconv.Atoi(owner); err == nil && syscall.Kill(pid, 0) != nil {
			if err := do(ctx, "ip netns delete "+filepath.Base(path)); err != nil {
				return err
			}
		}
	}
	return nil
}

func removeSpaces(ctx context.Context, pattern string) error {
	all, err := filepath.Glob("/run/netns/" + pattern)
	for _, path := range all {
		err = errors.Join(err, do(ctx, "ip netns delete "+filepath.Base(path)))
	}
	return err
}

// freeNetwork finds a network of 10.0.0.0/8 that this machine has no address in.
func freeNetwork() (string, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for second := 213; second > 0; second-- {
		base := fmt.Sprintf("10.%d", second)
		_, wanted, err := net.ParseCIDR(base + ".0.0/16")
		if err != nil {
			return "", err
		}
		taken := false
		for _, a := range addresses {
			has, ok := a.(*net.IPNet)
			taken = taken || ok && (wanted.Contains(has.IP) || has.Contains(wanted.IP))
		}
		if !taken {
			return base, nil
		}
	}
	return "", errs.New(errs.Exhausted, "all of 10.0.0.0/8 is in use on this machine")
}

func doAll(ctx context.Context, commands ...string) error {
	for _, command := range commands {
		if err := do(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

// do runs a command of words without blanks; what nft is told is one word.
func do(ctx context.Context, command string) error {
	var args []string
	if before, rules, ok := strings.Cut(command, " nft "); ok {
		args = append(strings.Fields(before), "nft", rules)
	} else {
		args = strings.Fields(command)
	}
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// inSpace is the command that runs a program in a namespace, as the same process.
func inSpace(space, program string, args []string) (string, []string) {
	return "ip", append([]string{"netns", "exec", space, program}, args...)
}
