package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paceline/paceline/client"
)

// Load is people at work: each opens a ticket of the service desk, reads it, and completes its
// first task, again and again, through the gateways. Every write is kept in a Ledger.
// It is a service.Service.
type Load struct {
	cfg    LoadConfig
	run    string
	Ledger *Ledger
	gates  *gates
	people []*person
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// LoadConfig says how hard people work.
type LoadConfig struct {
	Gateways []string // addresses, host:port; a client goes to the next when one does not answer
	Password string   // of the sample people
	People   int      // at once; 8
	Rate     float64  // requests a second of all people together; 0: as fast as they can
	// Patience is how long one request may take with all its repeats; 30 s.
	Patience time.Duration
	// Attempt is how long one gateway may take to answer before the client goes to the next,
	// as it does when a whole gateway is away and no packet says so; 5 s.
	Attempt time.Duration
}

// person opens as staff and completes as the service desk.
type person struct {
	staff, desk *client.Client
}

// NewLoad makes a load that is at rest.
func NewLoad(cfg LoadConfig) *Load {
	if cfg.People == 0 {
		cfg.People = 8
	}
	if cfg.Patience == 0 {
		cfg.Patience = 30 * time.Second
	}
	if cfg.Attempt == 0 {
		cfg.Attempt = 5 * time.Second
	}
	run := "load-" + strings.ToLower(rand.Text()[:8])
	return &Load{cfg: cfg, run: run, Ledger: newLedger(run), gates: newGates(cfg)}
}

// Start signs the sample people in and lets them work.
func (l *Load) Start(ctx context.Context) error {
	staff, err := l.token(ctx, "staff1")
	if err != nil {
		return err
	}
	desk, err := l.token(ctx, "desk1")
	if err != nil {
		return err
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	for i := range l.cfg.People {
		p := &person{}
		for to, token := range map[**client.Client]string{&p.staff: staff, &p.desk: desk} {
			if *to, err = l.client(token); err != nil {
				cancel()
				return err
			}
		}
		l.people = append(l.people, p)
		l.wg.Go(func() { l.work(working, i, p) })
	}
	return nil
}

// Stop lets everybody finish the request under way.
func (l *Load) Stop(context.Context) error {
	if l.cancel != nil {
		l.cancel()
	}
	l.wg.Wait()
	return nil
}

func (l *Load) client(token string) (*client.Client, error) {
	return client.New(client.Config{URL: "http://" + l.cfg.Gateways[0], Token: token, Retries: -1, HTTP: &http.Client{Transport: l.gates}})
}

// token signs a sample person in and gives a token that outlives the session.
func (l *Load) token(ctx context.Context, login string) (string, error) {
	c, err := client.New(client.Config{URL: "http://" + l.cfg.Gateways[0]})
	if err != nil {
		return "", err
	}
	if _, err := c.Login(ctx, login, l.cfg.Password); err != nil {
		return "", err
	}
	token, err := c.CreateToken(ctx, client.NewToken{Name: l.run, Scopes: []string{"write"}})
	return token.Secret, err
}

// work is one person's day.
func (l *Load) work(ctx context.Context, number int, p *person) {
	pace := newPace(l.cfg, number)
	for i := 0; pace.wait(ctx); i++ {
		title := fmt.Sprintf("%s-%d-%d", l.run, number, i)
		l.Ledger.asked(title)
		var opened client.Opened
		if err := l.request(title+"-open", true, func(ctx context.Context) (err error) {
			opened, err = p.staff.OpenTicket(ctx, incident(title))
			return err
		}); err != nil {
			continue
		}
		l.Ledger.opened(title, opened.ID)
		if !pace.wait(ctx) {
			return
		}
		var view client.TicketView
		if err := l.request("", false, func(ctx context.Context) (err error) {
			view, err = p.staff.Ticket(ctx, opened.ID)
			return err
		}); err != nil || len(view.Steps) == 0 {
			continue
		}
		if !pace.wait(ctx) {
			return
		}
		if err := l.request(title+"-complete", true, func(ctx context.Context) error {
			_, err := p.desk.Complete(ctx, view.Steps[0].Task, client.Completion{Outcome: "reject", Note: "load"})
			return err
		}); err == nil {
			l.Ledger.completed(title)
		}
	}
}

// request does one thing and notes how it went. What is under way when the load stops is
// finished: an answer that nobody heard could not be held against what is stored.
func (l *Load) request(key string, write bool, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), l.cfg.Patience)
	defer cancel()
	moved := &atomic.Int64{}
	ctx = context.WithValue(ctx, movedKey{}, moved)
	if write {
		ctx = client.WithKey(ctx, key)
	}
	began := time.Now()
	err := do(ctx)
	l.Ledger.note(write, time.Since(began), int(moved.Load()), err)
	return err
}

