package org

import (
	"slices"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/db"
)

func TestResolve(t *testing.T) {
	const dee, cid = 4, 3
	tests := []struct {
		name       string
		want       Want
		assignee   db.ID
		candidates []db.ID
		problem    string
	}{
		{"a login", Want{Assignee: "CID"}, 3, nil, ""},
		{"a login and candidates beside it", Want{Assignee: "cid", CandidateGroups: []string{"vip"}}, 3, []db.ID{300}, ""},
		{"users and groups by name, each once", Want{CandidateUsers: []string{"ann, bob", "ann"}, CandidateGroups: []string{"vip"}}, 0, []db.ID{1, 2, 300}, ""},
		{"prefixes", Want{CandidateGroups: []string{"role:hr-clerk", "unit:it", "post:lead", "group:vip", "user:eve"}}, 0, []db.ID{401, 110, 500, 300, 5}, ""},
		{"the superior is assigned", Want{Requester: dee, Assignment: "superior"}, 3, nil, ""},
		{"two levels up", Want{Requester: dee, Assignment: "superior:2"}, 2, nil, ""},
		{"an assignee two levels up", Want{Requester: dee, Assignee: "superior:2"}, 2, nil, ""},
		{"the head of the requester's unit", Want{Requester: cid, Assignment: "head"}, 2, nil, ""},
		{"a head's head is the one above", Want{Requester: 2, Assignment: "head"}, 1, nil, ""},
		{"the head of a unit", Want{Assignment: "head:it"}, 2, nil, ""},
		{"a disabled head gives way to the unit above", Want{Assignment: "head:hr"}, 1, nil, ""},
		{"the starter", Want{Requester: dee, Assignment: "starter"}, 4, nil, ""},
		{"several terms are candidates", Want{Requester: dee, Assignment: "superior, role:hr-clerk"}, 0, []db.ID{3, 401}, ""},
		{"one group stays a candidate", Want{Assignment: "role:hr-clerk"}, 0, []db.ID{401}, ""},

		{"nothing asked, nobody found", Want{}, 0, nil, ""},
		{"an unknown user", Want{CandidateUsers: []string{"zoe", "ann"}}, 0, []db.ID{1}, `there is no user "zoe"`},
		{"an unknown group", Want{CandidateGroups: []string{"nope"}}, 0, nil, `there is no group "nope"`},
		{"a disabled user", Want{Assignee: "hal"}, 0, nil, `the user "hal" is disabled`},
		{"an assignee that is many", Want{Assignee: "group:vip"}, 0, nil, "is not one person"},
		{"nobody above", Want{Requester: 1, Assignment: "superior"}, 0, nil, `above "Ann"`},
		{"too many levels", Want{Requester: 1, Assignment: "superior:11"}, 0, nil, "from 1 to 10"},
		{"a level that is no number", Want{Requester: 1, Assignment: "superior:x"}, 0, nil, "from 1 to 10"},
		{"an unknown prefix", Want{Assignment: "team:x"}, 0, nil, "the prefixes are"},
		{"a requester who is gone", Want{Requester: 99, Assignment: "starter"}, 0, nil, "the requester is gone"},
	}
	d := office()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := d.Resolve(tt.want)
			if got.Assignee != tt.assignee || !slices.Equal(got.Candidates, tt.candidates) {
				t.Errorf("got %+v", got)
			}
			if (tt.problem == "") != (got.Problem == "") || !strings.Contains(got.Problem, tt.problem) {
				t.Errorf("problem %q, want %q", got.Problem, tt.problem)
			}
		})
	}
}

func TestResolveIsBounded(t *testing.T) {
	got := office().Resolve(Want{CandidateUsers: []string{strings.Repeat("x,", 1<<16)}, Assignment: "superior:" + strings.Repeat("9", 1<<16)})
	if len(got.Problem) > 1<<17 || got.Assignee != 0 {
		t.Errorf("problem of %d bytes", len(got.Problem))
	}
}
