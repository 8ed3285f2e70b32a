package api

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"
)

func TestOnlyTrustedProxiesAreBelieved(t *testing.T) {
	p, err := parseProxies([]string{"10.0.0.0/24", "192.168.1.1", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ remote, forwarded, want string }{
		"no proxy":          {"203.0.113.9:4711", "", "203.0.113.9"},
		"a liar":            {"203.0.113.9:4711", "198.51.100.1", "203.0.113.9"},
		"a proxy":           {"10.0.0.7:80", "203.0.113.9", "203.0.113.9"},
		"a liar by a proxy": {"10.0.0.7:80", "198.51.100.1, 203.0.113.9", "203.0.113.9"},
		"two proxies":       {"10.0.0.7:80", "203.0.113.9, 192.168.1.1", "203.0.113.9"},
		"says nothing":      {"10.0.0.7:80", "", "10.0.0.7"},
		"nonsense":          {"10.0.0.7:80", "unknown", "10.0.0.7"},
		"IPv6":              {"[fd00::1]:80", "2001:db8::9", "2001:db8::9"},
		"mapped":            {"[::ffff:10.0.0.7]:80", "203.0.113.9", "203.0.113.9"},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: http.Header{}}
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := p.client(r); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	r := &http.Request{RemoteAddr: "203.0.113.9:4711", Header: http.Header{"X-Forwarded-For": {"198.51.100.2, 198.51.100.1"}}, TLS: &tls.ConnectionState{}}
	if got := p.client(r); got != "203.0.113.9" {
		t.Errorf("TLS without a certificate: %s", got)
	}
	r.TLS.PeerCertificates = []*x509.Certificate{{}}
	if got := p.client(r); got != "198.51.100.1" {
		t.Errorf("a host of the cluster: %s", got)
	}
	if _, err := parseProxies([]string{"the gateway"}); err == nil {
		t.Error("a name was taken for an address")
	}
}
