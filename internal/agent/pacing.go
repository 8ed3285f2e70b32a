package agent

import (
	"math/rand/v2"
	"time"
)

// Pacing is how fast a role that ends is started again. The zero value of a field
// stands for its default.
type Pacing struct {
	First  time.Duration // pause after the first end; 100 ms, and twice that after each further one
	Most   time.Duration // longest pause; 30 s
	Steady time.Duration // a process that has run so long starts a new count; 30 s
	Loop   int           // so many ends in a row are a crash loop; 5
	Hung   time.Duration // a process that gives no sign of life for so long is ended; 30 s, negative: never
}

func (p Pacing) complete() Pacing {
	if p.First == 0 {
		p.First = 100 * time.Millisecond
	}
	if p.Most == 0 {
		p.Most = 30 * time.Second
	}
	if p.Steady == 0 {
		p.Steady = 30 * time.Second
	}
	if p.Loop == 0 {
		p.Loop = 5
	}
	if p.Hung == 0 {
		p.Hung = 30 * time.Second
	}
	return p
}

// pace counts the ends of one role.
type pace struct {
	Pacing
	ends int // in a row, none of them after a steady run
}

// ended takes in that a process ended after having run that long, and gives the pause
// before the next one, without jitter.
func (p *pace) ended(ran time.Duration) time.Duration {
	if ran >= p.Steady {
		p.ends = 0
	}
	p.ends++
	pause := p.First
	for range p.ends - 1 {
		if pause *= 2; pause >= p.Most {
			return p.Most
		}
	}
	return pause
}

// looping says whether the role ends again and again.
func (p *pace) looping() bool { return p.ends >= p.Loop }

// steady takes in that the process of now has run for Steady.
func (p *pace) steady() { p.ends = 0 }

// jitter gives a pause or take a fifth, so that the hosts of a cluster do not march in step.
func jitter(pause time.Duration) time.Duration {
	return pause*4/5 + rand.N(pause*2/5+1)
}
