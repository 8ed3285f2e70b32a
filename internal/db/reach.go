package db

import (
	"cmp"
	"net"
	"net/url"
	"path/filepath"
	"strings"
)

// Reach is from where a database can be used by its address.
type Reach uint8

// The reaches.
const (
	FromAnywhere Reach = iota // as far as the address tells
	FromHere                  // the address is one of this machine to itself; another address might do for others
	FromFile                  // a file of this machine, which has no other address
)

// ReachOf says from where others can use the address of a database.
func ReachOf(dsn string) Reach {
	if scheme, _, _ := strings.Cut(dsn, ":"); dsn == "" || scheme == "sqlite" {
		return FromFile
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return FromAnywhere
	}
	host := cmp.Or(u.Query().Get("host"), u.Query().Get("socket"), u.Hostname())
	ip := net.ParseIP(host)
	if host == "" || host == "localhost" || strings.HasPrefix(host, "/") || ip != nil && ip.IsLoopback() {
		return FromHere
	}
	return FromAnywhere
}

// Address is the DSN as it means the same in every directory of this machine.
func (c Config) Address() (string, error) {
	if c.DSN == "" {
		c.DSN = "sqlite:" + filepath.Join(c.Dir, "paceline.db")
	}
	rest, file := strings.CutPrefix(c.DSN, "sqlite:")
	if !file {
		return c.DSN, nil
	}
	path, query, asked := strings.Cut(rest, "?")
	path, err := filepath.Abs(path)
	if asked {
		path += "?" + query
	}
	return "sqlite:" + path, err
}
