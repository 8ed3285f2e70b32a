package trust_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/trust"
	"github.com/paceline/paceline/internal/trust/trusttest"
)

// behind opens a door of the host, with an echo behind it.
func behind(t *testing.T, id *trust.Identity) (*trust.Door, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	door := trust.NewDoor(id)
	guarded := door.Guard(l)
	go func() {
		for {
			conn, err := guarded.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return door, l.Addr().String()
}

// Hosts of every kind come through the door and resume their handshakes; strangers do not, and
// who was revoked is put out and cannot resume what it had.
func TestTheDoor(t *testing.T) {
	c, other := trusttest.New(t), trusttest.New(t)
	server, gateway := c.Host("server", trust.Host), c.Host("gateway", trust.Host)
	door, address := behind(t, server)

	asGateway := gateway.PeerTLS()
	asGateway.ServerName = "server"
	first, err := dial(t, address, asGateway)
	must(t, err)
	second, err := dial(t, address, asGateway)
	must(t, err)
	if first.ConnectionState().DidResume || !second.ConnectionState().DidResume {
		t.Error("a second handshake is not a resumed one")
	}
	if booster, err := dial(t, address, c.Host("booster", trust.Booster).PeerTLS()); err != nil {
		t.Error(err)
	} else if err := say(booster); err != nil {
		t.Error(err)
	}
	expired := c.In(config.Dir(t.TempDir()), "old", trust.Host, -time.Minute)
	for name, cfg := range map[string]*tls.Config{
		"no certificate": {InsecureSkipVerify: true}, "another cluster": withoutDoubt(other.Host("gateway", trust.Host).PeerTLS()), "an expired one": withoutDoubt(expired.PeerTLS()),
	} {
		if _, err := dial(t, address, cfg); err == nil || trust.IsRefusal(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := gateway.PeerTLS()
	wrong.ServerName = "another"
	if _, err := dial(t, address, wrong); err == nil {
		t.Error("a host passes for another one")
	}

	must(t, server.Revoke([]string{trust.Serial(gateway.Certificate())}))
	door.Cut("gateway")
	for _, conn := range []*tls.Conn{first, second} {
		must(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		if _, err := conn.Read(make([]byte, 1)); err == nil || isLate(err) {
			t.Errorf("a removed host's connection: %v", err)
		}
	}
	again, err := tls.Dial("tcp", address, asGateway)
	must(t, err)
	defer again.Close()
	if _, err := again.Read(make([]byte, 1)); !trust.IsRefusal(err) {
		t.Errorf("a removed host resumes: %v", err)
	}
}

func isLate(err error) bool {
	late, ok := err.(net.Error)
	return ok && late.Timeout()
}
