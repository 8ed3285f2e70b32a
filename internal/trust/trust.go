// Package trust says who belongs to a cluster: its certificate authority, the
// certificates of its hosts, and what is kept secret at rest.
//
// An Authority signs; whoever holds its key decides who belongs. An Identity is one host's
// own key and certificate, and makes the TLS configurations by which hosts know each other.
//
// What always holds:
//
//   - A private key never leaves the host that made it; what travels is a request to sign
//     (RFC 2986), which proves that its sender has the key.
//   - Hosts are known by the name in their certificate, wherever they connect from. Only
//     certificates of the cluster's own authority count, the system's do not.
//   - A renewed certificate and a longer list of revoked ones count for the next handshake,
//     without a restart. Connections that live are not touched: who revokes also cuts.
//   - Everything is TLS 1.3.
package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

// Kind is what a certificate lets its holder be; it is the OU of the subject.
type Kind string

// The kinds.
const (
	Booster Kind = "booster" // takes connections of hosts, and connects to other Boosters
	Host    Kind = "host"    // connects to Boosters
)

// How long certificates hold.
const (
	AuthorityLife = 20 * 365 * 24 * time.Hour
	Life          = 30 * 24 * time.Hour // of a host's; it renews itself after two thirds
	backdated     = 10 * time.Minute    // for clocks that are behind
)

// maxPEM bounds what is read as PEM, in bytes.
const maxPEM = 16 << 10

// CheckName says whether a host may be called so.
func CheckName(name string) error {
	if config.IsHostName(name) {
		return nil
	}
	return errs.New(errs.Invalid, "%.80q cannot be the name of a host", name).
		WithCure("use 1 to 63 small letters, digits and -, with no - at the ends; --name sets it")
}

// Fingerprint names a certificate: the SHA-256 of its DER form, in base64url.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Serial is a certificate's number as revocations name it, in hex.
func Serial(cert *x509.Certificate) string { return cert.SerialNumber.Text(16) }

// KeyOf names the public key of a certificate or of a request: the SHA-256 of its PKIX
// form, in base64url. It stays the same when a certificate is renewed.
func KeyOf(public any) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", errs.New(errs.Invalid, "the public key cannot be used: %w", err)
	}
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// ParseCertificate reads one certificate in PEM.
func ParseCertificate(text []byte) (*x509.Certificate, error) {
	der, err := decode(text, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errs.New(errs.Invalid, "the certificate cannot be read: %w", err)
	}
	return cert, nil
}

func decode(text []byte, kind string) ([]byte, error) {
	if len(text) > maxPEM {
		return nil, errs.New(errs.Invalid, "more than %d bytes are no %s", maxPEM, kind)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, errs.New(errs.Invalid, "this is no PEM block of type %s", kind)
	}
	return block.Bytes, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
