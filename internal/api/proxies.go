package api

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/paceline/paceline/internal/errs"
)

// proxies are the addresses whose word about where a request came from is taken. From
// anybody else X-Forwarded-For is what the caller likes to say.
type proxies []netip.Prefix

func parseProxies(list []string) (proxies, error) {
	var p proxies
	for _, text := range list {
		prefix, err := netip.ParsePrefix(text)
		if addr, single := netip.ParseAddr(text); single == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, errs.New(errs.Invalid, "%q is not the address of a proxy", text).WithCure("write 10.0.0.7 or 10.0.0.0/24")
		}
		p = append(p, prefix.Masked())
	}
	return p, nil
}

func (p proxies) trusted(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// client is the address a request came from, without the port: behind trusted proxies
// the last one that they did not add for each other. Who has shown a certificate is a
// gateway of the cluster, whose word is taken.
func (p proxies) client(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := at.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	known := r.TLS != nil && len(r.TLS.PeerCertificates) > 0
	for i := len(hops) - 1; i >= 0 && (known || p.trusted(addr)); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr, known = hop.Unmap(), false
	}
	return addr.String()
}
