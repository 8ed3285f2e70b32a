package gateway_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/gateway"
)

// secureClient trusts everybody and speaks the given protocols.
func secureClient(t *testing.T, edit func(*http.Protocols)) *http.Client {
	var p http.Protocols
	edit(&p)
	tr := &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestTLSSpeaksBothVersionsAndRefusesTheSame(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		cfg := quiet(front, s.URL)
		cfg.Listen, cfg.TLS = "", gateway.TLS{Listen: "127.0.0.1:0", SelfSigned: true}
		w := start(t, cfg)
		if w.Addr() != nil {
			t.Error("a cleartext listener that nobody wanted")
		}
		base := "https://" + w.TLSAddr().String()
		for proto, edit := range map[string]func(*http.Protocols){
			"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
			"HTTP/2.0": func(p *http.Protocols) { p.SetHTTP2(true) },
		} {
			c := secureClient(t, edit)
			res, err := c.Post(base+"/x", "text/plain", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			if res.Proto != proto {
				t.Errorf("spoke %s", res.Proto)
			}
			e := readEcho(t, res)
			if e.Body != "body" || e.Header.Get("X-Forwarded-Proto") != "https" || !strings.HasPrefix(e.Header.Get("Idempotency-Key"), "gw-") {
				t.Errorf("%+v", e)
			}
			req, _ := http.NewRequest("GET", base+"/a", nil)
			req.URL.Opaque = "//" + w.TLSAddr().String() + "/a/%2e%2e/b"
			if res, err = c.Do(req); err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != 400 {
				t.Errorf("%s: a path with dots got %d", proto, res.StatusCode)
			}
		}
	})
}

func TestTLSIsAEADOnly(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		cfg := quiet(front, serveHandler(t, echo).URL)
		cfg.TLS = gateway.TLS{Listen: "127.0.0.1:0", SelfSigned: true}
		w := start(t, cfg)
		dial := func(c *tls.Config) error {
			c.InsecureSkipVerify = true
			conn, err := tls.Dial("tcp", w.TLSAddr().String(), c)
			if err == nil {
				conn.Close()
			}
			return err
		}
		for _, bad := range []*tls.Config{
			{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10},
			{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256}},
			{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
		} {
			if dial(bad) == nil {
				t.Errorf("%v was accepted", bad.CipherSuites)
			}
		}
		if err := dial(&tls.Config{MaxVersion: tls.VersionTLS12}); err != nil {
			t.Error(err)
		}
	})
}

// writeCert writes a certificate for the name.
func writeCert(t *testing.T, cert, key, name string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificateIsReadAgainWhenItChanges(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		dir := t.TempDir()
		cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
		writeCert(t, cert, key, "first")
		cfg := quiet(front, serveHandler(t, echo).URL)
		cfg.TLS = gateway.TLS{Listen: "127.0.0.1:0", Cert: cert, Key: key}
		w := start(t, cfg)
		name := func() string {
			c, err := tls.Dial("tcp", w.TLSAddr().String(), &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			return c.ConnectionState().PeerCertificates[0].Subject.CommonName
		}
		if got := name(); got != "first" {
			t.Fatal(got)
		}
		if err := os.WriteFile(key, []byte("rubbish"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := name(); got != "first" {
			t.Errorf("a broken file: %s", got)
		}
		writeCert(t, cert, key, "second")
		eventually(t, func() bool { return name() == "second" })
	})
}

func TestSelfSignedCertificateStays(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		cfg := quiet(front, s.URL)
		cfg.State, cfg.TLS = t.TempDir(), gateway.TLS{Listen: "127.0.0.1:0", SelfSigned: true}
		var first []byte
		for range 2 {
			w := start(t, cfg)
			c, err := tls.Dial("tcp", w.TLSAddr().String(), &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			der := c.ConnectionState().PeerCertificates[0].Raw
			c.Close()
			if first != nil && string(first) != string(der) {
				t.Error("made anew")
			}
			first = der
			if err := w.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestHTTP2WithoutTLSOnlyWhenWanted(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, echo)
		for _, wanted := range []bool{true, false} {
			cfg := quiet(front, s.URL)
			cfg.H2C = wanted
			w := start(t, cfg)
			res, err := secureClient(t, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }).Get(w.url + "/x")
			if (err == nil) != wanted {
				t.Errorf("h2c %v: %v", wanted, err)
			}
			if err == nil {
				if e := readEcho(t, res); res.ProtoMajor != 2 || e.Header.Get("X-Forwarded-Proto") != "http" {
					t.Errorf("%s %+v", res.Proto, e)
				}
			}
			if res, _ := w.do("GET", "/x", ""); res.StatusCode != 200 || res.ProtoMajor != 1 {
				t.Errorf("HTTP/1.1 beside it: %d", res.StatusCode)
			}
		}
	})
}

func TestHTTP2IsToldToGoWhenTheGatewayStops(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		arrived, release := make(chan struct{}, 8), make(chan struct{})
		s := serveHandler(t, func(w http.ResponseWriter, _ *http.Request) {
			arrived <- struct{}{}
			<-release
			io.WriteString(w, "done")
		})
		cfg := quiet(front, s.URL)
		cfg.TLS = gateway.TLS{Listen: "127.0.0.1:0", SelfSigned: true}
		w := start(t, cfg)
		c := secureClient(t, func(p *http.Protocols) { p.SetHTTP2(true) })
		got := make(chan string, 1)
		go func() {
			res, err := c.Get("https://" + w.TLSAddr().String() + "/x")
			if err != nil {
				got <- err.Error()
				return
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			got <- string(body)
		}()
		<-arrived
		stopped := make(chan error, 1)
		go func() { stopped <- w.Stop(context.Background()) }()
		eventually(t, func() bool { return w.TLSAddr() == nil })
		close(release)
		if text := <-got; text != "done" {
			t.Error(text)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

func TestHTTP2StreamBreaksWhenTheAnswerDoes(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		s := serveHandler(t, func(w http.ResponseWriter, _ *http.Request) {
			breakOff(w, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 300_000))
		})
		cfg := quiet(front, s.URL)
		cfg.TLS = gateway.TLS{Listen: "127.0.0.1:0", SelfSigned: true}
		w := start(t, cfg)
		res, err := secureClient(t, func(p *http.Protocols) { p.SetHTTP2(true) }).Get("https://" + w.TLSAddr().String() + "/x")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if n, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Errorf("%d bytes and no error", n)
		}
	})
}
