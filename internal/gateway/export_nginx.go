package gateway

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/gateway/upstream"
)

func (x *export) nginx() {
	x.head("nginx", "probes: a server is out only after max_fails live requests failed", "holding requests while no server is ready",
		"waiting out a 409 of a repeated write", "slow start, retry budget, cookie affinity (ip_hash takes its place)",
		"refusing paths whose plain form differs, and CL with TE")
	x.line("worker_processes auto;")
	x.begin("events {")
	x.line("worker_connections 4096;")
	x.end()
	x.begin("http {")
	x.nginxHTTP()
	for _, name := range x.poolNames() {
		x.nginxPool(name, x.cfg.Table.Pools[name])
	}
	hosts := []string{""}
	for _, r := range x.cfg.Table.Routes {
		if !slices.Contains(hosts, r.Host) {
			hosts = append(hosts, r.Host)
		}
	}
	for _, host := range hosts {
		x.nginxServer(host)
	}
	x.end()
}

func (x *export) end() {
	x.depth--
	x.line("}")
}

func (x *export) nginxHTTP() {
	l := x.cfg.Limits
	x.line("server_tokens off;")
	x.line("client_header_timeout %s;", nginxTime(l.HeaderTime))
	x.line("client_body_timeout %s;", nginxTime(l.BodyPause))
	x.line("send_timeout %s;", nginxTime(l.WritePause))
	x.line("keepalive_timeout %s;", nginxTime(l.Idle))
	x.line("large_client_header_buffers 4 %d;", l.Header)
	x.line("client_body_buffer_size %d;", max(l.Memory, 1024))
	if l.PerAddress > 0 {
		x.line("limit_conn_zone $binary_remote_addr zone=paceline_connections:10m;")
		x.line("limit_conn paceline_connections %d;", l.PerAddress)
	}
	if l.Rate > 0 {
		x.line("limit_req_zone $binary_remote_addr zone=paceline_rate:10m rate=%dr/m;", int(max(1, l.Rate*60)))
		x.line("limit_req zone=paceline_rate burst=%d nodelay;", l.Burst)
		x.line("limit_req_status 429;")
	}
	x.line("map $http_upgrade $paceline_connection { default upgrade; '' ''; }")
	x.line("map $http_idempotency_key $paceline_key { default $http_idempotency_key; '' gw-$request_id; }")
	x.line(`map $request_method $paceline_write_key { default $paceline_key; "~^(GET|HEAD|OPTIONS)$" $http_idempotency_key; }`)
	x.line("map $http_x_request_id $paceline_request { default $http_x_request_id; '' $request_id; }")
	x.line(`geo $paceline_dollar { default "$"; }`)
	x.nginxProxies()
}

// nginxProxies believes X-Forwarded-* of the configured proxies only.
func (x *export) nginxProxies() {
	x.begin("geo $realip_remote_addr $paceline_proxy {")
	x.line("default 0;")
	for _, p := range prefixes(x.cfg.Proxies) {
		x.line("%s 1;", p)
	}
	x.end()
	for _, p := range prefixes(x.cfg.Proxies) {
		x.line("set_real_ip_from %s;", p)
	}
	x.line("real_ip_header X-Forwarded-For;")
	x.line("real_ip_recursive on;")
	x.line(`map "$paceline_proxy:$http_x_forwarded_for" $paceline_for { default $realip_remote_addr; "~^1:(?<paceline_before>.+)$" "$paceline_before, $realip_remote_addr"; }`)
	x.line(`map "$paceline_proxy:$http_x_forwarded_proto" $paceline_proto { default $scheme; "~^1:(?<paceline_said>https?)$" $paceline_said; }`)
	x.line(`map "$paceline_proxy:$http_x_forwarded_host" $paceline_host { default $http_host; "~^1:(?<paceline_named>[A-Za-z0-9.:_\[\]-]+)$" $paceline_named; }`)
}

