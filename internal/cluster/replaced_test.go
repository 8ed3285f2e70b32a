package cluster

import (
	"bytes"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/db/dbtest"
)

// The file is exchanged for a copy of it, as by an operator who restores a backup. The
// leader stops, and does not lead again in the file that nobody else can see.
func TestDatabaseThatIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	a := newArena(t, "sqlite:"+path+"?sync=off")
	l := a.contender(t, LeaseConfig{Name: "a", Profile: patient})
	waitLeads(t, l)
	must(t, os.WriteFile(path+".backup", nil, 0o600))
	must(t, os.Rename(path+".backup", path))
	eventually(t, "it has noticed", func() bool { return l.Epoch() == 0 })
	for end := time.Now().Add(3 * patient.Poll); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if l.Epoch() > 0 {
			t.Fatal("it leads again")
		}
	}
}

// The answer to the commit of an acquisition gets lost. The node must not lead in that
// epoch, though the database says so; it acquires the next one.
func TestLostAnswerToTheCommit(t *testing.T) {
	for _, kind := range []string{"postgres", "mariadb"} {
		t.Run(kind, func(t *testing.T) {
			a := newArena(t, dbtest.DSN(t, kind))
			must(t, establish(t.Context(), a.db, "center"))
			proxy := newProxy(t, a.dsn)
			through := arena{proxy.dsn, a.db}
			proxy.armed.Store(true)
			l := through.contender(t, LeaseConfig{Name: "a", Profile: patient})
			epoch := waitLeads(t, l)
			if r := a.tenure(t); proxy.armed.Load() || epoch != 2 || r.epoch != 2 {
				t.Errorf("armed %v: it leads in epoch %d, the database says %d", proxy.armed.Load(), epoch, r.epoch)
			}
		})
	}
}

// proxy stands between a client and a server's socket.
type proxy struct {
	dsn   string
	armed atomic.Bool // drop the next answer to a commit, and the connection with it
}

func newProxy(t *testing.T, dsn string) *proxy {
	u, err := url.Parse(dsn)
	must(t, err)
	dir, query := t.TempDir(), u.Query()
	server, own := query.Get("socket"), filepath.Join(dir, "socket")
	if host := query.Get("host"); host != "" {
		const name = "/.s.PGSQL.5432"
		server, own = host+name, dir+name
		query.Set("host", dir)
	} else {
		query.Set("socket", own)
	}
	u.RawQuery = query.Encode()
	p := &proxy{dsn: u.String()}
	listener, err := net.Listen("unix", own)
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client, server)
		}
	}()
	return p
}

func (p *proxy) serve(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("unix", address)
	if err != nil {
		return
	}
	defer server.Close()
	var drop atomic.Bool
	go func() {
		defer server.Close()
		copyChunks(client, server, func(chunk []byte) bool {
			statement := bytes.ToLower(bytes.TrimRight(chunk, "\x00"))
			if bytes.HasSuffix(statement, []byte("commit")) && p.armed.CompareAndSwap(true, false) {
				drop.Store(true)
			}
			return true
		})
	}()
	copyChunks(server, client, func([]byte) bool { return !drop.Load() })
}

// copyChunks copies until one side ends or pass says no.
func copyChunks(from, to net.Conn, pass func([]byte) bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !pass(buf[:n]) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
