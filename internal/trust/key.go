package trust

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"

	"github.com/paceline/paceline/internal/errs"
)

func newKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func parseKey(text []byte) (crypto.Signer, error) {
	der, err := decode(text, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errs.New(errs.Invalid, "the private key cannot be read") // the cause might show parts of it
	}
	own, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errs.New(errs.Invalid, "the private key is not an ECDSA key")
	}
	return own, nil
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return encode("PRIVATE KEY", der), nil
}

// request makes a signing request in PEM for a host of this name.
func request(key crypto.Signer, name string) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		return nil, err
	}
	return encode("CERTIFICATE REQUEST", der), nil
}

// Secret seals texts at rest with AES-256-GCM. It never prints itself.
type Secret struct{ key []byte }

// secretSize is that of a secret in bytes.
const secretSize = 32

// NewSecret draws a secret.
func NewSecret() Secret {
	key := make([]byte, secretSize)
	rand.Read(key) // never fails
	return Secret{key}
}

// SecretOf makes the secret of what Bytes gave.
func SecretOf(key []byte) (Secret, error) {
	if len(key) != secretSize {
		return Secret{}, errs.New(errs.Invalid, "a secret has %d bytes, not %d", secretSize, len(key))
	}
	return Secret{key}, nil
}

// Bytes of the secret, to be sealed with another one.
func (s Secret) Bytes() []byte { return s.key }

// String hides the secret from logs.
func (s Secret) String() string { return "[redacted]" }

// GoString hides it too.
func (s Secret) GoString() string { return s.String() }

// Seal encrypts text for a purpose; only the same purpose opens it.
func (s Secret) Seal(purpose string, text []byte) ([]byte, error) {
	box, err := s.box()
	if err != nil {
		return nil, err
	}
	return box.Seal(nil, nil, text, []byte(purpose)), nil
}

// Open decrypts what Seal gave. What was changed, or sealed by another secret or for
// another purpose, is errs.Invalid.
func (s Secret) Open(purpose string, sealed []byte) ([]byte, error) {
	box, err := s.box()
	if err != nil {
		return nil, err
	}
	text, err := box.Open(nil, nil, sealed, []byte(purpose))
	if err != nil {
		return nil, errs.New(errs.Invalid, "%s cannot be unsealed: it was sealed with another key, or changed", purpose)
	}
	return text, nil
}

func (s Secret) box() (cipher.AEAD, error) {
	block, err := aes.NewCipher(s.key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// secretOfKey derives the secret that a host's files are sealed with from its private key.
func secretOfKey(key crypto.Signer) (Secret, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Secret{}, err
	}
	derived, err := hkdf.Key(sha256.New, der, nil, "paceline host secrets 1", secretSize)
	return Secret{derived}, err
}
