package trust_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/service/servicetest"
	"github.com/paceline/paceline/internal/trust"
	"github.com/paceline/paceline/internal/trust/trusttest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// echo answers with what it hears, to whom the configuration lets in.
func echo(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, address string, cfg *tls.Config) (*tls.Conn, error) {
	conn, err := tls.Dial("tcp", address, cfg)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, say(conn)
}

// say has a byte echoed: in TLS 1.3 a client learns that it was refused when it reads.
func say(conn *tls.Conn) error {
	if _, err := conn.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

// Only hosts of the cluster get in, whatever else they have; and a host talks to Boosters only.
func TestWhoTrustsWhom(t *testing.T) {
	c, other := trusttest.New(t), trusttest.New(t)
	booster, second, host := c.Host("booster", trust.Booster), c.Host("second", trust.Booster), c.Host("host", trust.Host)
	stranger, false_ := other.Host("host", trust.Host), other.Host("booster", trust.Booster)
	expired := c.In(config.Dir(t.TempDir()), "old", trust.Host, -time.Minute)
	bare := &tls.Config{InsecureSkipVerify: true}
	for name, k := range map[string]struct {
		server, client *tls.Config
		good           bool
	}{
		"a host at a Booster":            {booster.ServerTLS(), host.ClientTLS(), true},
		"a Booster at a Booster":         {booster.ServerTLS(), second.ClientTLS(), true},
		"between Boosters":               {booster.RouteTLS(), second.RouteTLS(), true},
		"no certificate":                 {booster.ServerTLS(), bare, false},
		"no certificate between":         {booster.RouteTLS(), bare, false},
		"another cluster's host":         {booster.ServerTLS(), withoutDoubt(stranger.ClientTLS()), false},
		"another cluster's Booster":      {false_.ServerTLS(), host.ClientTLS(), false},
		"an expired certificate":         {booster.ServerTLS(), expired.ClientTLS(), false},
		"a host between Boosters":        {booster.RouteTLS(), withoutDoubt(host.ClientTLS()), false},
		"a host that plays the Booster":  {host.ServerTLS(), second.ClientTLS(), false},
		"an older TLS":                   {booster.ServerTLS(), older(host.ClientTLS()), false},
		"one's own name, another's word": {false_.ServerTLS(), second.RouteTLS(), false},
	} {
		if _, err := dial(t, echo(t, k.server), k.client); (err == nil) != k.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// withoutDoubt has a client accept everybody, so that the server's word counts.
func withoutDoubt(c *tls.Config) *tls.Config {
	c.VerifyConnection = nil
	return c
}

func older(c *tls.Config) *tls.Config {
	c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	return c
}

// A certificate is renewed while connections live: they go on, and the next handshake shows
// the new one, on both ends and without a restart.
func TestRenewalWhileConnectionsLive(t *testing.T) {
	c := trusttest.New(t)
	data := config.Dir(t.TempDir())
	booster := c.In(data, "booster", trust.Booster, 90*time.Second) // backdated, so two thirds are over
	host := c.Host("host", trust.Host)
	address := echo(t, booster.ServerTLS())
	first, err := dial(t, address, host.ClientTLS())
	must(t, err)
	before := trust.Serial(first.ConnectionState().PeerCertificates[0])

	id, err := trust.Open(data) // another process of the host renews
	must(t, err)
	secret, err := id.Secret()
	must(t, err)
	sealed, err := secret.Seal("test", []byte("kept"))
	must(t, err)
	renewed := make(chan bool, 1)
	r := trust.NewRenewal(id, 10*time.Millisecond, func(_ context.Context, request []byte) ([]byte, error) {
		defer func() { renewed <- true }()
		return c.Sign(request, trust.Booster, trust.Life), nil
	}, time.Now, slog.New(slog.DiscardHandler))
	must(t, r.Start(t.Context()))
	<-renewed
	for end := time.Now().Add(10 * time.Second); time.Until(id.DueAt()) < time.Hour && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	must(t, r.Stop(t.Context()))

	must(t, say(first))
	second, err := dial(t, address, host.ClientTLS())
	must(t, err)
	if after := trust.Serial(second.ConnectionState().PeerCertificates[0]); after == before || after != trust.Serial(id.Certificate()) {
		t.Errorf("the certificate shown is %s, was %s", after, before)
	}
	if secret, err = id.Secret(); err == nil {
		_, err = secret.Open("test", sealed)
	}
	must(t, err) // what was sealed before can be opened
}

// Who is revoked is refused from the next handshake on, by either end and after a restart.
func TestRevoked(t *testing.T) {
	c := trusttest.New(t)
	data := config.Dir(t.TempDir())
	booster := c.In(data, "booster", trust.Booster, trust.Life)
	host, good := c.Host("host", trust.Host), c.Host("good", trust.Host)
	address := echo(t, booster.ServerTLS())
	_, err := dial(t, address, host.ClientTLS())
	must(t, err)
	must(t, booster.Revoke([]string{trust.Serial(host.Certificate())}))
	again, err := trust.Open(data)
	must(t, err)
	for _, address := range []string{address, echo(t, again.ServerTLS())} {
		if _, err := dial(t, address, host.ClientTLS()); err == nil {
			t.Error("a revoked host gets in")
		}
		_, err = dial(t, address, good.ClientTLS())
		must(t, err)
	}
	must(t, host.Revoke([]string{trust.Serial(booster.Certificate())}))
	if _, err := dial(t, echo(t, again.ServerTLS()), host.ClientTLS()); !errs.Is(err, errs.Denied) {
		t.Errorf("a host talks to a revoked Booster: %v", err)
	}
	must(t, booster.Revoke(nil))
	if _, err := dial(t, address, good.ClientTLS()); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotRenewedInto(t *testing.T) {
	c, other := trusttest.New(t), trusttest.New(t)
	id, second := c.Host("one", trust.Host), c.Host("two", trust.Host)
	own, err := id.Request()
	must(t, err)
	foreign, err := second.Request()
	must(t, err)
	before := trust.Serial(id.Certificate())
	for name, text := range map[string][]byte{
		"another host's":    c.Sign(foreign, trust.Host, trust.Life),
		"another cluster's": other.Sign(own, trust.Host, trust.Life),
		"nothing":           nil,
		"too much":          make([]byte, 1<<20),
	} {
		if err := id.Renewed(text); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if trust.Serial(id.Certificate()) != before {
		t.Error("the certificate has changed")
	}
}

func TestRequests(t *testing.T) {
	candidate, err := trust.Prepare(config.Dir(t.TempDir()), "host")
	must(t, err)
	text, err := candidate.Request()
	must(t, err)
	r, err := trust.ParseRequest(text)
	must(t, err)
	proof, err := candidate.Prove([]byte("this"))
	must(t, err)
	for data, good := range map[string]bool{"this": true, "that": false} {
		if digest := sha256.Sum256([]byte(data)); r.Verify(digest[:], proof) != good {
			t.Errorf("%s: verified: %v", data, !good)
		}
	}
	damaged := []byte(strings.Replace(string(text), "A", "B", 1))
	if _, err := trust.ParseRequest(damaged); !errs.Is(err, errs.Invalid) {
		t.Errorf("a damaged request: %v", err)
	}
	for _, name := range []string{"", "-a", "A", "a.b", "a/b", "*", strings.Repeat("a", 64)} {
		if err := trust.CheckName(name); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestSeals(t *testing.T) {
	a, b := trust.NewSecret(), trust.NewSecret()
	sealed, err := a.Seal("one", []byte("text"))
	must(t, err)
	if text, err := a.Open("one", sealed); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	changed := append([]byte(nil), sealed...)
	changed[len(changed)/2] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another secret":  func() ([]byte, error) { return b.Open("one", sealed) },
		"another purpose": func() ([]byte, error) { return a.Open("two", sealed) },
		"changed":         func() ([]byte, error) { return a.Open("one", changed) },
		"empty":           func() ([]byte, error) { return a.Open("one", nil) },
	} {
		if _, err := open(); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s", a, a, a, a); strings.Contains(text, string(a.Bytes())) || !strings.Contains(text, "redacted") {
		t.Errorf("a secret prints as %q", text)
	}
}

// The files are their owner's alone, and a crash before the last of them leaves a candidate.
func TestFiles(t *testing.T) {
	data := config.Dir(t.TempDir())
	if _, err := trust.Open(data); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
	_, err := trust.Prepare(data, "host")
	must(t, err)
	if _, err := trust.Open(data); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
	trusttest.New(t).In(data, "host", trust.Host, trust.Life)
	for _, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
		info, err := os.Stat(filepath.Join(string(data), "pki", name))
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %s", name, info.Mode())
		}
	}
	if _, err := trust.Prepare(data, "host"); !errs.Is(err, errs.Conflict) {
		t.Error(err)
	}
}

func TestRenewalIsAService(t *testing.T) {
	id := trusttest.New(t).Host("host", trust.Host)
	servicetest.Stress(t, trust.NewRenewal(id, time.Millisecond, nil, time.Now, slog.New(slog.DiscardHandler)))
}
