// Package trusttest gives tests hosts that trust each other.
package trusttest

import (
	"testing"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/trust"
)

// Cluster issues certificates for a test.
type Cluster struct {
	*trust.Authority
	t testing.TB
}

// New makes a cluster with an authority of its own.
func New(t testing.TB) *Cluster {
	t.Helper()
	a, err := trust.NewAuthority("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &Cluster{a, t}
}

// Host makes a host in a data directory of its own.
func (c *Cluster) Host(name string, kind trust.Kind) *trust.Identity {
	c.t.Helper()
	return c.In(config.Dir(c.t.TempDir()), name, kind, trust.Life)
}

// In makes a host in a data directory, with a certificate that holds for life.
func (c *Cluster) In(data config.Dir, name string, kind trust.Kind, life time.Duration) *trust.Identity {
	c.t.Helper()
	candidate, err := trust.Prepare(data, name)
	c.must(err)
	request, err := candidate.Request()
	c.must(err)
	c.must(candidate.Accept(c.Certificate(), c.Sign(request, kind, life)))
	id, err := trust.Open(data)
	c.must(err)
	return id
}

// Sign answers a request for a certificate.
func (c *Cluster) Sign(request []byte, kind trust.Kind, life time.Duration) []byte {
	c.t.Helper()
	r, err := trust.ParseRequest(request)
	c.must(err)
	text, _, err := c.Issue(r, kind, time.Now(), life)
	c.must(err)
	return text
}

func (c *Cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}
