package join

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/service/servicetest"
	"github.com/paceline/paceline/internal/trust"
	"github.com/paceline/paceline/internal/trust/trusttest"
)

func migrations() []db.Migration { return slices.Concat(cluster.Migrations(), Migrations()) }

// A machine that knows a Booster's address and a token gets all that a host has.
func TestAMachineBecomesAHost(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		data, id := w.enter("web1", "web", "application")
		if id.Name() != "web1" || id.Kind() != trust.Host || id.Cluster() != w.made.Cluster {
			t.Errorf("%s %s of %s", id.Name(), id.Kind(), id.Cluster())
		}
		s, err := ReadSettings(data, id)
		must(t, err)
		if s.DSN != dsn || s.Secret != nil {
			t.Errorf("a server knows %q and has a secret of %d bytes", s.DSN, len(s.Secret))
		}
		if len(s.Key) != 32 || !bytes.Equal(s.Key, w.booster.cfg.Settings.Key) {
			t.Errorf("a server seals with %d bytes, unlike the first host", len(s.Key))
		}
		h, err := config.LoadHost(data)
		must(t, err)
		want := &config.Host{Name: "web1", Cluster: w.made.Cluster, Boosters: []string{"127.0.0.1:7000"}, Advertise: "127.0.0.1", Roles: []config.Role{"server", "gateway"}}
		if !reflect.DeepEqual(h, want) {
			t.Errorf("%+v\nwant %+v", h, want)
		}
		all, err := w.cluster.Hosts(t.Context(), root())
		must(t, err)
		if len(all) != 2 || all[0].Name != "first" || all[1].Name != "web1" || all[1].Wanted != Active || all[1].Certificate.Before(time.Now()) {
			t.Errorf("%+v", all)
		}
		if last := w.deeds[len(w.deeds)-1]; last != "host.join web1" {
			t.Errorf("audit: %s", last)
		}
	})
}

// The second Booster can do what the first one does, because it has the secret that unseals
// the authority's key.
func TestTheSecondBoosterSigns(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		data, id := w.enter("second", config.RoleBooster)
		if id.Kind() != trust.Booster {
			t.Fatal(id.Kind())
		}
		_, w.booster = w.start(data)
		third, _ := w.enter("third", config.RoleServer)
		h, err := config.LoadHost(third)
		must(t, err)
		if !slices.Equal(h.Boosters, []string{"127.0.0.1:7000", "127.0.0.1:5169"}) {
			t.Errorf("Boosters: %v", h.Boosters)
		}
	})
}

func TestTokensThatLetNobodyIn(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		_, used := w.token(TokenDraft{})
		_, err := Enter(t.Context(), w.entry("a", used))
		must(t, err)
		late, expired := w.token(TokenDraft{})
		_, err = w.db.Exec(t.Context(), "UPDATE cluster_token SET expires = {now} - 1 WHERE id = ?", late.ID)
		must(t, err)
		gone, revoked := w.token(TokenDraft{})
		_, err = w.cluster.RevokeToken(t.Context(), root(), gone.ID)
		must(t, err)
		_, open := w.token(TokenDraft{})
		full, err := parseToken(open)
		must(t, err)
		for name, c := range map[string]struct {
			token string
			kind  errs.Kind
			says  string
		}{
			"used twice":  {used, errs.Denied, "has been used"},
			"expired":     {expired, errs.Denied, "has expired"},
			"revoked":     {revoked, errs.Denied, "was revoked"},
			"never made":  {newToken(w.made.Fingerprint).String(), errs.Unavailable, "gives no answer"},
			"other's":     {newToken(full.secret).String(), errs.Denied, "not a Booster of the cluster"},
			"cut short":   {open[:len(open)-3], errs.Invalid, "no join token"},
			"not a token": {"please", errs.Invalid, "no join token"},
		} {
			e := w.entry("b", c.token)
			_, err := Enter(t.Context(), e)
			if !errs.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := trust.Open(e.Data); !errs.Is(err, errs.NotFound) {
				t.Errorf("%s: the machine is a host: %v", name, err)
			}
		}
		tokens, err := w.cluster.Tokens(t.Context(), root())
		must(t, err)
		states := map[string]int{}
		for _, token := range tokens {
			states[token.State]++
		}
		if !reflect.DeepEqual(states, map[string]int{"used": 1, "expired": 1, "revoked": 1, "open": 1}) {
			t.Error(states)
		}
	})
}

