//go:build !linux

// Package socket spares the scheduler's part of reading and writing TCP connections, where
// the system allows it. Here it does not.
package socket

import "net"

// Wrap gives c.
func Wrap(c net.Conn) net.Conn { return c }

// TCP gives what net knows: for what only net can do, such as moving bytes in the kernel.
func TCP(c net.Conn) *net.TCPConn {
	tcp, _ := c.(*net.TCPConn)
	return tcp
}
