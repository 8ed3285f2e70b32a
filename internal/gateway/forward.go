package gateway

import (
	"crypto/rand"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

const (
	idempotencyKey = "Idempotency-Key"
	requestID      = "X-Request-Id"
)

// visit is what the front knows of one request while it is here.
type visit struct {
	r      *http.Request
	path   string // as sent, without the query
	peer   netip.Addr
	client netip.Addr // the peer, or whom a configured proxy speaks for
	secure bool
	id     string // of the request, in log, server and answer

	proxied bool // the peer is a configured proxy
	route   *route
	server  string
	tries   int
	status  int
	bytes   int64
	cause   string
}

// identify finds out who asks, and through whom.
func (v *visit) identify(g *Gateway) {
	v.peer = addressOf(v.r.RemoteAddr)
	v.client = v.peer
	switch c := v.r.Context().Value(connKey{}).(type) {
	case *gate:
		v.secure = c.secure
	default:
		v.secure = v.r.TLS != nil
	}
	if v.proxied = g.isProxy(v.peer); v.proxied {
		v.client = g.clientBehind(v.peer, v.r.Header["X-Forwarded-For"])
	}
	v.id = v.r.Header.Get(requestID)
	if len(v.id) > 64 || !visible(v.id) {
		v.id = rand.Text()[:16]
	}
}

func addressOf(hostPort string) netip.Addr {
	ap, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

func (g *Gateway) isProxy(a netip.Addr) bool {
	for _, p := range g.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// clientBehind is the last address in X-Forwarded-For that is not a configured proxy's:
// what stands before it may be anybody's invention.
func (g *Gateway) clientBehind(peer netip.Addr, lists []string) netip.Addr {
	client := peer
	for i := len(lists) - 1; i >= 0; i-- {
		parts := strings.Split(lists[i], ",")
		for j := len(parts) - 1; j >= 0; j-- {
			a, err := netip.ParseAddr(strings.TrimSpace(parts[j]))
			if err != nil {
				return client
			}
			if client = a.Unmap(); !g.isProxy(client) {
				return client
			}
		}
	}
	return client
}

// head writes the request as the servers get it. length is the body's, or -1 for chunks;
// key is the Idempotency-Key to add, if any.
func (v *visit) head(b []byte, length int64, hasBody bool, key string) []byte {
	r := v.r
	b = append(append(b, r.Method...), ' ')
	b = append(b, v.path...)
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		b = append(append(b, '?'), r.URL.RawQuery...)
	}
	b = appendField(append(b, " HTTP/1.1\r\n"...), "Host", r.Host)
	for name, values := range r.Header {
		if v.dropped(name) {
			continue
		}
		for _, value := range values {
			b = appendField(b, name, value)
		}
	}
	b = v.forwarded(b)
	b = appendField(b, requestID, v.id)
	if key != "" {
		b = appendField(b, idempotencyKey, key)
	}
	switch {
	case isUpgrade(r):
		b = append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	case hasBody && length < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case hasBody || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch:
		b = append(b, "Content-Length: "...)
		b = append(strconv.AppendInt(b, length, 10), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

func isUpgrade(r *http.Request) bool { return len(r.Header["Upgrade"]) > 0 }

func appendField(b []byte, name, value string) []byte {
	return append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
}

// dropped says whether a client's field stays here: those of the connection, and those
// that the gateway writes itself.
func (v *visit) dropped(name string) bool {
	if hopByHop(name) {
		return true
	}
	switch name {
	case "Expect", "Content-Length", "Forwarded", "X-Real-Ip", requestID, "Proxy-Authorization":
		return true
	}
	if strings.HasPrefix(name, "X-Forwarded-") {
		return true
	}
	named := v.r.Header["Connection"]
	return len(named) > 0 && name != idempotencyKey && hasOption(named, name)
}

// hopByHop are the fields of one connection (RFC 9110 section 7.6.1).
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// forwarded tells the server about the client. A configured proxy's words are kept and
// its own address is appended; anybody else's are replaced.
func (v *visit) forwarded(b []byte) []byte {
	h := v.r.Header
	proto, host := "http", v.r.Host
	if v.secure {
		proto = "https"
	}
	var before, beforeForwarded string
	if v.proxied {
		if p := h.Get("X-Forwarded-Proto"); p == "http" || p == "https" {
			proto = p
		}
		if x := h.Get("X-Forwarded-Host"); x != "" && len(x) <= 255 && !strings.ContainsFunc(x, notHost) {
			host = x
		}
		before = strings.Join(h["X-Forwarded-For"], ", ")
		beforeForwarded = strings.Join(h["Forwarded"], ", ")
	}
	b = appendList(b, "X-Forwarded-For", before)
	b = append(v.peer.AppendTo(b), "\r\nX-Real-IP: "...)
	b = append(v.client.AppendTo(b), "\r\n"...)
	b = appendField(b, "X-Forwarded-Proto", proto)
	b = appendField(b, "X-Forwarded-Host", host)
	b = append(appendList(b, "Forwarded", beforeForwarded), "for="...)
	if v.peer.Is6() {
		b = append(append(v.peer.AppendTo(append(b, `"[`...)), ']'), '"')
	} else {
		b = v.peer.AppendTo(b)
	}
	b = append(append(b, `;host="`...), v.r.Host...)
	return append(append(append(b, `";proto=`...), proto...), "\r\n"...)
}

// appendList begins a field with what is in the list already.
func appendList(b []byte, name, before string) []byte {
	b = append(append(b, name...), ": "...)
	if before != "" {
		b = append(append(b, before...), ", "...)
	}
	return b
}