// However many ask at the same moment, a token lets in as many as it says.
func TestATokenIsUsedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		token, secret := w.token(TokenDraft{Uses: 2})
		var in atomic.Int64
		var all sync.WaitGroup
		for i := range maxFrom - 1 {
			e := w.entry("host"+string(rune('a'+i)), secret)
			all.Go(func() {
				switch _, err := Enter(t.Context(), e); {
				case err == nil:
					in.Add(1)
				case !errs.Is(err, errs.Denied):
					t.Error(err)
				}
			})
		}
		all.Wait()
		var hosts, used int64
		must(t, w.db.QueryRow(t.Context(), "SELECT COUNT(*) FROM cluster_host WHERE token = ?", token.ID).Scan(&hosts))
		must(t, w.db.QueryRow(t.Context(), "SELECT used FROM cluster_token WHERE id = ?", token.ID).Scan(&used))
		if in.Load() != 2 || hosts != 2 || used != 2 {
			t.Errorf("%d were let in, %d hosts, %d uses; want 2", in.Load(), hosts, used)
		}
	})
}

// A machine whose answer was lost asks again and is the same host, for the same use.
func TestALostAnswerIsAskedForAgain(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		token, secret := w.token(TokenDraft{})
		e := w.entry("shy", secret)
		_, err := Enter(t.Context(), e)
		must(t, err)
		must(t, os.Remove(filepath.Join(string(e.Data), "pki", "cert.pem"))) // as if it had not arrived
		_, err = Enter(t.Context(), e)
		must(t, err)
		_, err = trust.Open(e.Data)
		must(t, err)
		var used int
		must(t, w.db.QueryRow(t.Context(), "SELECT used FROM cluster_token WHERE id = ?", token.ID).Scan(&used))
		if used != 1 {
			t.Errorf("%d uses", used)
		}
		_, err = Enter(t.Context(), w.entry("shy", secret))
		refusedAs(t, err, errs.Denied) // another machine, though it has the name and the token

		_, second := w.token(TokenDraft{})
		_, err = Enter(t.Context(), w.entry("shy", second))
		refusedAs(t, err, errs.Conflict)
		_, err = Enter(t.Context(), e)
		refusedAs(t, err, errs.Conflict) // it is a host
	})
}

// What somebody has overheard is of no use: a question counts on its own connection only.
func TestAQuestionIsNotReplayed(t *testing.T) {
	w := one(t)
	_, secret := w.token(TokenDraft{Uses: 2})
	full, err := parseToken(secret)
	must(t, err)
	candidate, err := trust.Prepare(config.Dir(t.TempDir()), "real")
	must(t, err)
	q := question{Secret: full.secret}
	q.Request, err = candidate.Request()
	must(t, err)
	first := w.dial(protocol)
	signed, err := proven(first, q.Request)
	must(t, err)
	q.Proof, err = candidate.Prove(signed)
	must(t, err)

	var a answer
	replay := w.dial(protocol)
	must(t, send(replay, q))
	must(t, receive(replay, &a))
	if a.Refusal == nil || a.Settings.DSN != "" || !strings.Contains(a.Refusal.Message, "not signed for this connection") {
		t.Errorf("%+v", a.Refusal)
	}
	a = answer{}
	must(t, send(first, q))
	must(t, receive(first, &a))
	if a.Refusal != nil || a.Settings.DSN != dsn {
		t.Errorf("%+v", a.Refusal)
	}
}

