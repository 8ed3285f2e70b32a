package upstream

import (
	"slices"
	"time"
)

// choose takes a server for the request and counts it in, or gives nil when none is
// ready that was not tried. The caller counts it out again with done.
func (p *Pool) choose(req *Request, tried []*Server, again bool) *Server {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	s := p.pick(req, now, func(s *Server) bool {
		return s.state() == Ready && !s.out(now) && !slices.Contains(tried, s)
	})
	if s == nil { // rather one with errors than none
		s = p.leastLoaded(now, func(s *Server) bool { return s.state() == Ready && !slices.Contains(tried, s) })
	}
	if s == nil { // and one that is to get nothing, if all are
		s = p.leastLoaded(now, func(s *Server) bool { return s.takes() && !slices.Contains(tried, s) })
	}
	if s == nil {
		return nil
	}
	if now.Sub(s.checked) > p.config().FailTimeout {
		s.checked = now // this request is the trial after a time out of service
	}
	s.inFlight++
	s.requests++
	if again {
		s.repeats++
	} else if b := p.config().Budget; p.budget < float64(b.Burst) {
		p.budget = min(p.budget+b.Ratio, float64(b.Burst))
	}
	return s
}

func (p *Pool) done(s *Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.inFlight--
}

func (p *Pool) pick(req *Request, now time.Time, usable func(*Server) bool) *Server {
	switch p.config().Policy {
	case RoundRobin:
		return p.roundRobin(now, usable)
	case IPHash:
		return p.ipHash(req.Client, now, usable)
	case Cookie:
		if s := p.byID(p.readCookie(req.Cookie, now)); s != nil && usable(s) {
			return s
		}
	case Ticket:
		if s := p.byTicket(req.Path, now, usable); s != nil {
			return s
		}
	}
	return p.leastLoaded(now, usable)
}

// leastLoaded chooses the server with the fewest requests per weight; among equals they
// take turns.
func (p *Pool) leastLoaded(now time.Time, usable func(*Server) bool) *Server {
	var best *Server
	var least float64
	p.turn++
	for i := range p.servers {
		s := p.servers[(p.turn+i)%len(p.servers)]
		if !usable(s) {
			continue
		}
		if load := float64(s.inFlight+1) / s.share(now); best == nil || load < least {
			best, least = s, load
		}
	}
	return best
}

// roundRobin is nginx's smooth weighted round robin: each time every server gains its
// effective weight, the richest is taken and pays for all. A slow start scales the gain.
func (p *Pool) roundRobin(now time.Time, usable func(*Server) bool) *Server {
	const unit = 100 // so that a tenth of weight 1 is a number
	var best *Server
	total := 0
	for _, s := range p.servers {
		if !usable(s) {
			continue
		}
		gain := int(float64(s.effective*unit) * s.share(now) / float64(s.weight))
		s.current += gain
		total += gain
		if s.effective < s.weight {
			s.effective++
		}
		if best == nil || s.current > best.current {
			best = s
		}
	}
	if best != nil {
		best.current -= total
	}
	return best
}