func incident(title string) client.Draft {
	return client.Draft{App: "service-desk", Kind: "incident", Data: map[string]any{
		"subject": title, "category": "other", "impact": "one", "urgency": "normal", "description": "Made by the load of the demo.",
	}}
}

// Audit reads all tickets of the load and holds them against the ledger.
func (l *Load) Audit(ctx context.Context) (Audit, error) {
	p := l.people[0]
	var stored []Stored
	for after := ""; ; {
		page, err := p.staff.Tickets(ctx, client.TicketQuery{App: "service-desk", Search: l.run, Paging: client.Paging{After: after, Limit: 200}})
		if err != nil {
			return Audit{}, err
		}
		for _, t := range page.Items {
			n, err := completions(ctx, p.staff, t.ID)
			if err != nil {
				return Audit{}, err
			}
			stored = append(stored, Stored{ID: t.ID, Title: t.Title, Closed: t.Status == "closed", Completions: n})
		}
		if after = page.Next; after == "" {
			return l.Ledger.Check(stored), nil
		}
	}
}

func completions(ctx context.Context, c *client.Client, ticket string) (n int, err error) {
	page, err := c.History(ctx, ticket, client.Paging{Limit: 200})
	for _, e := range page.Items {
		if e.Kind == "taskCompleted" {
			n++
		}
	}
	return n, err
}

// gates sends a client's requests to the first gateway that answers. A request that met a
// broken connection goes to the next one, unchanged: its key is why that is safe.
type gates struct {
	addresses []string
	first     atomic.Int64 // the gateway that answered last
	inner     *http.Transport
}

func newGates(cfg LoadConfig) *gates {
	dial := net.Dialer{Timeout: cfg.Attempt}
	return &gates{addresses: cfg.Gateways, inner: &http.Transport{
		DialContext: dial.DialContext, ResponseHeaderTimeout: cfg.Attempt, MaxIdleConnsPerHost: 2 * cfg.People,
	}}
}

type movedKey struct{}

// RoundTrip implements http.RoundTripper.
func (g *gates) RoundTrip(req *http.Request) (*http.Response, error) {
	at := g.first.Load()
	var failed error
	for attempt := int64(0); req.Context().Err() == nil; attempt++ {
		if attempt > 0 {
			if moved, ok := req.Context().Value(movedKey{}).(*atomic.Int64); ok {
				moved.Add(1)
			}
			if err := g.rewind(req); err != nil {
				return nil, err
			}
			pause(req.Context(), time.Duration(min(attempt, 20))*5*time.Millisecond)
		}
		i := (at + attempt) % int64(len(g.addresses))
		send := req.Clone(req.Context())
		send.URL.Host, send.Host = g.addresses[i], g.addresses[i]
		res, err := g.inner.RoundTrip(send)
		switch {
		case err != nil:
			failed = err
		case attempt > 0 && res.StatusCode == http.StatusConflict && res.Header.Get("Retry-After") != "":
			res.Body.Close() // what an earlier attempt began is not over
			failed = errors.New(res.Status)
		default:
			g.first.Store(i)
			return res, nil
		}
	}
	return nil, errors.Join(failed, req.Context().Err())
}

func (g *gates) rewind(req *http.Request) (err error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	if req.GetBody == nil {
		return errors.New("the request cannot be sent again")
	}
	req.Body, err = req.GetBody()
	return err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// pace spaces the requests of one person.
type pace struct {
	every time.Duration
	due   time.Time
}

func newPace(cfg LoadConfig, number int) *pace {
	p := &pace{due: time.Now()}
	if cfg.Rate > 0 {
		p.every = time.Duration(float64(cfg.People) / cfg.Rate * float64(time.Second))
		p.due = p.due.Add(p.every * time.Duration(number) / time.Duration(cfg.People))
	}
	return p
}

// wait waits until the next request is due; false when the load is over.
func (p *pace) wait(ctx context.Context) bool {
	if p.every > 0 {
		pause(ctx, time.Until(p.due))
		p.due = p.due.Add(p.every)
		if late := time.Now(); p.due.Before(late.Add(-time.Second)) {
			p.due = late // what could not be done in time is not made up for
		}
	}
	return ctx.Err() == nil
}
