package vip

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paceline/paceline/internal/errs"
)

// line is one interface: the address on it, by netlink, and what stations of its network say
// about the address, by a packet socket.
type line struct {
	address netip.Addr
	index   int
	own     mac
	socket  *os.File
	ended   chan struct{} // closed when nobody listens any more

	mu   sync.Mutex
	word rumour
}

// openLine begins to listen. The interface must have its own address in the network, and
// the shared one must not be that.
func openLine(name string, network netip.Prefix) (*line, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, errs.New(errs.Invalid, "there is no interface %q: %w", name, err).WithCure("name it as `ip link` does, such as eth0")
	}
	if len(device.HardwareAddr) != len(mac{}) {
		return nil, errs.New(errs.Unsupported, "the interface %s is not an Ethernet", name).WithCure("name the interface that clients or their router are connected to")
	}
	if err := fits(device, network); err != nil {
		return nil, err
	}
	l := &line{address: network.Addr(), index: device.Index, own: mac(device.HardwareAddr), ended: make(chan struct{})}
	if l.socket, err = l.open(); err != nil {
		if errors.Is(err, unix.EPERM) {
			return nil, errs.New(errs.Denied, "this process may not open a packet socket: %w", err).WithCure("give it CAP_NET_RAW and CAP_NET_ADMIN")
		}
		return nil, err
	}
	go l.listen()
	return l, nil
}

// fits refuses an interface that has no place for the address. What we add is a host address,
// of full length: it makes no route, and an address of the host never depends on it.
func fits(device *net.Interface, network netip.Prefix) error {
	all, err := device.Addrs()
	if err != nil {
		return err
	}
	fits := false
	for _, a := range all {
		own, err := netip.ParsePrefix(a.String())
		switch {
		case err != nil || own.IsSingleIP():
		case own.Addr() == network.Addr():
			return errs.New(errs.Invalid, "%s is an address of this host itself", network.Addr()).WithCure("share an address that no host has")
		default:
			fits = fits || own.Masked() == network.Masked()
		}
	}
	if !fits {
		return errs.New(errs.Invalid, "%s has no address of its own in the network %s", device.Name, network.Masked()).
			WithCure("give it one, or write the shared address with the length of its network")
	}
	return nil
}

// open makes the packet socket. It hears nothing before its filter stands.
func (l *line) open() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	kind := uint16(etherARP)
	if l.address.Is6() {
		kind = etherIPv6
		err = l.narrow(fd)
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: kind<<8 | kind>>8, Ifindex: l.index}))
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "packets"), nil
}

// narrow lets solicitations and advertisements of neighbours through, and not all of IPv6;
// and the group in which other gateways probe.
func (l *line) narrow(fd int) error {
	const load, equal, end = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{
		{Code: load, K: 14 + 6}, // next header
		{Code: equal, K: icmpv6, Jf: 3},
		{Code: load, K: 14 + 40}, // type
		{Code: equal, K: ndpSolicit, Jt: 2},
		{Code: equal, K: ndpAdvertise, Jt: 1},
		{Code: end, K: 0},
		{Code: end, K: 128},
	}
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	if err != nil {
		return os.NewSyscallError("filter", err)
	}
	a := l.address.As16()
	group := unix.PacketMreq{Ifindex: int32(l.index), Type: unix.PACKET_MR_MULTICAST, Alen: 6, Address: [8]uint8{0x33, 0x33, 0xff, a[13], a[14], a[15]}}
	return os.NewSyscallError("join", unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &group))
}

// listen notes who else has the address, until the socket is closed. A probe counts when it
// comes from a station that goes before this one: of two that probe at once, one goes on.
func (l *line) listen() {
	defer close(l.ended)
	buf := make([]byte, 128)
	for {
		n, err := l.socket.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil { // the interface is down; it may come back
			time.Sleep(lookEvery)
			continue
		}
		by, probes, ok := claimed(buf[:n], l.address)
		if !ok || by == l.own || probes && !by.before(l.own) {
			continue
		}
		l.mu.Lock()
		l.word.wanted = time.Now()
		if !probes {
			l.word.had, l.word.by = l.word.wanted, by
		}
		l.mu.Unlock()
	}
}

// heard tells what other stations said last.
func (l *line) heard() rumour {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.word
}

func (l *line) probe() error    { return l.send(probeFrame(l.own, l.address)) }
func (l *line) announce() error { return l.send(announceFrame(l.own, l.address)) }

func (l *line) send(frame []byte) error {
	_, err := l.socket.Write(frame)
	return err
}

func (l *line) close() error {
	err := l.socket.Close()
	<-l.ended
	return err
}
