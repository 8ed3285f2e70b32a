package gateway

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/gateway/upstream"
)

func (x *export) haproxy() {
	x.head("haproxy", "waiting out a 409 of a repeated write", "repeats of requests larger than a buffer (16 KB)",
		"retry budget, ticket affinity (least connections takes its place), nginx's ip_hash (source takes its place)",
		"the rate of requests per address", "refusing paths whose plain form differs")
	l := x.cfg.Limits
	x.begin("global")
	x.line("maxconn %d", max(l.Connections, 1000))
	x.line("ssl-default-bind-options ssl-min-ver TLSv1.2")
	x.line("ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20")
	x.depth--
	x.begin("defaults")
	x.line("mode http")
	x.line("timeout http-request %s", haproxyTime(l.HeaderTime))
	x.line("timeout http-keep-alive %s", haproxyTime(l.Idle))
	x.line("timeout client %s", haproxyTime(max(l.BodyPause, l.WritePause)))
	x.line("option http-buffer-request")
	x.line("option redispatch 1")
	x.line("retries 3")
	x.line("http-reuse safe")
	x.depth--
	x.haproxyFrontend()
	x.haproxyBackends()
}

func (x *export) haproxyFrontend() {
	x.begin("frontend paceline")
	if a := x.cfg.Listen; a != "" {
		x.line("bind %s", haproxyBind(a))
	}
	if t := x.cfg.TLS; t.Listen != "" {
		x.line("bind %s ssl crt %s alpn h2,http/1.1 # its key is expected in %s.key, or in the same file", haproxyBind(t.Listen), haproxyText(t.Cert), t.Cert)
	}
	x.line("http-request deny deny_status 405 if { method CONNECT TRACE }")
	x.line("http-request deny deny_status 400 if { req.hdr(upgrade) -m found } !{ req.hdr(upgrade) -i websocket }")
	proxies := "{ always_false }"
	if len(x.cfg.Proxies) > 0 {
		proxies = "{ src"
		for _, p := range prefixes(x.cfg.Proxies) {
			proxies += " " + p.String()
		}
		proxies += " }"
	}
	for _, h := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"} {
		x.line("http-request del-header %s unless %s", h, proxies)
	}
	x.line("http-request del-header Forwarded")
	x.line("http-request set-header X-Real-IP %%[src]")
	x.line("http-request set-header X-Real-IP %%[req.hdr_ip(X-Forwarded-For,-1)] if %s { req.hdr(X-Forwarded-For) -m found }", proxies)
	x.line("http-request add-header X-Forwarded-For %%[src]")
	x.line("http-request set-header X-Forwarded-Proto %%[ssl_fc,iif(https,http)] if !{ req.hdr(X-Forwarded-Proto) -m found }")
	x.line("http-request set-header X-Forwarded-Host %%[req.hdr(host)] if !{ req.hdr(X-Forwarded-Host) -m found }")
	x.line("http-request set-header X-Request-Id %%[uuid()] if !{ req.hdr(X-Request-Id) -m found }")
	for i, r := range exactFirst(x.cfg.Table.Routes) {
		host := ""
		switch {
		case strings.HasPrefix(r.Host, "*"):
			host = "{ req.hdr(host),regsub(:[0-9]*$,),lower -m end " + r.Host[1:] + " } "
		case r.Host != "":
			host = "{ req.hdr(host),regsub(:[0-9]*$,),lower -m str " + r.Host + " } "
		}
		p := strings.TrimSuffix(r.path(), "/")
		if p == "" {
			x.line("use_backend %s if %s{ path_beg / }", backendName(i, r), host)
			continue
		}
		x.line("use_backend %s if %s{ path %s }", backendName(i, r), host, haproxyText(p))
		x.line("use_backend %s if %s{ path_beg %s }", backendName(i, r), host, haproxyText(p+"/"))
	}
	x.line("default_backend nowhere")
	x.depth--
}

// haproxyBackends writes one for each route, because timeouts and repeats are its own.
func (x *export) haproxyBackends() {
	for i, r := range exactFirst(x.cfg.Table.Routes) {
		x.begin("backend %s", backendName(i, r))
		if r.Maintenance != "" {
			x.line("http-request return status 503 content-type text/plain string %s hdr Retry-After 60", haproxyText(r.Maintenance))
		} else {
			x.haproxyBackend(r, x.cfg.Table.Pools[r.Pool].WithDefaults())
		}
		x.depth--
	}
	x.begin("backend nowhere")
	x.line("http-request return status 404 content-type text/plain string \"no app is served here\"")
	x.depth--
}

func (x *export) haproxyBackend(r Route, p upstream.Config) {
	const safe = "{ method GET HEAD OPTIONS }"
	const keyed = "{ req.hdr(Idempotency-Key) -m found }"
	t := r.Timeouts.OrDefault()
	x.line("timeout connect %s", haproxyTime(t.Connect))
	x.line("timeout server %s", haproxyTime(max(t.Send, t.Read)))
	x.line("timeout tunnel %s", haproxyTime(t.Stream))
	x.line("timeout queue %s", haproxyTime(p.Hold))
	switch r.Replay {
	case ReplayOff:
		x.line("http-request disable-l7-retry")
	case ReplayKeys:
		x.line("http-request disable-l7-retry if !%s !%s", safe, keyed)
	default:
		x.line("http-request set-header Idempotency-Key gw-%%[uuid()] if !%s !%s", safe, keyed)
	}
	x.line("retry-on conn-failure empty-response junk-response response-timeout")
	limit := r.MaxBody
	if limit == 0 {
		limit = x.cfg.Limits.Body
	}
	if limit > 0 {
		x.line("http-request deny deny_status 413 if { req.body_size gt %d }", limit)
	}
	switch p.Policy {
	case upstream.RoundRobin:
		x.line("balance roundrobin")
	case upstream.IPHash:
		x.line("balance source")
	default:
		x.line("balance leastconn")
	}
	if p.Policy == upstream.Cookie {
		x.line("cookie %s insert indirect nocache httponly attr SameSite=Lax", upstream.CookieName)
	}
	x.line("option httpchk GET %s", p.Probe.Path)
	x.line("http-check expect rstatus ^[23]")
	x.line("timeout check %s", haproxyTime(p.Probe.Timeout))
	for i, s := range p.Servers {
		line := "server s" + itoa(i+1) + " " + s.Address + " weight " + itoa(min(s.Weight, 256)) + " check inter " + haproxyTime(p.Probe.Every) +
			" fall " + itoa(p.Probe.Misses) + " rise 1 on-marked-down shutdown-sessions"
		if p.SlowStart > 0 {
			line += " slowstart " + haproxyTime(p.SlowStart)
		}
		if p.Policy == upstream.Cookie {
			line += " cookie s" + itoa(i+1)
		}
		switch {
		case s.Drain:
			line += " disabled"
		case s.Cordon:
			line += " backup"
		}
		x.line("%s", line)
	}
}

func backendName(i int, r Route) string { return "route" + itoa(i+1) + "_" + r.App }

func haproxyBind(address string) string {
	if strings.HasPrefix(address, ":") {
		return "*" + address
	}
	return address
}

func haproxyTime(d time.Duration) string { return itoa(int(max(d.Milliseconds(), 1))) + "ms" }

// haproxyText quotes a text.
func haproxyText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`).Replace(s) + `"`
}

func itoa(n int) string { return strconv.Itoa(n) }

func regexpWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = regexp.QuoteMeta(w)
	}
	return strings.Join(quoted, "|")
}
