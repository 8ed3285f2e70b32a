package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

// Authority is the certificate authority of one cluster, with its key.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// NewAuthority makes the authority of a cluster, which is named by its id.
func NewAuthority(cluster string, now time.Time) (a *Authority, err error) {
	defer errs.Wrap(&err, "trust.NewAuthority")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	form := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Paceline cluster", Organization: []string{cluster}},
		NotBefore:    now.Add(-backdated), NotAfter: now.Add(AuthorityLife),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{cert, key}, err
}

// ParseAuthority reads what Certificate and Key gave.
func ParseAuthority(certificate, key []byte) (a *Authority, err error) {
	defer errs.Wrap(&err, "trust.ParseAuthority")
	cert, err := ParseCertificate(certificate)
	if err != nil {
		return nil, err
	}
	signer, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	if public, ok := signer.Public().(*ecdsa.PublicKey); !ok || !public.Equal(cert.PublicKey) || !cert.IsCA {
		return nil, errs.New(errs.Invalid, "the key of the cluster's authority does not belong to its certificate")
	}
	return &Authority{cert, signer}, nil
}

// Certificate of the authority in PEM; it is no secret.
func (a *Authority) Certificate() []byte { return encode("CERTIFICATE", a.cert.Raw) }

// Fingerprint of the authority's certificate.
func (a *Authority) Fingerprint() string { return Fingerprint(a.cert) }

// Key of the authority in PEM. Who has it can let anybody in.
func (a *Authority) Key() ([]byte, error) { return encodeKey(a.key) }

// Request is a host's wish for a certificate, whose signature has been checked: the sender
// has the private key.
type Request struct {
	Name string // that the host gives itself
	Key  string // of the public key; see KeyOf
	form *x509.CertificateRequest
}

// ParseRequest reads a certificate signing request in PEM and checks its signature. Only
// the name and the key of it are heeded.
func ParseRequest(text []byte) (r Request, err error) {
	der, err := decode(text, "CERTIFICATE REQUEST")
	if err != nil {
		return r, err
	}
	form, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return r, errs.New(errs.Invalid, "the request for a certificate cannot be read: %w", err)
	}
	if err := form.CheckSignature(); err != nil {
		return r, errs.New(errs.Invalid, "the request for a certificate is not signed by its own key: %w", err)
	}
	if public, ok := form.PublicKey.(*ecdsa.PublicKey); !ok || public.Curve != elliptic.P256() {
		return r, errs.New(errs.Invalid, "a host's key is ECDSA on P-256")
	}
	r = Request{Name: form.Subject.CommonName, form: form}
	if err := CheckName(r.Name); err != nil {
		return r, err
	}
	r.Key, err = KeyOf(form.PublicKey)
	return r, err
}

// Verify checks a signature that the requester's private key made over a SHA-256 digest.
func (r Request) Verify(digest, signature []byte) bool {
	public, ok := r.form.PublicKey.(*ecdsa.PublicKey)
	return ok && ecdsa.VerifyASN1(public, digest, signature)
}

// Issue signs a certificate for the host that asks, good for life from now.
func (a *Authority) Issue(r Request, kind Kind, now time.Time, life time.Duration) (text []byte, cert *x509.Certificate, err error) {
	defer errs.Wrap(&err, "trust.Authority.Issue")
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	form := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: r.Name, OrganizationalUnit: []string{string(kind)}, Organization: a.cert.Subject.Organization},
		NotBefore:    now.Add(-backdated), NotAfter: now.Add(life),
		DNSNames:    []string{r.Name}, // for other programs, such as curl; hosts go by the subject
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, form, a.cert, r.form.PublicKey, a.key)
	if err != nil {
		return nil, nil, err
	}
	cert, err = x509.ParseCertificate(der)
	return encode("CERTIFICATE", der), cert, err
}

// newSerial draws 127 bits.
func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}
