package demo

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/paceline/paceline/internal/agent"
	"github.com/paceline/paceline/internal/config"
)

// Sight is the cluster as it looks from outside at one moment.
type Sight struct {
	Hosts     []HostSight
	Leader    string // host of the Booster that leads; empty: none that is known
	Epoch     int64  // of its lease
	Takeovers int    // changes of the leader since the watching began
	PerSecond float64
	Load      Figures
}

// HostSight is one host.
type HostSight struct {
	Name     string
	Agent    bool   // it answers
	State    string // of the role
	Waits    string // for what
	Restarts int
	Memory   int64 // bytes
}

// Watch looks at a cluster again and again.
type Watch struct {
	cluster *Cluster
	load    *Load // nil: nobody works

	last Sight
	at   time.Time
}

// NewWatch makes a watch; the load may be nil.
func NewWatch(c *Cluster, l *Load) *Watch { return &Watch{cluster: c, load: l} }

// Look asks all Agents.
func (w *Watch) Look(ctx context.Context) Sight {
	s := Sight{Hosts: make([]HostSight, len(w.cluster.Hosts)), Takeovers: w.last.Takeovers}
	leases := make([]int64, len(w.cluster.Hosts))
	var all sync.WaitGroup
	for i, h := range w.cluster.Hosts {
		all.Go(func() { s.Hosts[i], leases[i] = h.look(ctx) })
	}
	all.Wait()
	for i, epoch := range leases {
		if epoch > s.Epoch {
			s.Leader, s.Epoch = s.Hosts[i].Name, epoch
		}
	}
	if w.last.Epoch != 0 && s.Epoch > w.last.Epoch {
		s.Takeovers++
	}
	now := time.Now()
	if w.load != nil {
		s.Load = w.load.Ledger.Figures()
		if !w.at.IsZero() {
			s.PerSecond = float64(s.Load.Requests-w.last.Load.Requests) / now.Sub(w.at).Seconds()
		}
	}
	w.last, w.at = s, now
	return s
}

// lookPatience is how long an Agent may take to answer before it counts as silent.
const lookPatience = time.Second

func (h Host) look(ctx context.Context) (s HostSight, lease int64) {
	s.Name = h.Name
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	report, alive := agent.Find(h.Dir, h.Role)
	r, err := h.role(ctx)
	s.Agent = err == nil
	switch {
	case err == nil:
		s.State, s.Restarts = string(r.State), r.Restarts
		if r.Report != nil {
			s.Waits = r.Report.Waits
		}
		if r.Figures != nil {
			s.Memory = r.Figures.Memory
		}
	case alive:
		s.State = report.State + "?"
	default:
		s.State = "gone"
	}
	if alive && h.Role == config.RoleBooster {
		lease = report.Lease
	}
	return s, lease
}

// String is the sight as a page.
func (s Sight) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s %-10s %-6s %8s %8s  %s\n", "NODE", "STATE", "AGENT", "RESTARTS", "MEMORY", "WAITS FOR")
	for _, h := range s.Hosts {
		alive := "ok"
		if !h.Agent {
			alive = "silent"
		}
		state := h.State
		if h.Name == s.Leader {
			state += " *"
		}
		fmt.Fprintf(&b, "%-12s %-10s %-6s %8d %5d MB  %s\n", h.Name, state, alive, h.Restarts, h.Memory>>20, h.Waits)
	}
	fmt.Fprintf(&b, "\nleader %s, epoch %d, takeovers %d\n", cmp.Or(s.Leader, "nobody"), s.Epoch, s.Takeovers)
	if s.Load.Requests > 0 {
		fmt.Fprintf(&b, "load %.0f requests/s; %d requests (%d writes), failed %d, moved to another gateway %d, longest %s\n",
			s.PerSecond, s.Load.Requests, s.Load.Writes, s.Load.Failed, s.Load.Moved, s.Load.Longest.Round(time.Millisecond))
	}
	if s.Load.First != "" {
		fmt.Fprintf(&b, "first failure: %s\n", s.Load.First)
	}
	return b.String()
}

// Since tells in lines what differs from an earlier sight.
func (s Sight) Since(old Sight) []string {
	var lines []string
	was := map[string]HostSight{}
	for _, h := range old.Hosts {
		was[h.Name] = h
	}
	for _, h := range s.Hosts {
		o, known := was[h.Name]
		if known && o.State == h.State && o.Agent == h.Agent && o.Waits == h.Waits {
			continue
		}
		line := h.Name + " is " + h.State
		if h.Waits != "" {
			line += ": " + h.Waits
		}
		if !h.Agent {
			line += "; its Agent is silent"
		}
		lines = append(lines, line)
	}
	if s.Leader != old.Leader || s.Epoch != old.Epoch {
		lines = append(lines, fmt.Sprintf("leader %s, epoch %d", cmp.Or(s.Leader, "nobody"), s.Epoch))
	}
	return lines
}
