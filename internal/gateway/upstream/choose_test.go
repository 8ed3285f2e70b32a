package upstream

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// still is a pool whose servers are ready without being asked, and whose clock is told.
func still(cfg Config, weights ...int) (*Pool, *time.Time) {
	for i, w := range weights {
		cfg.Servers = append(cfg.Servers, ServerConfig{Address: fmt.Sprintf("10.0.0.%d:80", i+1), Weight: w})
	}
	p := NewPool("app", cfg, nil, slog.New(slog.DiscardHandler))
	now := time.Unix(1e9, 0)
	p.now = func() time.Time { return now }
	for _, s := range p.servers {
		s.found = Ready
	}
	return p, &now
}

// sequence names the servers that n requests come to, by their number.
func sequence(p *Pool, n int, finish bool, req Request) string {
	var b strings.Builder
	for range n {
		s := p.choose(&req, nil, false)
		if s == nil {
			b.WriteByte('-')
			continue
		}
		b.WriteByte('1' + byte(slices.Index(p.servers, s)))
		if finish {
			p.done(s)
		}
	}
	return b.String()
}

func TestRoundRobinIsSmoothAsNginx(t *testing.T) {
	// nginx documents a a b a c a a for the weights 5, 1, 1.
	p, _ := still(Config{Policy: RoundRobin}, 5, 1, 1)
	if got := sequence(p, 14, true, Request{}); got != "11213111121311" {
		t.Error(got)
	}
	p, _ = still(Config{Policy: RoundRobin}, 1, 1, 1)
	if got := sequence(p, 6, true, Request{}); got != "123123" {
		t.Error(got)
	}
}

func TestLeastLoadedFillsEvenlyByWeight(t *testing.T) {
	p, _ := still(Config{}, 1, 1, 2)
	got := sequence(p, 12, false, Request{})
	if n1, n2, n3 := strings.Count(got, "1"), strings.Count(got, "2"), strings.Count(got, "3"); n1 != 3 || n2 != 3 || n3 != 6 {
		t.Error(got)
	}
}