// Somebody who pretends to be a Booster is not told the token.
func TestAFalseBoosterLearnsNothing(t *testing.T) {
	w := one(t)
	_, secret := w.token(TokenDraft{})
	false_ := trusttest.New(t).Host("false", trust.Booster)
	l, err := tls.Listen("tcp", "127.0.0.1:0", false_.OpenTLS(protocol))
	must(t, err)
	defer l.Close()
	heard := make(chan []byte, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		text, _ := io.ReadAll(conn)
		heard <- text
	}()
	e := w.entry("careful", secret)
	e.Boosters = []string{before(&Booster{door: &door{Listener: l}})}
	_, err = Enter(t.Context(), e)
	refusedAs(t, err, errs.Denied)
	if text := <-heard; len(text) > 0 {
		t.Errorf("it heard %q", text)
	}
}

// Who has no token gets no byte of an answer.
func TestStrangersGetNoAnswer(t *testing.T) {
	w := one(t)
	candidate, err := trust.Prepare(config.Dir(t.TempDir()), "stranger")
	must(t, err)
	request, err := candidate.Request()
	must(t, err)
	for name, say := range map[string]func(*tls.Conn) error{
		"nothing": func(c *tls.Conn) error { return c.CloseWrite() },
		"garbage": func(c *tls.Conn) error { _, err := c.Write([]byte("GET / HTTP/1.1\r\n\r\n")); return err },
		"endless": func(c *tls.Conn) error {
			_, _ = c.Write(make([]byte, 2*maxMessage)) // it hangs up in the middle
			return nil
		},
		"no such token": func(c *tls.Conn) error {
			return send(c, question{Secret: "guess", Request: request})
		},
	} {
		conn := w.dial(protocol)
		must(t, say(conn))
		if text, _ := io.ReadAll(conn); len(text) > 0 {
			t.Errorf("%s: answered %q", name, text)
		}
	}
	conn := w.dial("http/1.1", "h2")
	if conn != nil {
		text, _ := io.ReadAll(conn)
		t.Errorf("another protocol is spoken, and answered %q", text)
	}
	conn = w.dial()
	if text, _ := io.ReadAll(conn); len(text) > 0 {
		t.Errorf("without a protocol: answered %q", text)
	}
}

// Who fails too often is not listened to for a while.
func TestGuessingIsBraked(t *testing.T) {
	now := time.Now()
	b := newBrake(func() time.Time { return now })
	for range maxFailures {
		if !b.enter("10.0.0.1") {
			t.Fatal("braked too early")
		}
		b.leave("10.0.0.1", false)
	}
	if b.enter("10.0.0.1") {
		t.Error("not braked")
	}
	if !b.enter("10.0.0.2") {
		t.Error("another address is braked")
	}
	now = now.Add(forgetAfter)
	for range maxFrom {
		if !b.enter("10.0.0.1") {
			t.Fatal("braked for ever")
		}
	}
	if b.enter("10.0.0.1") {
		t.Error("more at once than one address may")
	}
}

