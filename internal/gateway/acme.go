package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/paceline/paceline/internal/errs"
)

// ACME gets certificates from a certificate authority that speaks RFC 8555, and renews
// them a month before they end. The authority has to reach tls.listen at port 443 of each
// host: it asks by TLS-ALPN-01 (RFC 8737).
type ACME struct {
	Hosts     []string `yaml:"hosts"`     // names to get certificates for
	Directory string   `yaml:"directory"` // https://acme-v02.api.letsencrypt.org/directory
	Email     string   `yaml:"email"`     // whom the authority writes to
	Root      string   `yaml:"root"`      // PEM file, where the authority's own certificate is not publicly known
}

const acmeTimeout = time.Minute // of one request to the authority

// authority is what keeps the certificates that ACME gives. Its requests end with ctx.
type authority struct {
	manager *autocert.Manager
	hosts   []string
	log     *slog.Logger
}

func newAuthority(ctx context.Context, cfg ACME, dir string, log *slog.Logger) (_ *authority, err error) {
	defer errs.Wrap(&err, "ACME")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if cfg.Root != "" {
		text, err := os.ReadFile(cfg.Root)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return nil, errs.New(errs.Invalid, "there is no certificate in %s", cfg.Root)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	client := &acme.Client{DirectoryURL: cfg.Directory, UserAgent: "paceline-gateway",
		HTTPClient: &http.Client{Timeout: acmeTimeout, Transport: until{ctx, transport}}}
	if client.DirectoryURL == "" {
		client.DirectoryURL = acme.LetsEncryptURL
	}
	return &authority{hosts: cfg.Hosts, log: log, manager: &autocert.Manager{
		Prompt: autocert.AcceptTOS, Email: cfg.Email, Client: client,
		HostPolicy: autocert.HostWhitelist(cfg.Hosts...), Cache: autocert.DirCache(filepath.Join(dir, "acme")),
	}}, nil
}

// fetch gets what is missing, so that no visitor has to wait for it, and tries again until
// ctx ends.
func (a *authority) fetch(ctx context.Context, host string) {
	for pause := time.Minute; ; pause = min(2*pause, time.Hour) {
		cert, err := a.manager.GetCertificate(&tls.ClientHelloInfo{ServerName: host, CipherSuites: aead, SupportedCurves: []tls.CurveID{tls.CurveP256},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}})
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			a.log.Info("TLS certificate by ACME", "host", host, "until", cert.Leaf.NotAfter)
			return
		}
		a.log.Error("no TLS certificate by ACME yet", "host", host, "again", pause, "err", err)
		wait(ctx, pause)
	}
}

// config gives a host's certificate, and answers the authority's questions.
func (a *authority) config() *tls.Config {
	c := tlsConfig(a.manager.GetCertificate)
	c.NextProtos = append(c.NextProtos, acme.ALPNProto)
	return c
}

// until ends requests with a context, beside their own.
type until struct {
	ctx  context.Context
	base http.RoundTripper
}

// RoundTrip is http.RoundTripper's.
func (u until) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := u.ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(u.ctx, cancel)
	context.AfterFunc(r.Context(), func() { stop(); cancel() })
	return u.base.RoundTrip(r.WithContext(ctx))
}