// The values are nginx's: TestIPHashAgreesWithNginx in the package above asks a real one.
// A cordoned server gets nothing while another one is ready, keeps its streams, and helps out when nobody else is there.
func TestACordonedServerGetsNothingNew(t *testing.T) {
	for _, policy := range []Policy{LeastLoaded, RoundRobin, IPHash, Cookie, Ticket} {
		p, _ := still(Config{Policy: policy}, 1, 1)
		cfg := *p.config()
		cfg.Servers = slices.Clone(cfg.Servers)
		cfg.Servers[0].Cordon = true
		if err := p.Apply(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if s := p.servers[0]; s.state() != Cordoned || s.grace != nil {
			t.Errorf("%s: it is %s, and its streams are about to end: %v", policy, s.state(), s.grace != nil)
		}
		if got := sequence(p, 6, true, Request{Path: []byte("/tickets/1")}); got != "222222" {
			t.Errorf("%s: %s", policy, got)
		}
		p.servers[1].found = Down
		if got := sequence(p, 2, true, Request{}); got != "11" {
			t.Errorf("%s: alone: %s", policy, got)
		}
	}
}

func TestIPHashIsNginxFunction(t *testing.T) {
	p, _ := still(Config{Policy: IPHash}, 1, 2, 1, 3)
	for client, want := range map[string]string{
		"10.0.0.1": ipHashByHand([]byte{10, 0, 0}, 7), "10.0.0.250": ipHashByHand([]byte{10, 0, 0}, 7),
		"192.168.7.1": ipHashByHand([]byte{192, 168, 7}, 7), "203.0.113.9": ipHashByHand([]byte{203, 0, 113}, 7),
	} {
		if got := sequence(p, 2, true, Request{Client: netip.MustParseAddr(client)}); got != want+want {
			t.Errorf("%s: %s, want %s", client, got, want)
		}
	}
}

// ipHashByHand gives the number of the server of the weights 1, 2, 1, 3.
func ipHashByHand(key []byte, total int) string {
	h := 89
	for _, b := range key {
		h = (h*113 + int(b)) % 6271
	}
	return string("1223444"[h%total])
}

func TestIPHashSkipsServersThatAreAwayAndKeepsTheirPlace(t *testing.T) {
	p, _ := still(Config{Policy: IPHash}, 1, 1, 1)
	client := Request{Client: netip.MustParseAddr("10.1.2.3")}
	home := sequence(p, 1, true, client)
	i := int(home[0] - '1')
	p.servers[i].found = Down
	other := sequence(p, 3, true, client)
	if other[0] == home[0] || other[0] != other[1] || other[1] != other[2] {
		t.Errorf("home %s, then %s", home, other)
	}
	p.servers[i].found = Ready
	if got := sequence(p, 1, true, client); got != home {
		t.Errorf("came back to %s, not to %s", got, home)
	}
}

func TestMaxFailsTakesOutForFailTimeoutAndThenTriesOnce(t *testing.T) {
	p, now := still(Config{Policy: RoundRobin, MaxFails: 2, FailTimeout: 10 * time.Second}, 1, 1)
	p.servers[0].failed()
	if got := sequence(p, 4, true, Request{}); !strings.Contains(got, "1") {
		t.Errorf("out after one failure: %s", got)
	}
	p.servers[0].failed()
	if got := sequence(p, 4, true, Request{}); got != "2222" {
		t.Errorf("still asked: %s", got)
	}
	*now = now.Add(11 * time.Second)
	if got := sequence(p, 4, true, Request{}); strings.Count(got, "1") != 1 {
		t.Errorf("after the time one trial is due: %s", got)
	}
	*now = now.Add(time.Millisecond)
	p.servers[0].worked()
	if got := sequence(p, 4, true, Request{}); strings.Count(got, "1") < 2 {
		t.Errorf("the trial worked, and yet: %s", got)
	}
}

func TestMaxFailsSparesTheOnlyServerAndTheLast(t *testing.T) {
	p, _ := still(Config{MaxFails: 1}, 1)
	p.servers[0].failed()
	if got := sequence(p, 2, true, Request{}); got != "11" {
		t.Error(got)
	}
	p, _ = still(Config{MaxFails: 1}, 1, 1)
	p.servers[0].failed()
	p.servers[1].failed()
	if got := sequence(p, 2, true, Request{}); strings.Contains(got, "-") {
		t.Errorf("rather one with errors than none: %s", got)
	}
}

func TestErrorsAreForgottenWhenAServerComesBack(t *testing.T) {
	p, _ := still(Config{Policy: RoundRobin, MaxFails: 1, SlowStart: -1}, 1, 1)
	p.servers[0].failed()
	p.servers[0].is(Down, "", 0, true)
	p.servers[0].is(Ready, "", 0, false)
	if got := sequence(p, 4, true, Request{}); strings.Count(got, "1") != 2 {
		t.Errorf("a server that was started again is asked %s", got)
	}
}

func TestSlowStartGrowsToTheFullShare(t *testing.T) {
	for _, policy := range []Policy{LeastLoaded, RoundRobin} {
		p, now := still(Config{Policy: policy, SlowStart: 10 * time.Second}, 1, 1)
		p.servers[0].is(Down, "", 0, true)
		p.servers[0].is(Ready, "", 0, false)
		count := func() int { return strings.Count(sequence(p, 110, policy == RoundRobin, Request{}), "1") }
		early := count()
		for _, s := range p.servers {
			s.inFlight = 0
		}
		*now = now.Add(11 * time.Second)
		late := count()
		if early > 15 || late < 50 || late > 60 {
			t.Errorf("%s: %d of 110 at once, %d later", policy, early, late)
		}
	}
}

func TestCookieBindsAndCannotBeForged(t *testing.T) {
	p, now := still(Config{Policy: Cookie, CookieKey: "k"}, 1, 1, 1)
	value, _ := p.CookieFor(p.servers[2], "")
	if got := sequence(p, 4, true, Request{Cookie: value}); got != "3333" {
		t.Errorf("bound to 3, got %s", got)
	}
	if again, _ := p.CookieFor(p.servers[2], value); again != "" {
		t.Error("set again although the client has it")
	}
	p.servers[2].found = Down
	if got := sequence(p, 2, true, Request{Cookie: value}); strings.ContainsAny(got, "3-") {
		t.Errorf("3 is away, got %s", got)
	}
	p.servers[2].found = Ready
	other, _ := still(Config{Policy: Cookie, CookieKey: "other"}, 1, 1, 1)
	forged, _ := other.CookieFor(other.servers[2], "")
	for _, bad := range []string{forged, value + "x", "x" + value, "", ".", strings.Repeat("a.", 100)} {
		if id := p.readCookie(bad, *now); id != "" {
			t.Errorf("%q is taken for %s", bad, id)
		}
	}
	if p.readCookie(value, now.Add(13*time.Hour)) != "" {
		t.Error("a cookie binds for ever")
	}
}

func TestTicketsKeepTheirServer(t *testing.T) {
	p, _ := still(Config{Policy: Ticket}, 1, 1, 1, 1)
	home := make(map[int]string)
	per := make(map[string]int)
	for n := range 400 {
		req := Request{Path: fmt.Appendf(nil, "/api/v1/tickets/%d/comments", n)}
		home[n] = sequence(p, 1, true, req)
		per[home[n]]++
		if again := sequence(p, 2, true, req); again != home[n]+home[n] {
			t.Fatalf("ticket %d: %s, then %s", n, home[n], again)
		}
	}
	for s, n := range per {
		if n < 60 || n > 140 {
			t.Errorf("server %s has %d of 400 tickets", s, n)
		}
	}
	p.servers[3].found = Down
	for n, was := range home {
		got := sequence(p, 1, true, Request{Path: fmt.Appendf(nil, "/api/v1/tickets/%d", n)})
		if was != "4" && got != was {
			t.Fatalf("ticket %d moved from %s to %s although only 4 is away", n, was, got)
		}
	}
	if got := sequence(p, 60, false, Request{Path: []byte("/tickets/1")}); !strings.Contains(got, "1") || !strings.Contains(got, "2") || !strings.Contains(got, "3") {
		t.Errorf("one hot ticket loads one server only: %s", got)
	}
}

// What a server has made is in its memory, and its number is in the id.
func TestTicketsGoToTheServerThatMadeThem(t *testing.T) {
	p, _ := still(Config{Policy: Ticket, TicketAfter: []string{"tickets", "tasks"}}, 1, 1, 1)
	for i, s := range p.servers {
		s.node = 7 + i
	}
	for n := range 100 {
		id := n<<10 | 8
		if got := sequence(p, 1, true, Request{Path: fmt.Appendf(nil, "/api/v1/tasks/%d/claim", id)}); got != "2" {
			t.Fatalf("the task %d of server 2 goes to %s", id, got)
		}
	}
	p.servers[1].found = Down
	if got := sequence(p, 1, true, Request{Path: []byte("/tasks/8")}); got == "2" || got == "" {
		t.Errorf("what a server made that is away goes to %q", got)
	}
}

func TestBudgetStopsRepeats(t *testing.T) {
	p, _ := still(Config{Budget: Budget{Ratio: 0.5, Burst: 3}}, 1)
	for i := range 3 {
		if !p.spend() {
			t.Fatalf("repeat %d of 3 refused", i+1)
		}
	}
	if p.spend() {
		t.Error("a fourth was allowed")
	}
	sequence(p, 2, true, Request{})
	if !p.spend() || p.spend() {
		t.Error("two requests earn one repeat")
	}
}

func TestEventsHastenAndProbesDecide(t *testing.T) {
	p, _ := still(Config{}, 1)
	s := p.servers[0]
	before := s.event
	p.Down(s.address, "its process ended")
	if s.found != Down {
		t.Fatal("not down after the event")
	}
	s.is(Ready, "", before, false) // a probe that began before the event
	if s.found != Down {
		t.Error("an old probe undid the event")
	}
	s.is(Ready, "", s.event, false)
	if s.found != Ready {
		t.Error("a later probe does not correct the event")
	}
}

func TestARequestThatIsChosenAsItsServerDiesGoesOn(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p := NewPool("app", Config{Servers: []ServerConfig{{Address: ln.Addr().String()}}}, nil, slog.New(slog.DiscardHandler))
	s := p.servers[0]
	s.is(Ready, "", 0, false)
	j := &journey{pool: p, req: &Request{Method: "GET", Head: []byte("GET / HTTP/1.1\r\n\r\n"), Repeat: true, Timeouts: Timeouts{}.OrDefault()}}
	if p.choose(j.req, nil, false) != s {
		t.Fatal("not chosen")
	}
	s.is(Down, "", 0, false)
	if _, f := j.try(t.Context(), s, false); f == nil || !f.cut || f.sent {
		t.Errorf("%+v", f)
	}
}

func TestConfigNamesEveryWrongPlace(t *testing.T) {
	c := Config{
		Servers:   []ServerConfig{{Address: "nowhere"}, {Address: "a:1", Weight: -1}, {Address: "a:1"}, {Address: "a b;:1"}, {Address: "a:99999"}},
		Policy:    "best",
		MaxFails:  -2,
		Probe:     Probe{Path: "readyz", Every: -1},
		MaxHeld:   -1,
		SlowStart: -1,
	}
	var places []string
	for _, d := range c.Check("pools.app") {
		places = append(places, strings.TrimPrefix(d.Place, "pools.app"))
	}
	slices.Sort(places)
	want := []string{"", ".max_fails", ".policy", ".probe.every", ".probe.path", ".servers[0].address", ".servers[1].weight",
		".servers[2].address", ".servers[3].address", ".servers[4].address"}
	if !slices.Equal(places, want) {
		t.Errorf("got %q", places)
	}
	if wrong := (Config{Servers: []ServerConfig{{Address: "[::1]:80"}, {Address: "host:80"}}}).Check(""); len(wrong) > 0 {
		t.Error(wrong)
	}
}
