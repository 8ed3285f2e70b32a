package org

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/paceline/paceline/internal/db"
)

// MaxSuperiors bounds how many levels up a superior may be asked for.
const MaxSuperiors = 10

// maxTerms bounds the names of one assignment.
const maxTerms = 200

// Want is what a user task asks for, by names. Every list holds terms:
//
//	NAME             a user's login; in CandidateGroups a group's name
//	user:LOGIN  group:NAME  unit:NAME  post:NAME  role:NAME
//	head             the head of the requester's unit, or of the one above when that is the requester
//	head:UNIT        the head of a unit
//	superior         who stands above the requester: the superior named with the user, else the unit's head
//	superior:N       N levels up, 1 to 10
//	superiors:N      everybody from 1 to N levels up, as far as the line goes; candidates only
//	starter          the requester
//
// A unit means everybody in it and in the units and posts below.
type Want struct {
	Requester       db.ID    // who opened the ticket
	Assignee        string   // one term that means one person; empty for none
	CandidateUsers  []string // terms
	CandidateGroups []string // terms
	Assignment      string   // terms, separated by commas, of the modelling palette
}

// Resolved is the answer to a Want.
type Resolved struct {
	Assignee   db.ID   // 0: nobody yet
	Candidates []db.ID // principals, each once; empty when nobody may take it
	Problem    string  // what could not be resolved, for the incident or the history; empty when all was
}

// Resolve turns the names of a task into principals. It never fails: what it cannot
// resolve is left out and named in Problem. An Assignment that means one person assigns
// the task to them.
func (d *Directory) Resolve(w Want) Resolved {
	var out Resolved
	r := resolver{d: d, requester: w.Requester}
	if t := strings.TrimSpace(w.Assignee); t != "" {
		out.Assignee = r.person(t)
	}
	for _, t := range terms(w.CandidateUsers) {
		r.candidate(t, KindUser)
	}
	for _, t := range terms(w.CandidateGroups) {
		r.candidate(t, KindGroup)
	}
	chosen := terms([]string{w.Assignment})
	for _, t := range chosen {
		r.candidate(t, KindUser)
	}
	if out.Assignee == 0 && w.Assignee == "" && len(chosen) == 1 && len(r.found) == 1 && d.users[r.found[0]] != nil {
		out.Assignee, r.found = r.found[0], nil
	}
	out.Candidates = r.found
	out.Problem = strings.Join(r.problems, "; ")
	return out
}

// terms splits lists at commas, because models write several names into one attribute.
func terms(lists []string) []string {
	var out []string
	for _, l := range lists {
		for t := range strings.SplitSeq(l, ",") {
			if t = strings.TrimSpace(t); t != "" && !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return out
}

type resolver struct {
	d         *Directory
	requester db.ID
	found     []db.ID
	problems  []string
}

func (r *resolver) candidate(term string, bare Kind) {
	if len(r.found) >= maxTerms {
		r.problem("more than %d candidates", maxTerms)
		return
	}
	if levels, ok := strings.CutPrefix(term, "superiors:"); ok {
		r.line(levels)
		return
	}
	if id := r.principal(term, bare); id != 0 && !slices.Contains(r.found, id) {
		r.found = append(r.found, id)
	}
}

// person resolves a term that has to mean one user.
func (r *resolver) person(term string) db.ID {
	id := r.principal(term, KindUser)
	if id != 0 && r.d.users[id] == nil {
		r.problem("the assignee %q is not one person; name it as a candidate group", term)
		return 0
	}
	return id
}

// principal resolves one term; a name without a prefix is of the kind bare. 0: problem noted.
func (r *resolver) principal(term string, bare Kind) db.ID {
	prefix, name, prefixed := strings.Cut(term, ":")
	name = strings.TrimSpace(name)
	switch {
	case !prefixed && term == "head":
		return r.someone(r.headOfRequester(), "the requester's unit has no head")
	case prefixed && prefix == "head":
		return r.head(name)
	case term == "superior" || prefix == "superior":
		return r.superior(name)
	case term == "starter" || term == "requester":
		return r.someone(r.d.users[r.requester], "the requester is gone")
	case prefixed:
		return r.named(Kind(prefix), name, term)
	default:
		return r.named(bare, term, term)
	}
}

func (r *resolver) named(kind Kind, name, term string) db.ID {
	switch kind {
	case KindUser:
		u := r.d.UserByLogin(name)
		switch {
		case u == nil:
			r.problem("there is no user %q", name)
		case u.Disabled:
			r.problem("the user %q is disabled", name)
		default:
			return u.ID
		}
	case KindGroup, KindUnit, KindPost, KindRole:
		if g := r.d.GroupByName(kind, name); g != nil {
			return g.ID
		}
		r.problem("there is no %s %q", kind, name)
	default:
		r.problem("%q is not understood: the prefixes are user, group, unit, post, role, head and superior", term)
	}
	return 0
}

func (r *resolver) head(unit string) db.ID {
	g := r.d.GroupByName(KindUnit, unit)
	if g == nil {
		r.problem("there is no unit %q", unit)
		return 0
	}
	return r.someone(r.d.Head(g.ID), fmt.Sprintf("the unit %q has no head", unit))
}

func (r *resolver) headOfRequester() *User {
	if u := r.d.users[r.requester]; u != nil {
		return r.d.headOver(u)
	}
	return nil
}

func (r *resolver) superior(levels string) db.ID {
	n := 1
	if levels != "" {
		var err error
		if n, err = strconv.Atoi(levels); err != nil || n < 1 || n > MaxSuperiors {
			r.problem("superior:%s: the level is a number from 1 to %d", levels, MaxSuperiors)
			return 0
		}
	}
	return r.someone(r.d.Superior(r.requester, n), fmt.Sprintf("nobody stands %d level(s) above %q", n, r.d.Name(r.requester)))
}

// line adds everybody who stands above the requester, nearest first.
func (r *resolver) line(levels string) {
	n, err := strconv.Atoi(levels)
	if err != nil || n < 1 || n > MaxSuperiors {
		r.problem("superiors:%s: the level is a number from 1 to %d", levels, MaxSuperiors)
		return
	}
	for i := range n {
		u := r.d.Superior(r.requester, i+1)
		switch {
		case u == nil && i == 0:
			r.problem("nobody stands above %q", r.d.Name(r.requester))
			return
		case u == nil:
			return
		case !slices.Contains(r.found, u.ID):
			r.found = append(r.found, u.ID)
		}
	}
}

func (r *resolver) someone(u *User, otherwise string) db.ID {
	switch {
	case u == nil:
		r.problem("%s", otherwise)
		return 0
	case u.Disabled:
		r.problem("the user %q is disabled", u.Login)
		return 0
	}
	return u.ID
}

func (r *resolver) problem(format string, args ...any) {
	if len(r.problems) < 10 {
		r.problems = append(r.problems, fmt.Sprintf(format, args...))
	}
}