// dial makes a connection to the Booster that speaks one of the protocols, or nil if the
// Booster speaks none of them.
func (w *world) dial(protocols ...string) *tls.Conn {
	w.t.Helper()
	conn, err := tls.Dial("tcp", w.booster.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: protocols})
	if err != nil {
		return nil
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	must(w.t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	return conn
}

// Within two seconds a removed host is cut off, refused at every handshake, and gets no new
// certificate by any way; with a new token it may come back.
func TestARemovedHostIsCutOff(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		_, token := w.token(TokenDraft{})
		e := w.entry("bad", token)
		_, err := Enter(t.Context(), e)
		must(t, err)
		id, err := trust.Open(e.Data)
		must(t, err)
		serve := echo(t, w.id.ServerTLS())
		must(t, shake(serve, id.ClientTLS()))

		began := time.Now()
		_, err = w.cluster.Remove(t.Context(), root(), "bad")
		must(t, err)
		if host := <-w.cut; host != "bad" {
			t.Errorf("%s was cut", host)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("cut after %s", took)
		}
		if err := shake(serve, id.ClientTLS()); err == nil {
			t.Error("a removed host is let in")
		}
		again, err := trust.Open(w.data) // a Booster that starts anew
		must(t, err)
		if err := shake(echo(t, again.ServerTLS()), id.ClientTLS()); err == nil {
			t.Error("after a restart a removed host is let in")
		}
		request, err := id.Request()
		must(t, err)
		_, err = w.booster.Renew(t.Context(), request)
		refusedAs(t, err, errs.Denied)
		must(t, os.Remove(filepath.Join(string(e.Data), "pki", "cert.pem")))
		_, err = Enter(t.Context(), e)
		refusedAs(t, err, errs.Denied)

		_, e.Token = w.token(TokenDraft{})
		_, err = Enter(t.Context(), e)
		must(t, err)
		back, err := trust.Open(e.Data)
		must(t, err)
		must(t, shake(serve, back.ClientTLS()))
	})
}

// A renewal and a removal at the same moment: whichever is first, no good certificate is left.
func TestNoCertificateOutlivesRemoval(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		for range 5 {
			_, id := w.enter("racer", config.RoleServer)
			request, err := id.Request()
			must(t, err)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					if _, err := w.booster.Renew(context.Background(), request); err != nil && !errs.Is(err, errs.Denied) {
						t.Error(err)
					}
				})
			}
			_, err = w.cluster.Remove(t.Context(), root(), "racer")
			must(t, err)
			all.Wait()
			var good int
			must(t, w.db.QueryRow(t.Context(), "SELECT COUNT(*) FROM cluster_certificate WHERE host = ? AND revoked = 0", "racer").Scan(&good))
			if good != 0 {
				t.Fatalf("%d certificates are still good", good)
			}
		}
	})
}

func TestTheLastBoosterStays(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		_, err := w.cluster.Remove(t.Context(), root(), "first")
		refusedAs(t, err, errs.Conflict)
		w.enter("second", config.RoleBooster)
		var all sync.WaitGroup
		var gone atomic.Int64
		for _, name := range []string{"first", "second"} {
			all.Go(func() {
				if _, err := w.cluster.Remove(context.Background(), root(), name); err == nil {
					gone.Add(1)
				}
			})
		}
		all.Wait()
		if gone.Load() != 1 {
			t.Errorf("%d of the last two Boosters were removed", gone.Load())
		}
	})
}

// A host of another machine cannot use a database that only the Booster's machine reaches; one of
// the same machine can.
func TestHostsThatCannotReachTheDatabase(t *testing.T) {
	w := one(t)
	for dsn, refused := range map[string]bool{"sqlite:/data/paceline.db": true, "mysql://u:p@localhost/app": true, dsn: false} {
		w.booster.cfg.Settings.DSN = dsn
		err := w.booster.reachable(knock{from: "192.0.2.1"})
		if refused != errs.Is(err, errs.Unsupported) {
			t.Errorf("%s: %v", db.Redact(dsn), err)
		}
		var e *errs.Error
		if errors.As(err, &e) && strings.HasPrefix(dsn, "sqlite") && !strings.Contains(e.Cure, "paceline migrate --to") {
			t.Errorf("the cure is %q", e.Cure)
		}
		must(t, w.booster.reachable(knock{from: "127.0.0.1", inside: true}))
	}
	if !isInside("127.0.0.1") || !isInside("::1") || isInside("192.0.2.1") || isInside("") {
		t.Error("which addresses are this machine's")
	}
}

