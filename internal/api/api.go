// Package api is the HTTP door: JSON, problem documents, an event stream, and the
// pages that describe them. It decodes, calls a use case and encodes; it decides
// nothing.
//
// What always holds:
//
//   - The OpenAPI document is made from the types that serve the requests, so it cannot
//     say anything else than what is accepted and answered.
//   - Every error is a problem document (RFC 9457); one table maps kinds to statuses.
//   - A write under an Idempotency-Key takes effect once, and a repeat gets its answer.
//   - What a caller may not see is not found.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/cluster"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/hours"
	"github.com/paceline/paceline/internal/intake"
	"github.com/paceline/paceline/internal/join"
	"github.com/paceline/paceline/internal/operation"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/record"
	"github.com/paceline/paceline/internal/ticket"
)

// Config of the HTTP door.
type Config struct {
	Version   string        // of the program
	Node      string        // name of this node
	Secure    bool          // browsers reach it by https: cookies are Secure and __Host-
	Heartbeat time.Duration // of event streams; 0: 15 s
	Proxies   []string      // addresses or networks of proxies whose X-Forwarded-For is believed
	Origins   []string      // other origins whose pages may write, such as https://desk.example.com
}

// Deps are the use cases it speaks for.
type Deps struct {
	Org        *org.Org
	Apps       *app.Apps
	Tickets    *ticket.Service
	Operations *operation.Service
	Records    *record.Records
	Hours      *hours.Hours
	Intake     *intake.Intake
	// Messages brings messages and signals to processes.
	Messages Messages
	Checks   []Check // of /readyz
	Nodes    func(ctx context.Context, by *org.Actor) (cluster.Overview, error)
	Hosts    *join.Cluster
	Leader   func() cluster.Leader // as far as this node knows
	Metrics  *prometheus.Registry
	Now      func() time.Time
	Log      *slog.Logger
}

// Server answers requests. Everything in it is set by New and then only read, except
// events, readiness and attempts, which guard themselves.
type Server struct {
	cfg        Config
	org        *org.Org
	apps       *app.Apps
	tickets    *ticket.Service
	operations *operation.Service
	hours      *hours.Hours
	intake     *intake.Intake
	messages   Messages
	records    *record.Records
	nodes      func(context.Context, *org.Actor) (cluster.Overview, error)
	hosts      *join.Cluster
	leader     func() cluster.Leader
	now        func() time.Time
	log        *slog.Logger

	mux       *http.ServeMux
	huma      huma.API
	handler   http.Handler
	document  document
	metrics   *metrics
	events    *Events
	readiness *readiness
	attempts  *attempts
	proxies   proxies

	serving     context.Context // ends when the listener stops: nobody is kept waiting then
	stopServing context.CancelFunc
}

// New makes the door. It listens to nothing.
func New(cfg Config, deps Deps) (*Server, error) {
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 15 * time.Second
	}
	s := &Server{
		cfg: cfg, org: deps.Org, apps: deps.Apps, tickets: deps.Tickets, operations: deps.Operations, hours: deps.Hours, intake: deps.Intake, messages: deps.Messages, records: deps.Records, nodes: deps.Nodes, hosts: deps.Hosts, leader: deps.Leader, now: deps.Now, log: deps.Log,
		mux: http.NewServeMux(), metrics: newMetrics(deps.Metrics),
		readiness: &readiness{node: cfg.Node, checks: deps.Checks, now: deps.Now},
		attempts:  newAttempts(),
	}
	s.serving, s.stopServing = context.WithCancel(context.Background())
	s.events = newEvents(deps.Now(), s.metrics.dropped.Inc)
	var err error
	if s.proxies, err = parseProxies(cfg.Proxies); err != nil {
		return nil, err
	}
	s.huma = humago.New(s.mux, s.humaConfig())

	s.registerSession()
	s.registerAccount()
	s.registerUsers()
	s.registerGroups()
	s.registerAudit()
	s.registerApps()
	s.registerTickets()
	s.registerInbox()
	s.registerTasks()
	s.registerConversation()
	s.registerNotices()
	s.registerHistory()
	s.registerRecords()
	s.registerIncidents()
	s.registerOperations()
	s.registerJobs()
	s.registerNodes()
	s.registerHosts()
	s.registerCalendars()
	s.registerSchedules()
	s.registerMessages()
	s.registerHooks()
	s.registerEvents()
	if err := s.renderDocument(); err != nil {
		return nil, err
	}
	s.registerPages(deps.Metrics)
	return s, s.protect()
}

// Ring tells open event streams that something changed; see Events.Ring.
func (s *Server) Ring(topic, key string) { s.events.Ring(topic, key) }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) humaConfig() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Paceline", Version: "1",
				Description: "Forms and workflows: apps, tickets, tasks, people. Ids are strings. Times are RFC 3339 in UTC. Lists are paged by after and limit."},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"session": {Type: "apiKey", In: "cookie", Name: s.cookieName(), Description: "Made by signing in."},
					"token":   {Type: "http", Scheme: "bearer", Description: "An API token."},
				},
			},
			Security: []map[string][]string{{"session": {}}, {"token": {}}},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{s.restate},
	}
}

// registerPages adds what is not an operation of the API.
func (s *Server) registerPages(reg *prometheus.Registry) {
	s.mux.HandleFunc("GET "+documentPath, s.serveDocument)
	s.mux.HandleFunc("GET "+docsPath, s.serveDocument)
	s.mux.HandleFunc("GET /livez", s.live)
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	s.mux.HandleFunc("POST /hooks/{name}", s.deliver)
	s.mux.HandleFunc("GET /{$}", s.landing)
	s.mux.HandleFunc("/", s.nowhere)
}

// nowhere answers what no route takes: 405 where another method would be taken.
func (s *Server) nowhere(w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/" {
			w.Header().Add("Allow", method)
		}
	}
	if w.Header().Get("Allow") == "" {
		s.refuse(w, r, errs.New(errs.NotFound, "there is nothing at %s", r.URL.Path).WithCure("see "+docsPath))
		return
	}
	p := newProblem(r.Context(), errs.Unsupported, http.StatusMethodNotAllowed)
	p.Detail = "This address does not take " + r.Method + "."
	s.refuse(w, r, p)
}

// protect puts everything around the routes that is the same for all of them.
func (s *Server) protect() error {
	cross := http.NewCrossOriginProtection()
	for _, origin := range s.cfg.Origins {
		if err := cross.AddTrustedOrigin(origin); err != nil {
			return errs.New(errs.Invalid, "%q is not an origin: %w", origin, err).WithCure("write it as https://desk.example.com")
		}
	}
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, errs.New(errs.Denied, "a page of another origin may not write here").
			WithCure("add its origin to the configuration if it should"))
	}))
	s.handler = identify(s.guard(s.observe(cross.Handler(s.mux))))
	return nil
}