func (x *export) nginxPool(name string, p upstream.Config) {
	p = p.WithDefaults()
	if p.Policy == upstream.Ticket {
		x.begin("map $uri $paceline_ticket_%s {", nginxName(name))
		x.line("default $request_id;")
		x.line(`"~/(?:%s)/(?<paceline_ticket>[^/]+)" $paceline_ticket;`, regexpWords(p.TicketAfter))
		x.end()
	}
	x.begin("upstream %s {", name)
	switch p.Policy {
	case upstream.LeastLoaded:
		x.line("least_conn;")
	case upstream.IPHash, upstream.Cookie:
		x.line("ip_hash;")
	case upstream.Ticket:
		x.line("hash $paceline_ticket_%s consistent;", nginxName(name))
	}
	for _, s := range p.Servers {
		line := "server " + s.Address + " weight=" + itoa(s.Weight) + " max_fails=" + itoa(max(p.MaxFails, 0)) + " fail_timeout=" + itoa(max(1, int(p.FailTimeout.Seconds()))) + "s"
		switch {
		case s.Drain:
			line += " down"
		case s.Cordon && (p.Policy == upstream.LeastLoaded || p.Policy == upstream.RoundRobin): // the others know no backups
			line += " backup"
		}
		x.line("%s;", line)
	}
	if len(p.Servers) == 0 {
		x.line("server 127.0.0.1:1 down; # nginx takes no pool without a server")
	}
	x.line("keepalive %d;", p.Idle)
	x.line("keepalive_timeout %s;", nginxTime(p.IdleTimeout))
	x.end()
}

func (x *export) nginxServer(host string) {
	x.begin("server {")
	catchAll := ""
	if host == "" {
		catchAll = " default_server"
	}
	if a := x.cfg.Listen; a != "" {
		x.line("listen %s%s;", nginxListen(a), catchAll)
	}
	if t := x.cfg.TLS; t.Listen != "" {
		x.line("listen %s ssl http2%s;", nginxListen(t.Listen), catchAll)
		x.line("ssl_certificate %s;", nginxText(t.Cert))
		x.line("ssl_certificate_key %s;", nginxText(t.Key))
		x.line("ssl_protocols TLSv1.2 TLSv1.3;")
		x.line("ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;")
	}
	if host == "" {
		x.line("server_name _;")
	} else {
		x.line("server_name %s;", host)
	}
	routes := forHost(x.cfg.Table.Routes, host)
	for _, r := range routes {
		if p := strings.TrimSuffix(r.path(), "/"); p != "" {
			x.nginxLocation(`= "`+p+`"`, r)
			x.nginxLocation(`^~ "`+p+`/"`, r)
		} else {
			x.nginxLocation("/", r)
		}
	}
	if !slices.ContainsFunc(routes, func(r Route) bool { return r.path() == "/" }) {
		x.line("location / { return 404; }")
	}
	x.end()
}

func (x *export) nginxLocation(match string, r Route) {
	x.begin("location %s {", match)
	defer x.end()
	if r.Maintenance != "" {
		x.line("default_type text/plain;")
		x.line("add_header Retry-After 60 always;")
		x.line("return 503 %s;", nginxText(r.Maintenance))
		return
	}
	t := r.Timeouts.OrDefault()
	limit := r.MaxBody
	if limit == 0 {
		limit = x.cfg.Limits.Body
	}
	key := "$paceline_write_key"
	switch r.Replay {
	case ReplayOff:
		key = "$http_idempotency_key"
		x.line("proxy_next_upstream off;")
	case ReplayKeys:
		key = "$http_idempotency_key"
		x.line("proxy_next_upstream error timeout invalid_header; # POST and PATCH are not repeated, even with a key")
	default:
		x.line("proxy_next_upstream error timeout invalid_header non_idempotent; # safe: every write has a key")
	}
	x.line("client_max_body_size %d;", limit)
	x.line("proxy_pass http://%s;", r.Pool)
	x.line("proxy_http_version 1.1;")
	x.line("proxy_connect_timeout %s;", nginxTime(t.Connect))
	x.line("proxy_send_timeout %s;", nginxTime(t.Send))
	x.line("proxy_read_timeout %s; # event streams and WebSockets must not be silent for longer", nginxTime(t.Read))
	for _, h := range [][2]string{{"Host", "$http_host"}, {"Connection", "$paceline_connection"}, {"Upgrade", "$http_upgrade"},
		{"X-Forwarded-For", "$paceline_for"}, {"X-Real-IP", "$remote_addr"}, {"X-Forwarded-Proto", "$paceline_proto"},
		{"X-Forwarded-Host", "$paceline_host"}, {"Forwarded", `""`}, {"X-Request-Id", "$paceline_request"}, {"Idempotency-Key", key}} {
		x.line("proxy_set_header %s %s;", h[0], h[1])
	}
}

// nginxListen is an address as nginx takes it: [::]:8100 for all, a port alone where the
// host is left out.
func nginxListen(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host != "" {
		return address
	}
	return port
}

func nginxTime(d time.Duration) string { return itoa(int(max(d.Milliseconds(), 1))) + "ms" }

// nginxText quotes a text. A dollar cannot be escaped, but it can be a variable.
func nginxText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", "${paceline_dollar}").Replace(s) + `"`
}

// nginxName makes a part of a variable's name.
func nginxName(s string) string { return strings.NewReplacer("-", "_", ".", "_").Replace(s) }
