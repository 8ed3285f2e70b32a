//go:build !linux

package demo

import (
	"context"

	"github.com/paceline/paceline/internal/errs"
)

// Network is wires between hosts, which only Linux has.
type Network struct{}

// Outside is where this program is.
const Outside = "outside"

// NewNetwork says that there are none here.
func NewNetwork(context.Context) (*Network, error) {
	return nil, errs.New(errs.Unsupported, "hosts with a network of their own need the network namespaces of Linux")
}

func (*Network) add(context.Context, string) (space, address string, err error) { return "", "", nil }

// Address is nowhere.
func (*Network) Address(string) string { return "" }

// Cut does nothing.
func (*Network) Cut(context.Context, string, string) error { return nil }

// Isolate does nothing.
func (*Network) Isolate(context.Context, string) error { return nil }

// Heal does nothing.
func (*Network) Heal(context.Context) error { return nil }

// Close does nothing.
func (*Network) Close(context.Context) error { return nil }

func inSpace(_, program string, args []string) (string, []string) { return program, args }
