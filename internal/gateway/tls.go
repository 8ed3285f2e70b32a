package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// lookEvery is how often a handshake may look whether the certificate's files changed.
const lookEvery = time.Second

// certificates gives the certificate of the files as they are now. A new one that cannot
// be used is reported, and the old one stays. mu guards the fields below it.
type certificates struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	now    *tls.Certificate
	stamp  [2]time.Time
	looked time.Time
}

// newCertificates reads the files, or makes a certificate where none are named: kept in
// dir when there is one, so that it stays the same.
func newCertificates(cfg TLS, dir string, log *slog.Logger) (_ *certificates, err error) {
	defer errs.Wrap(&err, "TLS certificate")
	c := &certificates{cert: cfg.Cert, key: cfg.Key, log: log}
	if c.cert != "" {
		return c, c.load()
	}
	certPEM, keyPEM, err := selfSigned()
	if err != nil {
		return nil, err
	}
	if dir == "" {
		pair, err := tls.X509KeyPair(certPEM, keyPEM)
		c.now = &pair
		return c, err
	}
	c.cert, c.key = filepath.Join(dir, "self.crt"), filepath.Join(dir, "self.key")
	if c.load() == nil && time.Until(c.now.Leaf.NotAfter) > 30*24*time.Hour {
		return c, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := replaceFile(c.key, keyPEM); err != nil {
		return nil, err
	}
	if err := replaceFile(c.cert, certPEM); err != nil {
		return nil, err
	}
	return c, c.load()
}

func (c *certificates) load() error {
	stamp := [2]time.Time{changed(c.cert), changed(c.key)}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	c.stamp = stamp
	if err != nil {
		return err
	}
	c.now = &pair
	return nil
}

func changed(file string) time.Time {
	info, err := os.Stat(file)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// current is the certificate for the next handshake.
func (c *certificates) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.cert != "" && now.Sub(c.looked) >= lookEvery {
		c.looked = now
		if stamp := [2]time.Time{changed(c.cert), changed(c.key)}; stamp != c.stamp {
			if err := c.load(); err != nil {
				c.log.Error("the new TLS certificate cannot be used; the old one stays", "err", err)
			} else {
				c.log.Info("TLS certificate changed", "until", c.now.Leaf.NotAfter)
			}
		}
	}
	return c.now, nil
}

func (c *certificates) config() *tls.Config { return tlsConfig(c.current) }

// aead are ciphers with forward secrecy, for TLS 1.2; those of 1.3 all are.
var aead = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// tlsConfig takes TLS 1.2 and 1.3 with AEAD ciphers and forward secrecy only.
func tlsConfig(cert func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: cert, CipherSuites: aead}
}

// selfSigned makes a certificate for this host, good for a year.
func selfSigned() (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	now := time.Now()
	cert := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: host}, DNSNames: []string{host, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:   now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}
