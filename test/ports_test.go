package test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/demo"
	"github.com/paceline/paceline/internal/trust"
)

// No port of a cluster answers without a valid certificate, whatever is asked there: but for the gateways' public
// one, and health on the machine itself. All that its processes listen on is looked at, by what the kernel says.
func TestNoPortAnswersStrangers(t *testing.T) {
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("the system has no /proc/net/tcp")
	}
	bin := filepath.Join(t.TempDir(), "paceline")
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/paceline").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	dir := filepath.Join(t.TempDir(), "demo")
	startDemo(t, bin, dir).until("leader booster-1")
	hosts, err := demo.Left(dir)
	if err != nil || len(hosts) != 7 {
		t.Fatalf("%d hosts, %v", len(hosts), err)
	}
	closed, open := 0, 0
	for _, h := range hosts {
		for _, role := range []config.Role{config.RoleAgent, h.Role} {
			report, alive := agent.Find(h.Dir, role)
			if !alive {
				t.Fatalf("%s: no %s", h.Name, role)
			}
			for _, address := range listens(t, report.PID) {
				what := fmt.Sprintf("%s of %s at %s", role, h.Name, address)
				if isOpen(t, h, report, address) {
					open++
					continue
				}
				closed++
				refuses(t, what, address)
			}
		}
	}
	// Boosters: bus, route, join. Servers: one. Open are health of Boosters and gateways, and the gateways.
	if closed != 2*3+3 || open != 2+2*2 {
		t.Errorf("%d ports want a certificate, %d do not", closed, open)
	}
	withCertificate(t, hosts)
}

// isOpen says whether an address is one that may answer anybody.
func isOpen(t *testing.T, h demo.Host, r agent.Report, address string) bool {
	t.Helper()
	health := h.Role == config.RoleGateway && address == r.Addresses["health"] || h.Role == config.RoleBooster && address == r.Addresses["http"]
	if host, _, _ := net.SplitHostPort(address); health && !net.ParseIP(host).IsLoopback() {
		t.Errorf("health of %s is for everybody, at %s", h.Name, address)
	}
	return health || h.Role == config.RoleGateway && address == r.Addresses["http"]
}

// refuses tries several tongues; none gets a byte of an answer.
func refuses(t *testing.T, what, address string) {
	t.Helper()
	for tongue, words := range map[string]string{
		"HTTP": "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", "NATS": "CONNECT {}\r\nPING\r\n", "a join": `{"secret":"x"}` + "\n", "nothing": "",
	} {
		for _, secure := range []bool{false, true} {
			if text := hear(t, address, words, secure); text != "" {
				t.Errorf("%s answers to %s (TLS: %v): %q", what, tongue, secure, text)
			}
		}
	}
}

// hear says something and gives what comes back until the other side hangs up, or is silent.
func hear(t *testing.T, address, words string, secure bool) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
	io.WriteString(conn, words)
	answer := make([]byte, 100)
	n, _ := conn.Read(answer)
	const alert = 21 // of TLS, which is no answer
	if !secure && n > 0 && answer[0] == alert {
		return ""
	}
	return string(answer[:n])
}

// withCertificate shows the other side: a host's certificate opens a server, as docs/join.md tells operators.
func withCertificate(t *testing.T, hosts []demo.Host) {
	t.Helper()
	for _, h := range hosts {
		if h.Role != config.RoleServer {
			continue
		}
		id, err := trust.Open(hosts[0].Dir)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := agent.Find(h.Dir, h.Role)
		own := id.PeerTLS()
		own.ServerName = h.Name
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: own}, Timeout: 5 * time.Second}
		res, err := client.Get("https://" + r.Addresses["http"] + "/readyz")
		if err != nil {
			t.Errorf("%s: %v", h.Name, err)
			continue
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", h.Name, res.Status)
		}
		client.CloseIdleConnections()
	}
}

// listens gives the addresses on which a process listens, from proc(5).
func listens(t *testing.T, pid int) (addresses []string) {
	t.Helper()
	own := map[string]bool{} // inodes
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(links) == 0 {
		t.Fatalf("process %d: %v", pid, err)
	}
	for _, link := range links {
		to, _ := os.Readlink(link) // it may have been closed
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	for file, any := range map[string]string{"/proc/net/tcp": "127.0.0.1", "/proc/net/tcp6": "::1"} {
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			const listening = "0A"
			fields := strings.Fields(lines.Text())
			if len(fields) < 10 || fields[3] != listening || !own[fields[9]] {
				continue
			}
			ip, port, _ := strings.Cut(fields[1], ":")
			n, err := strconv.ParseUint(port, 16, 16)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Trim(ip, "0") != "" && ip != "0100007F" && ip != "00000000000000000000000001000000" {
				t.Fatalf("%s listens on %s", file, ip)
			}
			addresses = append(addresses, net.JoinHostPort(any, strconv.FormatUint(n, 10)))
		}
		f.Close()
	}
	return addresses
}
