//go:build !unix

package upstream

import "net"

// stillOpen cannot tell here; a request that meets a closed connection is repeated.
func stillOpen(net.Conn) bool { return true }
