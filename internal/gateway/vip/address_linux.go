package vip

import (
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paceline/paceline/internal/errs"
)

// add puts the address on the interface for some whole seconds, or gives it as many again.
// It is never chosen as the source of this host's own connections over IPv6, as it is
// deprecated from the start (RFC 6724 section 5), and it is not probed for by the kernel: we
// did that.
func (l *line) add(life time.Duration) error {
	cache := make([]byte, 16) // struct ifa_cacheinfo: preferred, valid, two stamps
	binary.NativeEndian.PutUint32(cache[4:], uint32(life/time.Second))
	flags := binary.NativeEndian.AppendUint32(nil, unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE)
	err := l.change(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, attribute(unix.IFA_CACHEINFO, cache), attribute(unix.IFA_FLAGS, flags))
	if errors.Is(err, unix.EPERM) {
		return errs.New(errs.Denied, "this process may not change addresses: %w", err).WithCure("give it CAP_NET_ADMIN")
	}
	return err
}

// remove takes the address from the interface, if it is there.
func (l *line) remove() error {
	err := l.change(unix.RTM_DELADDR, 0)
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	if errors.Is(err, unix.EPERM) {
		return errs.New(errs.Denied, "this process may not change addresses: %w", err).WithCure("give it CAP_NET_ADMIN")
	}
	return err
}

// change sends one request about the address to the kernel and waits for its word: see
// rtnetlink(7).
func (l *line) change(kind, flags uint16, attributes ...[]byte) error {
	ip := l.address.AsSlice()
	family := byte(unix.AF_INET)
	if l.address.Is6() {
		family = unix.AF_INET6
	}
	body := []byte{family, byte(8 * len(ip)), 0, unix.RT_SCOPE_UNIVERSE} // struct ifaddrmsg
	body = binary.NativeEndian.AppendUint32(body, uint32(l.index))
	body = append(append(body, attribute(unix.IFA_LOCAL, ip)...), attribute(unix.IFA_ADDRESS, ip)...)
	for _, a := range attributes {
		body = append(body, a...)
	}
	message := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	message = binary.NativeEndian.AppendUint16(message, kind)
	message = binary.NativeEndian.AppendUint16(message, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	message = append(append(message, make([]byte, 8)...), body...) // sequence and port: the kernel fills them in
	return tell(message)
}

// attribute is one attribute of a netlink message; all of ours are multiples of 4 bytes.
func attribute(kind uint16, value []byte) []byte {
	a := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(value)))
	return append(binary.NativeEndian.AppendUint16(a, kind), value...)
}

// tell sends a message over netlink and gives the error that the kernel answers with.
func tell(message []byte) (err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	wait := unix.NsecToTimeval(int64(time.Second))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("send", err)
	}
	buf := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return os.NewSyscallError("receive", err)
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(buf[4:]) != unix.NLMSG_ERROR {
		return errs.New(errs.Internal, "the kernel's answer about an address cannot be read")
	}
	if code := int32(binary.NativeEndian.Uint32(buf[unix.SizeofNlMsghdr:])); code != 0 {
		return os.NewSyscallError("netlink", unix.Errno(-code))
	}
	return nil
}