// A host goes by the settings with the higher revision, and keeps its own secret.
func TestAHostHeedsNewerSettings(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		old, err := ReadSettings(w.data, w.id)
		must(t, err)
		for _, c := range []struct {
			told    Settings
			changed bool
		}{{Settings{DSN: "new", Revision: 2, Key: old.Key}, true}, {Settings{DSN: "older", Revision: 2, Key: old.Key}, false}, {Settings{DSN: "oldest", Key: old.Key}, false}} {
			if changed, err := Heed(w.data, w.id, c.told); err != nil || changed != c.changed {
				t.Errorf("%s: %v, %v", c.told.DSN, changed, err)
			}
		}
		s, err := ReadSettings(w.data, w.id)
		must(t, err)
		if s.DSN != "new" || s.Revision != 2 || !bytes.Equal(s.Secret, old.Secret) {
			t.Errorf("it knows revision %d of %s", s.Revision, s.DSN)
		}
		if revision, err := UseDatabase(w.data, w.id, "newest"); err != nil || revision != 3 {
			t.Errorf("revision %d, %v", revision, err)
		}
		must(t, MarkMoved(t.Context(), w.db, 3))
		must(t, MarkMoved(t.Context(), w.db, 4))
		if err := errors.Join(CheckMoved(t.Context(), w.db, 4)); err != nil {
			t.Error(err)
		}
		if err := CheckMoved(t.Context(), w.db, 3); !errs.Is(err, errs.Conflict) {
			t.Errorf("a host that knows the first move only: %v", err)
		}
	})
}

// Nothing that is secret can be read in files, tables or logs.
func TestSecretsAreNotReadable(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		var bodies []string
		_, token := w.token(TokenDraft{Roles: []config.Role{config.RoleBooster}})
		e := w.entry("second", token)
		_, err := Enter(t.Context(), e)
		must(t, err)
		for _, dir := range []config.Dir{w.data, e.Data} {
			must(t, filepath.Walk(string(dir), func(path string, info os.FileInfo, err error) error {
				if err != nil || info.IsDir() {
					return err
				}
				if info.Mode().Perm() != 0o600 {
					t.Errorf("%s has mode %o", path, info.Mode().Perm())
				}
				text, err := os.ReadFile(path)
				bodies = append(bodies, path+"\n"+string(text))
				return err
			}))
		}
		authority, err := w.booster.authority(t.Context())
		must(t, err)
		key, err := authority.Key()
		must(t, err)
		values, err := db.All(t.Context(), w.db, func(s db.Scanner) (v []byte, err error) { return v, s.Scan(&v) }, "SELECT value FROM cluster_setting")
		must(t, err)
		for _, v := range values {
			bodies = append(bodies, "table\n"+string(v))
		}
		hashes, err := db.All(t.Context(), w.db, func(s db.Scanner) (v string, err error) { return v, s.Scan(&v) }, "SELECT hash FROM cluster_token")
		must(t, err)
		bodies = append(bodies, "log\n"+w.log.String(), "hashes\n"+strings.Join(hashes, "\n"))
		full, err := parseToken(token)
		must(t, err)
		for _, body := range bodies {
			for _, secret := range []string{"the-password", full.secret, strings.Split(string(key), "\n")[1], string(w.booster.cfg.Settings.Secret), string(w.booster.cfg.Settings.Key)} {
				if strings.Contains(body, secret) {
					t.Errorf("%.60q is readable in %.200q", secret, body)
				}
			}
		}
	})
}

