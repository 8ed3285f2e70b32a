package vip

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// mac is a hardware address of Ethernet.
type mac [6]byte

// before orders stations, so that two of them agree which gives way.
func (m mac) before(other mac) bool { return bytes.Compare(m[:], other[:]) < 0 }

var broadcast = mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

const (
	etherARP  = 0x0806
	etherIPv6 = 0x86dd

	arpRequest, arpReply = 1, 2
	ndpSolicit           = 135 // neighbour solicitation, RFC 4861 section 4.3
	ndpAdvertise         = 136 // neighbour advertisement, RFC 4861 section 4.4
	icmpv6               = 58
)

// probeFrame asks who has an address, in nobody's name: so no cache learns from it.
func probeFrame(from mac, address netip.Addr) []byte {
	if address.Is4() {
		return arpFrame(from, netip.IPv4Unspecified(), address)
	}
	a := address.As16()
	group := [16]byte{0: 0xff, 1: 0x02, 11: 0x01, 12: 0xff, 13: a[13], 14: a[14], 15: a[15]} // solicited-node, RFC 4291 section 2.7.1
	body := append([]byte{ndpSolicit, 0, 0, 0, 0, 0, 0, 0}, a[:]...)
	return ndpFrame(from, netip.IPv6Unspecified(), netip.AddrFrom16(group), body)
}

// announceFrame says that an address is at this station, to all.
func announceFrame(from mac, address netip.Addr) []byte {
	if address.Is4() {
		return arpFrame(from, address, address)
	}
	const override = 0x20
	a := address.As16()
	body := append([]byte{ndpAdvertise, 0, 0, 0, override, 0, 0, 0}, a[:]...)
	body = append(append(body, 2, 1), from[:]...) // option: target link-layer address
	return ndpFrame(from, address, netip.MustParseAddr("ff02::1"), body)
}

// arpFrame is an ARP request to all.
func arpFrame(from mac, sender, target netip.Addr) []byte {
	f := ethernet(broadcast, from, etherARP)
	f = append(f, 0, 1, 8, 0, 6, 4, 0, arpRequest)
	f = append(append(f, from[:]...), sender.AsSlice()...)
	return append(append(f, 0, 0, 0, 0, 0, 0), target.AsSlice()...)
}

// ndpFrame is an ICMPv6 message to a multicast group of the link.
func ndpFrame(from mac, src, dst netip.Addr, body []byte) []byte {
	s, d := src.As16(), dst.As16()
	binary.BigEndian.PutUint16(body[2:], checksum(s, d, body))
	f := ethernet(mac{0x33, 0x33, d[12], d[13], d[14], d[15]}, from, etherIPv6) // RFC 2464 section 7
	f = append(f, 0x60, 0, 0, 0, 0, byte(len(body)), icmpv6, 255)
	return append(append(append(f, s[:]...), d[:]...), body...)
}

func ethernet(to, from mac, kind uint16) []byte {
	f := append(make([]byte, 0, 96), to[:]...)
	return binary.BigEndian.AppendUint16(append(f, from[:]...), kind)
}

// checksum of an ICMPv6 message with its pseudo header: RFC 8200 section 8.1.
func checksum(src, dst [16]byte, body []byte) uint16 {
	all := append(append(src[:], dst[:]...), 0, 0, 0, byte(len(body)), 0, 0, 0, icmpv6)
	all = append(all, body...)
	sum := uint32(0)
	for i := 0; i+1 < len(all); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(all[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// claimed reads a frame: whether another station says that it has the address, or probes for
// it before it takes it. All lengths are checked: anybody may send anything.
func claimed(frame []byte, address netip.Addr) (by mac, probes, ok bool) {
	if len(frame) < 14 {
		return by, false, false
	}
	by = mac(frame[6:12])
	kind, body := binary.BigEndian.Uint16(frame[12:]), frame[14:]
	switch {
	case kind == etherARP && address.Is4() && len(body) >= 28 && bytes.Equal(body[:6], []byte{0, 1, 8, 0, 6, 4}):
		want := address.As4()
		has := bytes.Equal(body[14:18], want[:])
		probes = binary.BigEndian.Uint16(body[6:]) == arpRequest && bytes.Equal(body[14:18], make([]byte, 4)) && bytes.Equal(body[24:28], want[:])
		return by, probes, has || probes
	case kind == etherIPv6 && !address.Is4() && len(body) >= 64 && body[6] == icmpv6 && body[7] == 255:
		want := address.As16()
		about := bytes.Equal(body[48:64], want[:])
		probes = body[40] == ndpSolicit && bytes.Equal(body[8:24], make([]byte, 16))
		return by, probes, about && (body[40] == ndpAdvertise || probes)
	}
	return by, false, false
}
