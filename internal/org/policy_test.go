package org

import (
	"slices"
	"testing"

	"github.com/paceline/paceline/internal/errs"
)

var permissions = []Permission{OpenTickets, ReadTasks, WorkTasks, ReadAllTickets, RepairTickets, SendMessages, ReadRecords, WriteRecords, ReadAllRecords, WorkJobs, ReadApps, WriteApps, ReadOrg, WriteOrg, ReadAudit, ReadSystem, WriteSystem, OwnAccount}

// The whole matrix, spelled out: a change of the policy has to be made twice.
func TestPolicyMatrix(t *testing.T) {
	may := map[string][]Permission{
		RoleAdmin:    permissions,
		RoleBuilder:  {OpenTickets, ReadTasks, WorkTasks, RepairTickets, SendMessages, ReadRecords, WriteRecords, ReadApps, WriteApps, ReadOrg, OwnAccount},
		RoleOperator: {OpenTickets, ReadTasks, WorkTasks, ReadAllTickets, RepairTickets, SendMessages, ReadRecords, WriteRecords, ReadAllRecords, ReadApps, ReadOrg, ReadSystem, OwnAccount},
		RoleAuditor:  {ReadAllTickets, ReadRecords, ReadAllRecords, ReadApps, ReadOrg, ReadAudit, ReadSystem, OwnAccount},
		RoleStaff:    {OpenTickets, ReadTasks, WorkTasks, ReadRecords, WriteRecords, ReadOrg, OwnAccount},
		RoleWorker:   {WorkJobs, OwnAccount},
		"hr-clerk":   nil,
		"":           nil,
	}
	if len(policy) != len(permissions) {
		t.Fatalf("%d permissions in the policy, %d here", len(policy), len(permissions))
	}
	for role, allowed := range may {
		a := &Actor{ID: 1, Roles: []string{role}, Admin: role == RoleAdmin}
		for _, p := range permissions {
			if want := slices.Contains(allowed, p); a.Can(p) != want {
				t.Errorf("%s %s: got %v", role, p, !want)
			}
			if err := a.Require(p); (err == nil) != a.Can(p) || err != nil && !errs.Is(err, errs.Denied) {
				t.Errorf("%s %s: %v", role, p, err)
			}
		}
	}
}

func TestScopesOnlyTakeAway(t *testing.T) {
	tests := []struct {
		scopes                []string
		read, write, ad, work bool
	}{
		{[]string{ScopeRead}, true, false, false, false},
		{[]string{ScopeWrite}, true, true, false, false},
		{[]string{ScopeAdmin}, true, true, true, true},
		{[]string{ScopeWorker}, false, false, false, true},
		{[]string{ScopeWorker, ScopeRead}, true, false, false, true},
		{[]string{AppScope + "leave"}, false, false, false, false},
		{nil, false, false, false, false},
	}
	for _, tt := range tests {
		a := &Actor{ID: 1, Token: 2, Admin: true, Scopes: tt.scopes}
		if a.Can(ReadAllTickets) != tt.read || a.Can(OpenTickets) != tt.write || a.Can(WriteApps) != tt.ad || a.Can(WorkJobs) != tt.work {
			t.Errorf("%v: %v %v %v %v", tt.scopes, a.Can(ReadAllTickets), a.Can(OpenTickets), a.Can(WriteApps), a.Can(WorkJobs))
		}
		if staff := (&Actor{ID: 1, Token: 2, Roles: []string{RoleStaff}, Scopes: tt.scopes}); staff.Can(WriteOrg) {
			t.Errorf("%v added a permission", tt.scopes)
		}
	}
	a := &Actor{ID: 1, Token: 2, Scopes: []string{ScopeWrite, "app:leave", "app:desk"}}
	if !a.InApp("leave") || !a.InApp("desk") || a.InApp("purchase") || !(&Actor{ID: 1}).InApp("purchase") {
		t.Error("app scopes")
	}
}

func TestNobodyAndAnUnknownPermissionAreDenied(t *testing.T) {
	var nobody *Actor
	if nobody.Can(ReadOrg) || !errs.Is(nobody.Require(ReadOrg), errs.Unauthenticated) {
		t.Error("nobody may read")
	}
	if (&Actor{ID: 1, Admin: true}).Can("app.wriet") {
		t.Error("a permission that is not in the table is allowed")
	}
	if (&Actor{ID: 1, Admin: true, MustChange: true}).Can(ReadOrg) {
		t.Error("allowed before the password was changed")
	}
}