// Who founds a cluster twice is refused; who was cut off in the middle can go on.
func TestFounding(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		f := Founding{Data: w.data, DSN: dsn, Name: "first", Advertise: "127.0.0.1:7000"}
		_, err := Found(t.Context(), w.deps(), f)
		refusedAs(t, err, errs.Conflict)
		other := f
		other.Data = config.Dir(t.TempDir())
		_, err = Found(t.Context(), w.deps(), other)
		refusedAs(t, err, errs.Conflict)
		other.Name = "other"
		_, err = Found(t.Context(), w.deps(), other)
		refusedAs(t, err, errs.Conflict)

		must(t, os.Remove(filepath.Join(string(w.data), "pki", "cert.pem"))) // as if it had been killed
		made, err := Found(t.Context(), w.deps(), f)
		must(t, err)
		if made.Cluster != w.made.Cluster || made.Fingerprint != w.made.Fingerprint {
			t.Errorf("%+v, want %+v", made, w.made)
		}
		w.enter("after", config.RoleServer)
	})
}

func TestAHostFollowsWhatIsWanted(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		told, removed := make(chan Wanted, 10), make(chan bool, 10)
		w.enter("worker", config.RoleServer)
		f := NewFollower(w.db, "worker", func(wanted Wanted) { told <- wanted }, func() { removed <- true }, w.boosterDeps(w.id).Log)
		must(t, f.Start(t.Context()))
		defer func() { must(t, f.Stop(context.Background())) }()
		for _, wanted := range []Wanted{Active, Drained, Cordoned, Active} {
			h, err := w.cluster.Want(t.Context(), root(), "worker", wanted)
			must(t, err)
			if f.Ring(); h.Wanted != wanted || <-told != wanted {
				t.Errorf("not told %s", wanted)
			}
		}
		_, err := w.cluster.Remove(t.Context(), root(), "worker")
		must(t, err)
		f.Ring()
		<-removed
	})
}

func TestRights(t *testing.T) {
	w := one(t)
	nobody := &org.Actor{Login: "staff"}
	_, _, err := w.cluster.CreateToken(t.Context(), nobody, TokenDraft{})
	refusedAs(t, err, errs.Denied)
	_, err = w.cluster.Tokens(t.Context(), nobody)
	refusedAs(t, err, errs.Denied)
	_, err = w.cluster.RevokeToken(t.Context(), nobody, "x")
	refusedAs(t, err, errs.Denied)
	_, err = w.cluster.Hosts(t.Context(), nobody)
	refusedAs(t, err, errs.Denied)
	_, err = w.cluster.Want(t.Context(), nobody, "first", Drained)
	refusedAs(t, err, errs.Denied)
	_, err = w.cluster.Remove(t.Context(), nobody, "first")
	refusedAs(t, err, errs.Denied)
	_, err = w.cluster.Host(t.Context(), root(), "unknown")
	refusedAs(t, err, errs.NotFound)
	_, err = w.cluster.RevokeToken(t.Context(), root(), "unknown")
	refusedAs(t, err, errs.NotFound)
	for _, d := range []TokenDraft{{Life: time.Millisecond}, {Life: 1000 * time.Hour}, {Uses: -1}, {Uses: 2000}, {Roles: []config.Role{"king"}}, {Roles: []config.Role{"agent"}}} {
		_, _, err := w.cluster.CreateToken(t.Context(), root(), d)
		refusedAs(t, err, errs.Invalid)
	}
}

func TestBoosterIsAService(t *testing.T) {
	w := one(t)
	servicetest.Stress(t, NewBooster(BoosterConfig{Listen: "127.0.0.1:0", Settings: w.booster.cfg.Settings}, w.boosterDeps(w.id)))
}

func TestJoinAddress(t *testing.T) {
	for booster, want := range map[string]string{"boost1:5169": "boost1:5171", "boost1": "boost1:5171", "[::1]:7000": "[::1]:7002", "b:x": "", "b:65534": ""} {
		got, err := JoinAddress(booster)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", booster, got, err)
		}
	}
}

// echo answers handshakes of one configuration.
func echo(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

// shake says whether both ends of a connection accept each other: in TLS 1.3 a client learns
// that it was refused when it reads.
func shake(address string, cfg *tls.Config) error {
	conn, err := tls.Dial("tcp", address, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err = conn.Write([]byte("x")); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err
}
