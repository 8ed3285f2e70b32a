package main

import (
	"fmt"
	"strings"
)

// baseline is what ratios are to.
const baseline = "nginx, keepalive"

// setup is how one proxy is run.
type setup struct {
	name    string
	program string // that has to be here; empty: ours
	command func(w *world, file string) []string
	config  func(w *world, p *proxy) string
}

func (w *world) setups() []setup {
	ours := func(front string, log bool) func(*world, *proxy) string {
		return func(w *world, p *proxy) string { return w.ourConfig(p, front, log) }
	}
	kept := func(log bool) func(*world, *proxy) string {
		return func(w *world, p *proxy) string {
			return w.nginxConfig(p, log, "keepalive 64;\n", `
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;`)
		}
	}
	byHand := func(w *world, p *proxy) string {
		return w.nginxConfig(p, true, "", `
      proxy_next_upstream error timeout invalid_header;
      proxy_send_timeout 5s;
      proxy_read_timeout 5s;
      proxy_redirect default;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection keep-alive;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Real-IP $remote_addr;`)
	}
	return []setup{
		{"Paceline, front relay (B)", "", paceline, ours("relay", true)},
		{"Paceline, front standard (A)", "", paceline, ours("standard", true)},
		{baseline, "nginx", nginx, kept(true)},
		{"nginx, keepalive, no access log", "nginx", nginx, kept(false)},
		{"Paceline, front relay, no access log", "", paceline, ours("relay", false)},
		{"nginx, as often set up by hand", "nginx", nginx, byHand},
		{"HAProxy", "haproxy", haproxy, (*world).haproxyConfig},
	}
}

func paceline(w *world, file string) []string {
	log := strings.TrimSuffix(file, ".conf")
	return []string{"sh", "-c", `exec "$0" gateway run --config "$1" 2>>"$2"`, w.binary, file, log}
}

func nginx(w *world, file string) []string {
	return []string{find("nginx"), "-p", w.dir, "-c", file, "-e", file + ".err", "-g", "daemon off;"}
}

func haproxy(w *world, file string) []string {
	log := strings.TrimSuffix(file, ".conf")
	return []string{"sh", "-c", `exec "$0" -db -f "$1" >>"$2"`, find("haproxy"), file, log}
}

// serverConfig is two servers that cost little: the content is in a file that is in memory.
func (w *world) serverConfig() string {
	return fmt.Sprintf(`worker_processes 1;
pid %[1]s/servers.pid;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  default_type application/json;
  open_file_cache max=10;
  server { listen %[2]s backlog=1024; listen %[3]s backlog=1024; root %[1]s; }
}
`, w.dir, w.servers[0], w.servers[1])
}

func (w *world) ourConfig(p *proxy, front string, log bool) string {
	return fmt.Sprintf(`listen: %q
front: %s
access_log: %v
admin: "127.0.0.1:0"
tls: {listen: %q, cert: %q, key: %q}
table:
  routes: [{app: bench, path: /, pool: main}]
  pools: {main: {servers: [{address: %q}, {address: %q}]}}
`, p.clear, front, log, p.secure, w.dir+"/cert.pem", w.dir+"/key.pem", w.servers[0], w.servers[1])
}

func (w *world) nginxConfig(p *proxy, log bool, inUpstream, inLocation string) string {
	access := "off"
	if log {
		access = p.log.Name()
	}
	return fmt.Sprintf(`worker_processes 1;
pid %[1]s.pid;
events { worker_connections 4096; }
http {
  access_log %[2]s;
  keepalive_requests 100000000;
  client_body_temp_path %[1]s.body; proxy_temp_path %[1]s.proxy; fastcgi_temp_path %[1]s.f; uwsgi_temp_path %[1]s.u; scgi_temp_path %[1]s.s;
  upstream main {
    server %[3]s max_fails=30 fail_timeout=20s;
    server %[4]s max_fails=30 fail_timeout=20s;
    %[5]s
  }
  server {
    listen %[6]s backlog=1024;
    listen %[7]s ssl backlog=1024;
    ssl_certificate %[8]s/cert.pem;
    ssl_certificate_key %[8]s/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      proxy_pass http://main;%[9]s
    }
  }
}
`, p.log.Name(), access, w.servers[0], w.servers[1], inUpstream, p.clear, p.secure, w.dir, inLocation)
}

func (w *world) haproxyConfig(p *proxy) string {
	return fmt.Sprintf(`global
  nbthread 1
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  http-reuse always
  timeout connect 5s
  timeout client 75s
  timeout server 5s
frontend main
  bind %s
  bind %s ssl crt %s/both.pem
  option forwardfor
  http-request set-header X-Forwarded-Proto http if !{ ssl_fc }
  http-request set-header X-Forwarded-Proto https if { ssl_fc }
  http-request set-header X-Forwarded-Host %%[req.hdr(host)]
  http-request set-header X-Real-IP %%[src]
  default_backend servers
backend servers
  server one %s check
  server two %s check
`, p.clear, p.secure, w.dir, w.servers[0], w.servers[1])
}
