package api

import (
	"context"
	"net/http"
	"sort"
	"sync"
	"time"
)

// Check is one thing that must hold for this node to take requests. It returns the
// cause when it does not.
type Check struct {
	Name string
	Run  func(context.Context) error
}

// Health is the answer of /readyz.
type Health struct {
	Ready  bool          `json:"ready"`
	Node   string        `json:"node"`
	Leader string        `json:"leader,omitempty"` // as far as this node knows
	Epoch  int64         `json:"epoch"`            // of the leader, or of the last
	Checks []CheckResult `json:"checks"`
}

// CheckResult is what one check found.
type CheckResult struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	Cause string `json:"cause,omitempty"`
}

// readiness runs the checks at most once per keep, however often it is asked, so that
// an eager balancer costs the database nothing. mu guards the rest.
type readiness struct {
	node   string
	checks []Check
	now    func() time.Time

	mu       sync.Mutex
	last     Health
	at       time.Time
	draining bool
}

const (
	healthKeep  = time.Second
	healthLimit = 2 * time.Second
)

func (r *readiness) look(ctx context.Context) Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining {
		return Health{Node: r.node, Checks: []CheckResult{{Name: "intake", Cause: "this node is stopping"}}}
	}
	if now := r.now(); r.at.IsZero() || now.Sub(r.at) >= healthKeep {
		r.last, r.at = r.run(ctx), now
	}
	return r.last
}

func (r *readiness) run(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthLimit)
	defer cancel()
	h := Health{Ready: true, Node: r.node, Checks: make([]CheckResult, 0, len(r.checks))}
	for _, c := range r.checks {
		res := CheckResult{Name: c.Name, Ready: true}
		if err := c.Run(ctx); err != nil {
			res.Ready, res.Cause, h.Ready = false, err.Error(), false
		}
		h.Checks = append(h.Checks, res)
	}
	sort.Slice(h.Checks, func(i, j int) bool { return h.Checks[i].Name < h.Checks[j].Name })
	return h
}

// drain makes /readyz answer no from now on.
func (r *readiness) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
}

// live says only that the process answers.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	encode(s.log, w, map[string]string{"status": "live", "version": s.cfg.Version})
}

// ready says whether requests should be sent here, and what is in the way.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	h := s.readiness.look(r.Context())
	leader := s.leader()
	h.Leader, h.Epoch = leader.Name, leader.Epoch
	w.Header().Set("Content-Type", "application/json")
	if !h.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	encode(s.log, w, h)
}
