package trust

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	"github.com/paceline/paceline/internal/errs"
)

// ServerTLS is for what is offered to hosts: a caller has to have a certificate of the
// cluster that is not revoked.
func (id *Identity) ServerTLS() *tls.Config { return id.mutual(Booster, Host) }

// ClientTLS is for calling a Booster: the other end has to have a Booster's certificate.
// Addresses are not looked at.
func (id *Identity) ClientTLS() *tls.Config { return id.mutual(Booster) }

// RouteTLS is for both ends of connections between Boosters.
func (id *Identity) RouteTLS() *tls.Config { return id.mutual(Booster) }

// PeerTLS is for calling any host of the cluster. ServerName, where a copy of it has one, is
// the name of the host that has to be at the other end. Handshakes are resumed where the
// other end allows it, and are checked all the same.
func (id *Identity) PeerTLS() *tls.Config {
	c := id.mutual(Booster, Host)
	c.SessionTicketsDisabled, c.ClientSessionCache = false, tls.NewLRUClientSessionCache(0)
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if err := id.check(state, []Kind{Booster, Host}); err != nil {
			return err
		}
		if name := state.PeerCertificates[0].Subject.CommonName; state.ServerName != "" && name != state.ServerName {
			return errs.New(errs.Denied, "the host %s answers there, and not %s", name, state.ServerName)
		}
		return nil
	}
	return c
}

// OpenTLS is for callers who have no certificate yet: they see who answers, and prove by
// other means that they may ask.
func (id *Identity) OpenTLS(protocol string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{protocol}, SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return id.certificate() },
	}
}

// Peer tells who is at the other end of a connection that one of our configurations made.
func Peer(state tls.ConnectionState) (name string, kind Kind, err error) {
	if len(state.PeerCertificates) == 0 {
		return "", "", errs.New(errs.Unauthenticated, "the other end has shown no certificate")
	}
	leaf := state.PeerCertificates[0]
	return leaf.Subject.CommonName, kindOf(leaf), nil
}

// mutual makes a configuration for either end, where the other one has to be of one of the
// kinds.
func (id *Identity) mutual(kinds ...Kind) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return id.certificate() },
		GetClientCertificate:   func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return id.certificate() },
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              id.last().pool,
		RootCAs:                id.last().pool,
		// Hosts are known by the name in their certificate, not by the address at which
		// they are reached; what the library leaves out is done in check.
		InsecureSkipVerify: true,
		VerifyConnection:   func(state tls.ConnectionState) error { return id.check(state, kinds) },
	}
}

func (id *Identity) certificate() (*tls.Certificate, error) {
	s, err := id.now()
	if err != nil {
		return nil, err
	}
	return &s.tls, nil
}

// check decides about the other end of a handshake.
func (id *Identity) check(state tls.ConnectionState, kinds []Kind) error {
	s, err := id.now()
	if err != nil {
		return err
	}
	if len(state.PeerCertificates) == 0 {
		return errs.New(errs.Unauthenticated, "the other end has shown no certificate")
	}
	leaf := state.PeerCertificates[0]
	if err := verify(leaf, s.pool); err != nil {
		return err
	}
	if id.isRevoked(leaf) {
		return errs.New(errs.Denied, "the certificate of %s is revoked", leaf.Subject.CommonName).
			WithCure("the host was removed from the cluster; let it join again with a new token")
	}
	for _, kind := range kinds {
		if kindOf(leaf) == kind {
			return nil
		}
	}
	return errs.New(errs.Denied, "the certificate of %s is for a %s, which may not do this", leaf.Subject.CommonName, kindOf(leaf))
}

// IsRefusal says whether a handshake failed as the other end, which was found to be of the
// cluster, holds our certificate for revoked. An expired one, a wrong clock and a foreign
// authority are told apart by their alerts (RFC 8446 section 6.2).
func IsRefusal(err error) bool {
	return err != nil && strings.HasSuffix(err.Error(), "remote error: tls: bad certificate")
}

func verify(leaf *x509.Certificate, pool *x509.CertPool) error {
	_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return errs.New(errs.Unauthenticated, "the certificate of %.80q is not good in this cluster: %w", leaf.Subject.CommonName, err).
			WithCure("look whether it is of this cluster, and whether the clocks of both machines agree")
	}
	return nil
}

func (id *Identity) isRevoked(leaf *x509.Certificate) bool {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.revoked[Serial(leaf)]
}

func kindOf(leaf *x509.Certificate) Kind {
	if ou := leaf.Subject.OrganizationalUnit; len(ou) == 1 {
		return Kind(ou[0])
	}
	return ""
}

// CheckBooster decides for a machine that has no certificate yet whether the other end is a
// Booster of the cluster whose authority has the fingerprint. Revocations it cannot know.
func CheckBooster(chain []*x509.Certificate, fingerprint string) error {
	for _, authority := range chain {
		if Fingerprint(authority) != fingerprint || !authority.IsCA {
			continue
		}
		pool := x509.NewCertPool()
		pool.AddCert(authority)
		if err := verify(chain[0], pool); err != nil {
			return err
		}
		if kindOf(chain[0]) == Booster {
			return nil
		}
	}
	return errs.New(errs.Denied, "what answers there is not a Booster of the cluster that the token is for").
		WithCure("look at the address and the token; if both are right, somebody is between you and the Booster")
}
