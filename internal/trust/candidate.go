package trust

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

// Candidate is a host that has a key and wants a certificate.
type Candidate struct {
	data config.Dir
	name string
	key  crypto.Signer
}

// Prepare gives the host a key, or takes the one of an attempt before, so that a join whose
// answer was lost can be repeated. A host that has a certificate is errs.Conflict.
func Prepare(data config.Dir, name string) (c *Candidate, err error) {
	defer errs.Wrap(&err, "trust.Prepare")
	if err := CheckName(name); err != nil {
		return nil, err
	}
	dir := dirOf(data)
	if _, err := os.Stat(filepath.Join(dir, certFile)); err == nil {
		return nil, errs.New(errs.Conflict, "%s belongs to a host of a cluster already", data).
			WithCure("use another --data, or remove the host from its cluster and delete %s", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c = &Candidate{data: data, name: name}
	text, err := os.ReadFile(filepath.Join(dir, keyFile))
	switch {
	case err == nil:
		c.key, err = parseKey(text)
		return c, err
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if c.key, err = newKey(); err != nil {
		return nil, err
	}
	if text, err = encodeKey(c.key); err != nil {
		return nil, err
	}
	return c, config.Replace(filepath.Join(dir, keyFile), text)
}

// Request is the candidate's wish for a certificate.
func (c *Candidate) Request() ([]byte, error) { return request(c.key, c.name) }

// Prove signs data with the candidate's key; see Request.Verify, which takes its SHA-256.
func (c *Candidate) Prove(data []byte) ([]byte, error) {
	digest := sha256.Sum256(data)
	return c.key.Sign(rand.Reader, digest[:], crypto.SHA256)
}

// Secret is what the host will seal its files with.
func (c *Candidate) Secret() (Secret, error) { return secretOfKey(c.key) }

// Accept makes the candidate a host: the certificate is written last, so that a crash
// leaves a candidate or a host.
func (c *Candidate) Accept(authority, certificate []byte) (err error) {
	defer errs.Wrap(&err, "trust.Candidate.Accept")
	dir := dirOf(c.data)
	s := &seen{key: c.key}
	if s.authority, err = ParseCertificate(authority); err != nil {
		return err
	}
	leaf, err := ParseCertificate(certificate)
	if err != nil {
		return err
	}
	if err := s.accepts(leaf); err != nil {
		return err
	}
	if err := config.Replace(filepath.Join(dir, authorityFile), authority); err != nil {
		return err
	}
	return config.Replace(filepath.Join(dir, certFile), certificate)
}
