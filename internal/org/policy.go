package org

import (
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/errs"
)

// Permission is something an actor may or may not do, beside what rows already
// decide (whose ticket, whose task). Its spelling is subject.verb.
type Permission string

// The permissions.
const (
	OpenTickets    Permission = "ticket.open"     // open tickets of published apps
	ReadTasks      Permission = "task.read"       // look at one's own inbox
	WorkTasks      Permission = "task.work"       // claim, complete, return, delegate what one is a candidate of
	ReadAllTickets Permission = "ticket.read_all" // see every ticket, not only one's own
	RepairTickets  Permission = "ticket.repair"   // retry incidents, jump, cancel and reassign other people's
	SendMessages   Permission = "message.send"    // send messages and raise signals that processes wait for
	ReadRecords    Permission = "record.read"     // look at the tables that one may see
	WriteRecords   Permission = "record.write"    // create, change and delete where the table lets one
	ReadAllRecords Permission = "record.read_all" // see every record
	WorkJobs       Permission = "job.work"        // fetch machine work and do it, of every app
	ReadApps       Permission = "app.read"        // see drafts, versions and differences
	WriteApps      Permission = "app.write"       // publish, roll back, retire
	ReadOrg        Permission = "org.read"        // look up people, groups and units
	WriteOrg       Permission = "org.write"       // change them
	ReadAudit      Permission = "audit.read"
	ReadSystem     Permission = "system.read" // health, metrics, settings
	WriteSystem    Permission = "system.write"
	OwnAccount     Permission = "account.write" // own password, sessions and tokens
)

// The built-in roles. Other roles may be made for assigning tasks; they permit nothing.
const (
	RoleAdmin    = "admin"    // everything
	RoleBuilder  = "builder"  // draws, publishes and repairs apps
	RoleOperator = "operator" // watches and repairs running tickets
	RoleAuditor  = "auditor"  // reads everything, changes nothing
	RoleStaff    = "staff"    // opens tickets and works on them
	RoleWorker   = "worker"   // a program that does machine work
)

// builtinRoles in the order in which Bootstrap makes them.
var builtinRoles = []struct{ name, title string }{
	{RoleAdmin, "Administrators"},
	{RoleBuilder, "App builders"},
	{RoleOperator, "Operators"},
	{RoleAuditor, "Auditors"},
	{RoleStaff, "Staff"},
	{RoleWorker, "Job workers"},
}

// The scopes of an API token. A scope never adds a permission to what the token's
// owner has. AppScope limits a token to the apps named.
const (
	ScopeRead   = "read"
	ScopeWrite  = "write"  // and read
	ScopeAdmin  = "admin"  // and write, and worker
	ScopeWorker = "worker" // machine work, and nothing else
	AppScope    = "app:"   // app:NAME, any number of them
)

// rule of one permission: the roles that have it (RoleAdmin has all), and the scope
// that a token needs for it.
type rule struct {
	scope string
	roles []string
}

// policy is the whole table; what it does not name is denied.
var policy = map[Permission]rule{
	OpenTickets:    {ScopeWrite, []string{RoleStaff, RoleBuilder, RoleOperator}},
	ReadTasks:      {ScopeRead, []string{RoleStaff, RoleBuilder, RoleOperator}},
	WorkTasks:      {ScopeWrite, []string{RoleStaff, RoleBuilder, RoleOperator}},
	ReadAllTickets: {ScopeRead, []string{RoleOperator, RoleAuditor}},
	RepairTickets:  {ScopeAdmin, []string{RoleOperator, RoleBuilder}},
	SendMessages:   {ScopeWrite, []string{RoleOperator, RoleBuilder}},
	ReadRecords:    {ScopeRead, []string{RoleStaff, RoleBuilder, RoleOperator, RoleAuditor}},
	WriteRecords:   {ScopeWrite, []string{RoleStaff, RoleBuilder, RoleOperator}},
	ReadAllRecords: {ScopeRead, []string{RoleOperator, RoleAuditor}},
	WorkJobs:       {ScopeWorker, []string{RoleWorker}},
	ReadApps:       {ScopeRead, []string{RoleBuilder, RoleOperator, RoleAuditor}},
	WriteApps:      {ScopeAdmin, []string{RoleBuilder}},
	ReadOrg:        {ScopeRead, []string{RoleStaff, RoleBuilder, RoleOperator, RoleAuditor}},
	WriteOrg:       {ScopeAdmin, nil},
	ReadAudit:      {ScopeRead, []string{RoleAuditor}},
	ReadSystem:     {ScopeRead, []string{RoleOperator, RoleAuditor}},
	WriteSystem:    {ScopeAdmin, nil},
	OwnAccount:     {ScopeAdmin, []string{RoleStaff, RoleBuilder, RoleOperator, RoleAuditor, RoleWorker}},
}

// Can is the one policy decision: does a role of the actor have the permission, does
// its token's scope reach it, and is no password change due. Without an actor the answer is no.
func (a *Actor) Can(p Permission) bool {
	r, known := policy[p]
	if !known || a == nil || a.MustChange || !a.inScope(r.scope) {
		return false
	}
	return a.Admin || slices.ContainsFunc(r.roles, func(role string) bool { return slices.Contains(a.Roles, role) })
}

// Require is Can as an error: Unauthenticated for nobody, Denied otherwise.
func (a *Actor) Require(p Permission) error {
	switch {
	case a == nil:
		return errNobody()
	case a.MustChange:
		return errs.New(errs.Denied, "the password has to be changed first").
			WithCure("set a new password; the present one was made for a single sign-in")
	case a.Can(p):
		return nil
	case !a.inScope(policy[p].scope):
		return errs.New(errs.Denied, "this token's scope does not reach %s", p).
			WithCure("make a token with the scope %s", policy[p].scope)
	default:
		return errs.New(errs.Denied, "%s may not do this: it takes the permission %s", a.Login, p).
			WithCure("ask an administrator for one of the roles: %s", strings.Join(rolesWith(p), ", "))
	}
}

// Reads says whether the actor's token reaches what its owner may see; sessions do.
func (a *Actor) Reads() bool { return a.inScope(ScopeRead) }

// InApp says whether the actor's token reaches the app; sessions reach every app.
func (a *Actor) InApp(app string) bool {
	limited := false
	for _, s := range a.Scopes {
		if name, ok := strings.CutPrefix(s, AppScope); ok {
			if name == app {
				return true
			}
			limited = true
		}
	}
	return !limited
}

// scopeRank orders the scopes that include each other: each those below it.
var scopeRank = map[string]int{ScopeRead: 1, ScopeWrite: 2, ScopeAdmin: 3}

func (a *Actor) inScope(need string) bool {
	if a.Token == 0 {
		return true
	}
	return slices.ContainsFunc(a.Scopes, func(s string) bool {
		return s == need || s == ScopeAdmin || scopeRank[need] > 0 && scopeRank[s] >= scopeRank[need]
	})
}

func rolesWith(p Permission) []string { return append([]string{RoleAdmin}, policy[p].roles...) }
