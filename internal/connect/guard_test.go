package connect

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestAddressesThatAreRefused(t *testing.T) {
	open, err := newGuard(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "0.1.2.3", // this machine
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1", // private
		"169.254.1.1", "fe80::1", "fe80::1%eth0", // link-local
		"169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", // metadata
		"100.64.0.1", "100.127.255.255", // carriers' NAT
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "::7f00:1", "2002:7f00:1::", // wrapped
		"224.0.0.1", "239.1.1.1", "255.255.255.255", "ff02::1", "240.0.0.1", "198.18.0.1", "192.0.2.1", "2001:db8::1", "fec0::1", "2001::1",
	} {
		if open.reaches(plainAddr(netip.MustParseAddr(text))) {
			t.Errorf("%s is reached", text)
		}
	}
	for _, text := range []string{"1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"} {
		if !open.reaches(plainAddr(netip.MustParseAddr(text))) {
			t.Errorf("%s is not reached", text)
		}
	}
}

func TestWhatTheConfigurationAllows(t *testing.T) {
	g, err := newGuard([]string{"10.1.0.0/16", "192.168.1.20", "169.254.0.0/16", "0.0.0.0/0"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "192.168.1.20": true, "169.254.1.1": true,
		"169.254.169.254": false, // only by its own name
		"fd00::1":         false,
	} {
		if got := g.reaches(plainAddr(netip.MustParseAddr(text))); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	g, err = newGuard([]string{"169.254.169.254"})
	if err != nil || !g.reaches(metadata[0]) {
		t.Errorf("the metadata address is refused although it is named: %v", err)
	}
}

// The guard stands at the connection, so a name that points inside is refused as the address is,
// and so is a service that redirects there.
func TestConnectionsAreGuarded(t *testing.T) {
	called := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	c, err := New(Config{}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, url := range []string{server.URL, "http://localhost:" + port, "http://127.1.2.3:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://0.0.0.0:" + port} {
		_, err := c.do(t, job("http", fixed{"url": url}, nil, nil))
		if !permanent(err) || !strings.Contains(err.Error(), "not public") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if called {
		t.Error("the server was reached")
	}
}
