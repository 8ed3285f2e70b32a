package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

// Identity is a host's place in the trust of its cluster: the files ca.pem, cert.pem, key.pem
// and revoked.json of its directory pki. What another process of the host writes there is
// seen at the next handshake. It is safe for concurrent use.
type Identity struct {
	dir string

	mu      sync.Mutex
	stamps  [4]stamp // of the files as they were read
	seen    *seen
	revoked map[string]bool // serials
}

// seen is what the files said; it is replaced, never changed.
type seen struct {
	authority *x509.Certificate
	pool      *x509.CertPool
	key       crypto.Signer
	leaf      *x509.Certificate
	tls       tls.Certificate // the chain to the authority, and the key
}

// stamp tells whether a file has changed.
type stamp struct {
	at   time.Time
	size int64
}

// The files.
const (
	authorityFile = "ca.pem"
	certFile      = "cert.pem"
	keyFile       = "key.pem"
	revokedFile   = "revoked.json"
)

// Open reads the identity of a host from its data directory. NotFound: it has none.
func Open(data config.Dir) (id *Identity, err error) {
	defer errs.Wrap(&err, "trust.Open")
	id = &Identity{dir: dirOf(data)}
	if _, err := os.Stat(filepath.Join(id.dir, certFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(errs.NotFound, "%s has no certificate: this machine is in no cluster", data).
			WithCure("make a cluster with paceline cluster init, or enter one with paceline join")
	}
	_, err = id.now()
	return id, err
}

func dirOf(data config.Dir) string { return filepath.Join(string(data), "pki") }

// Name of the host.
func (id *Identity) Name() string { return id.last().leaf.Subject.CommonName }

// Kind of the host.
func (id *Identity) Kind() Kind { return kindOf(id.last().leaf) }

// Cluster is the id of the cluster.
func (id *Identity) Cluster() string {
	if o := id.last().authority.Subject.Organization; len(o) == 1 {
		return o[0]
	}
	return ""
}

// Certificate is the host's own, as it is now.
func (id *Identity) Certificate() *x509.Certificate { return id.last().leaf }

// Secret is what the host seals its own files with. It stays when the certificate is renewed.
func (id *Identity) Secret() (Secret, error) { return secretOfKey(id.last().key) }

// Revoke replaces the list of serials that are refused from now on, also after a restart.
func (id *Identity) Revoke(serials []string) (err error) {
	defer errs.Wrap(&err, "trust.Identity.Revoke")
	serials = slices.Sorted(slices.Values(serials))
	text, err := json.Marshal(serials)
	if err != nil {
		return err
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	next := set(serials)
	if len(next) == len(id.revoked) && !slices.ContainsFunc(serials, func(s string) bool { return !id.revoked[s] }) {
		return nil
	}
	id.revoked = next // counts also if the file cannot be written
	return config.Replace(filepath.Join(id.dir, revokedFile), text)
}

// Request is a wish for a new certificate on the key that the host has.
func (id *Identity) Request() ([]byte, error) {
	s := id.last()
	return request(s.key, s.leaf.Subject.CommonName)
}

// Renewed puts a new certificate in the place of the old one, if it is for this host and
// of the same authority.
func (id *Identity) Renewed(certificate []byte) (err error) {
	defer errs.Wrap(&err, "trust.Identity.Renewed")
	s := id.last()
	leaf, err := ParseCertificate(certificate)
	if err != nil {
		return err
	}
	if err := s.accepts(leaf); err != nil {
		return err
	}
	if leaf.Subject.CommonName != s.leaf.Subject.CommonName {
		return errs.New(errs.Invalid, "the certificate is for %s and not for %s", leaf.Subject.CommonName, s.leaf.Subject.CommonName)
	}
	if err := config.Replace(filepath.Join(id.dir, certFile), certificate); err != nil {
		return err
	}
	_, err = id.now()
	return err
}

// DueAt is when the certificate is to be renewed: after two thirds of its life.
func (id *Identity) DueAt() time.Time {
	leaf := id.last().leaf
	return leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) * 2 / 3)
}

// accepts checks that a certificate is of the authority and for the key.
func (s *seen) accepts(leaf *x509.Certificate) error {
	public, ok := s.key.Public().(*ecdsa.PublicKey)
	if !ok || !public.Equal(leaf.PublicKey) {
		return errs.New(errs.Invalid, "the certificate is not for this host's key")
	}
	if err := leaf.CheckSignatureFrom(s.authority); err != nil {
		return errs.New(errs.Invalid, "the certificate is not of this cluster's authority: %w", err)
	}
	return CheckName(leaf.Subject.CommonName)
}

// last is what was read last.
func (id *Identity) last() *seen {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.seen
}

// now reads the files again if they have changed. Files that cannot be used, such as ones
// that are being replaced, leave what was read before.
func (id *Identity) now() (*seen, error) {
	id.mu.Lock()
	defer id.mu.Unlock()
	stamps := id.stampAll()
	if stamps == id.stamps && id.seen != nil {
		return id.seen, nil
	}
	s, revoked, err := read(id.dir)
	if err != nil {
		if id.seen != nil {
			return id.seen, nil
		}
		return nil, err
	}
	if stamps[3] != id.stamps[3] {
		id.revoked = revoked
	}
	id.seen, id.stamps = s, stamps
	return s, nil
}

func (id *Identity) stampAll() (all [4]stamp) {
	for i, name := range [...]string{authorityFile, certFile, keyFile, revokedFile} {
		if info, err := os.Stat(filepath.Join(id.dir, name)); err == nil {
			all[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return all
}

// read reads the files of an identity.
func read(dir string) (s *seen, revoked map[string]bool, err error) {
	texts := map[string][]byte{}
	for _, name := range []string{authorityFile, certFile, keyFile} {
		if texts[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, nil, err
		}
	}
	s = new(seen)
	if s.authority, err = ParseCertificate(texts[authorityFile]); err != nil {
		return nil, nil, err
	}
	if s.leaf, err = ParseCertificate(texts[certFile]); err != nil {
		return nil, nil, err
	}
	if s.key, err = parseKey(texts[keyFile]); err != nil {
		return nil, nil, err
	}
	if err := s.accepts(s.leaf); err != nil {
		return nil, nil, err
	}
	s.pool = x509.NewCertPool()
	s.pool.AddCert(s.authority)
	s.tls = tls.Certificate{Certificate: [][]byte{s.leaf.Raw, s.authority.Raw}, PrivateKey: s.key, Leaf: s.leaf}

	text, err := os.ReadFile(filepath.Join(dir, revokedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil, nil
	}
	var serials []string
	if err == nil {
		err = json.Unmarshal(text, &serials)
	}
	return s, set(serials), err
}

func set(all []string) map[string]bool {
	m := make(map[string]bool, len(all))
	for _, s := range all {
		m[s] = true
	}
	return m
}
