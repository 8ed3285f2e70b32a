package demo

import (
	"fmt"
	"sync"
	"time"
)

// Ledger knows every write that the load asked for and what was answered, so that what the
// cluster holds afterwards can be held against it.
type Ledger struct {
	run string // begins the title of each of its tickets

	mu      sync.Mutex
	tickets map[string]*page // by title
	counted Figures
}

// page is what the ledger knows of one ticket.
type page struct {
	id     string // as answered; empty: the opening was not accepted
	closed bool   // its completion was accepted
}

// Figures are what a load has met so far.
type Figures struct {
	Requests int64 // answered or given up
	Writes   int64 // of these
	Failed   int64 // given up, or answered with an error
	Moved    int64 // repeated by the client at another gateway
	Longest  time.Duration
	First    string // of the failures
}

func newLedger(run string) *Ledger {
	return &Ledger{run: run, tickets: map[string]*page{}}
}

func (l *Ledger) note(write bool, took time.Duration, moved int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &l.counted
	f.Requests++
	f.Moved += int64(moved)
	f.Longest = max(f.Longest, took)
	if write {
		f.Writes++
	}
	if err != nil {
		if f.Failed++; f.First == "" {
			f.First = fmt.Sprintf("%s: %v", time.Now().Format("15:04:05.000"), err)
		}
	}
}

// asked makes the page of a ticket that is about to be opened.
func (l *Ledger) asked(title string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tickets[title] = &page{}
}

func (l *Ledger) opened(title, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tickets[title].id = id
}

func (l *Ledger) completed(title string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tickets[title].closed = true
}

// Figures are what the load has met so far.
func (l *Ledger) Figures() Figures {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counted
}

// Stored is a ticket as the cluster holds it.
type Stored struct {
	ID, Title   string
	Closed      bool
	Completions int // in its history
}

// Audit is what the ledger and the cluster disagree about.
type Audit struct {
	Tickets int // that the ledger knows
	Lost    int // accepted, and not there
	Doubled int // asked for once, and there more than once
	First   string
}

// Clean says that nothing was lost and nothing doubled.
func (a Audit) Clean() bool { return a.Lost == 0 && a.Doubled == 0 }

// Check holds what the cluster stores against what was accepted. What was asked for and not
// accepted may be there, once.
func (l *Ledger) Check(stored []Stored) Audit {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := Audit{Tickets: len(l.tickets)}
	find := func(kind *int, format string, args ...any) {
		if *kind++; a.First == "" {
			a.First = fmt.Sprintf(format, args...)
		}
	}
	there := map[string]Stored{}
	for _, s := range stored {
		if _, ours := l.tickets[s.Title]; !ours {
			continue
		}
		if other, twice := there[s.Title]; twice {
			find(&a.Doubled, "%q was opened as %s and as %s", s.Title, other.ID, s.ID)
		}
		if s.Completions > 1 {
			find(&a.Doubled, "%q was completed %d times", s.Title, s.Completions)
		}
		there[s.Title] = s
	}
	for title, p := range l.tickets {
		s, is := there[title]
		switch {
		case p.id != "" && !is:
			find(&a.Lost, "%q was accepted as %s and is not there", title, p.id)
		case p.closed && s.Completions == 0:
			find(&a.Lost, "the completion of %q was accepted and is not there", title)
		}
	}
	return a
}
