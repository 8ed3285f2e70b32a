package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/gateway"
)

// authority is a certificate authority that speaks as much of RFC 8555 as one host needs.
// It proves itself that the host is who asks, by TLS-ALPN-01. mu guards the rest.
type authority struct {
	*httptest.Server
	t    *testing.T
	root *x509.Certificate
	key  *ecdsa.PrivateKey
	host string
	door func() string // where the host's port 443 is

	mu     sync.Mutex
	status string // of order and authorization
	chain  []byte
	issued int
}

func newAuthority(t *testing.T, host string) *authority {
	a := &authority{t: t, host: host, status: "pending"}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.root, _ = x509.ParseCertificate(der)
	a.Server = httptest.NewTLSServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Replay-Nonce", rand.Text())
	var jws struct{ Payload string }
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&jws); err != nil {
			a.t.Error(err)
		}
	}
	payload, _ := base64.RawURLEncoding.DecodeString(jws.Payload)
	a.mu.Lock()
	defer a.mu.Unlock()
	order := map[string]any{"status": a.status, "identifiers": []any{map[string]string{"type": "dns", "value": a.host}},
		"authorizations": []string{a.URL + "/authz"}, "finalize": a.URL + "/finalize"}
	challenge := map[string]string{"type": "tls-alpn-01", "url": a.URL + "/challenge", "token": "the-token", "status": a.status}
	var answer any = order
	switch r.URL.Path {
	case "/directory":
		answer = map[string]string{"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/order"}
	case "/nonce":
		return
	case "/account":
		w.Header().Set("Location", a.URL+"/account/1")
		w.WriteHeader(http.StatusCreated)
		answer = map[string]string{"status": "valid"}
	case "/order":
		w.Header().Set("Location", a.URL+"/order/1")
		w.WriteHeader(http.StatusCreated)
	case "/order/1":
		if a.status == "valid" {
			order["status"] = "ready"
		}
	case "/authz":
		answer = map[string]any{"status": a.status, "identifier": map[string]string{"type": "dns", "value": a.host}, "challenges": []any{challenge}}
	case "/challenge":
		if err := a.ask(); err != nil {
			a.t.Errorf("the challenge: %v", err)
		} else {
			a.status = "valid"
		}
		answer = challenge
	case "/finalize":
		a.issue(payload)
		order["status"], order["certificate"] = "valid", a.URL+"/certificate"
		w.Header().Set("Location", a.URL+"/order/1")
	case "/certificate":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		w.Write(a.chain)
		return
	}
	json.NewEncoder(w).Encode(answer)
}

// ask is what RFC 8737 says: a handshake for the host with the protocol acme-tls/1 shows a
// certificate with the hash of what only the account's holder knows.
func (a *authority) ask() error {
	c, err := tls.Dial("tcp", a.door(), &tls.Config{ServerName: a.host, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		return fmt.Errorf("after the handshake: %v", err)
	}
	for _, e := range c.ConnectionState().PeerCertificates[0].Extensions {
		if e.Id.String() == "1.3.6.1.5.5.7.1.31" && len(e.Value) == 2+sha256.Size {
			return nil
		}
	}
	return fmt.Errorf("the certificate has no acmeIdentifier")
}

func (a *authority) issue(payload []byte) {
	var in struct{ CSR string }
	json.Unmarshal(payload, &in)
	raw, _ := base64.RawURLEncoding.DecodeString(in.CSR)
	csr, err := x509.ParseCertificateRequest(raw)
	if err != nil {
		a.t.Error(err)
		return
	}
	a.issued++
	leaf := &x509.Certificate{SerialNumber: big.NewInt(int64(a.issued) + 1), DNSNames: csr.DNSNames, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.root, csr.PublicKey, a.key)
	if err != nil {
		a.t.Error(err)
		return
	}
	a.chain = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})...)
}

func TestACMEGetsACertificateAndKeepsIt(t *testing.T) {
	const host = "app.example.org"
	a := newAuthority(t, host)
	s := serveHandler(t, echo)
	dir := t.TempDir()
	rootFile := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(rootFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	for range 2 { // the second finds it kept
		cfg := quiet(gateway.FrontRelay, s.URL)
		cfg.State = dir
		cfg.TLS = gateway.TLS{Listen: "127.0.0.1:0", ACME: gateway.ACME{Hosts: []string{host}, Directory: a.URL + "/directory", Root: rootFile}}
		g := newGateway(t, cfg)
		a.door = func() string {
			for g.TLSAddr() == nil { // it asks while it starts
				<-time.After(time.Millisecond)
			}
			return g.TLSAddr().String()
		}
		if err := g.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: host}}}
		eventually(t, func() bool {
			res, err := client.Get("https://" + g.TLSAddr().String() + "/x")
			if err != nil {
				return false
			}
			return readEcho(t, res).Host != ""
		})
		if _, err := tls.Dial("tcp", g.TLSAddr().String(), &tls.Config{ServerName: "other.example.org", InsecureSkipVerify: true}); err == nil {
			t.Error("a name that is not configured was served")
		}
		client.CloseIdleConnections()
		if err := g.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.issued != 1 {
		t.Errorf("%d certificates issued", a.issued)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "acme", host+"*")); len(files) == 0 || !strings.HasPrefix(filepath.Base(files[0]), host) {
		t.Errorf("kept: %v", files)
	}
}
