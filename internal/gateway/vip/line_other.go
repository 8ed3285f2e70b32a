//go:build !linux

package vip

import (
	"net/netip"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// line is there on Linux only.
type line struct{ own mac }

func openLine(string, netip.Prefix) (*line, error) {
	return nil, errs.New(errs.Unsupported, "gateways share an address on Linux only").WithCure("leave vip out, and put a load balancer or several DNS records before the gateways")
}

func (*line) add(time.Duration) error { return nil }
func (*line) remove() error           { return nil }
func (*line) probe() error            { return nil }
func (*line) announce() error         { return nil }
func (*line) heard() rumour           { return rumour{} }
func (*line) close() error            { return nil }
