package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// newShim listens for a server that serves one connection after another: it answers a
// gateway's probes itself and passes every other connection on as it is.
func newShim(server string) (net.Listener, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go shim(c, server)
		}
	}()
	return ln, nil
}

func shim(c net.Conn, server string) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		first, err := in.Peek(len("GET /readyz "))
		if err != nil {
			return
		}
		if string(first) != "GET /readyz " {
			break
		}
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
	s, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer s.Close()
	go func() {
		_, _ = io.Copy(s, in)
		_ = s.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(c, s)
}
