package org

import "github.com/paceline/paceline/internal/db"

// revisionTable has one row: the number of the last change of the organisation. Every
// write of users, groups and memberships raises it first, and the row's lock makes
// these writes one after another; so what spans rows (a cycle in the tree, the last
// administrator) is checked without a race.
var revisionTable = db.Table{
	Name: "org_revision",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt}, // always 1
		{Name: "revision", Type: db.BigInt},
	},
	Key: []string{"id"},
}

var userTable = db.Table{
	Name: "org_user",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "login", Type: db.Text, Size: maxName}, // in lower case
		{Name: "name", Type: db.Text, Size: maxTitle},
		{Name: "email", Type: db.Text, Size: maxTitle},
		{Name: "lang", Type: db.Text, Size: maxLang},
		{Name: "unit", Type: db.BigInt},     // the primary one; 0: none
		{Name: "superior", Type: db.BigInt}, // 0: the head of the unit
		{Name: "attributes", Type: db.Long}, // JSON object
		{Name: "disabled", Type: db.Bool},
		{Name: "version", Type: db.BigInt},
		{Name: "created", Type: db.BigInt},
		{Name: "changed", Type: db.BigInt},
	},
	Key:     []string{"id"},
	Indexes: []db.Index{{Name: "org_user_login", Columns: []string{"login"}, Unique: true}},
}

// passwordTable is apart from org_user so that no list of users can hold a hash.
var passwordTable = db.Table{
	Name: "org_password",
	Columns: []db.Column{
		{Name: "user_id", Type: db.BigInt},
		{Name: "hash", Type: db.Text, Size: 200}, // PHC string
		{Name: "must_change", Type: db.Bool},
		{Name: "changed", Type: db.BigInt},
	},
	Key: []string{"user_id"},
}

var groupTable = db.Table{
	Name: "org_group",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "kind", Type: db.Text, Size: 10},
		{Name: "name", Type: db.Text, Size: maxName},
		{Name: "title", Type: db.Text, Size: maxTitle},
		{Name: "parent", Type: db.BigInt}, // unit: the one above; post: its unit; 0: none
		{Name: "head", Type: db.BigInt},   // unit: a user; 0: none
		{Name: "version", Type: db.BigInt},
		{Name: "created", Type: db.BigInt},
		{Name: "changed", Type: db.BigInt},
	},
	Key:     []string{"id"},
	Indexes: []db.Index{{Name: "org_group_name", Columns: []string{"kind", "name"}, Unique: true}},
}

var memberTable = db.Table{
	Name: "org_member",
	Columns: []db.Column{
		{Name: "group_id", Type: db.BigInt},
		{Name: "member_id", Type: db.BigInt}, // a user; of a role also a group, unit or post
	},
	Key:     []string{"group_id", "member_id"},
	Indexes: []db.Index{{Name: "org_member_member", Columns: []string{"member_id"}}},
}

var sessionTable = db.Table{
	Name: "org_session",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "hash", Type: db.Text, Size: 64}, // SHA-256 of the secret, in hex
		{Name: "user_id", Type: db.BigInt},
		{Name: "must_change", Type: db.Bool},
		{Name: "created", Type: db.BigInt},
		{Name: "seen", Type: db.BigInt}, // to the minute
		{Name: "expires", Type: db.BigInt},
		{Name: "address", Type: db.Text, Size: maxAddress},
		{Name: "agent", Type: db.Text, Size: maxTitle}, // the browser's or program's name for itself
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "org_session_hash", Columns: []string{"hash"}, Unique: true},
		{Name: "org_session_user", Columns: []string{"user_id"}},
	},
}

var tokenTable = db.Table{
	Name: "org_token",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "hash", Type: db.Text, Size: 64}, // SHA-256 of the secret, in hex
		{Name: "user_id", Type: db.BigInt},
		{Name: "name", Type: db.Text, Size: maxTitle},
		{Name: "scopes", Type: db.Text, Size: maxScopes}, // separated by spaces
		{Name: "created", Type: db.BigInt},
		{Name: "expires", Type: db.BigInt},
		{Name: "seen", Type: db.BigInt}, // to the minute; 0: never
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "org_token_hash", Columns: []string{"hash"}, Unique: true},
		{Name: "org_token_user", Columns: []string{"user_id"}},
	},
}

var brakeTable = db.Table{
	Name: "org_brake",
	Columns: []db.Column{
		{Name: "subject", Type: db.Text, Size: 200}, // account:LOGIN or address:IP
		{Name: "failures", Type: db.BigInt},
		{Name: "changed", Type: db.BigInt},
		{Name: "until", Type: db.BigInt}, // no attempt before
	},
	Key: []string{"subject"},
}

var auditTable = db.Table{
	Name: "audit",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt}, // ordered by time
		{Name: "at", Type: db.BigInt},
		{Name: "actor", Type: db.BigInt}, // 0: the server itself
		{Name: "actor_name", Type: db.Text, Size: maxName},
		{Name: "action", Type: db.Text, Size: maxName},
		{Name: "subject", Type: db.Text, Size: maxTitle},
		{Name: "details", Type: db.Long}, // JSON
		{Name: "address", Type: db.Text, Size: maxAddress},
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "audit_actor", Columns: []string{"actor", "id"}},
		{Name: "audit_subject", Columns: []string{"subject", "id"}},
		{Name: "audit_action", Columns: []string{"action", "id"}},
	},
}

// Migrations make the tables of this package. Their ids are 100 to 199.
func Migrations() []db.Migration {
	return []db.Migration{{ID: 100, Name: "organisation", Up: []db.DDL{
		db.CreateTable(&revisionTable), db.CreateTable(&userTable), db.CreateTable(&passwordTable),
		db.CreateTable(&groupTable), db.CreateTable(&memberTable), db.CreateTable(&sessionTable),
		db.CreateTable(&tokenTable), db.CreateTable(&brakeTable), db.CreateTable(&auditTable),
	}}}
}

// Sizes of columns, in characters.
const (
	maxName    = 100
	maxTitle   = 200
	maxLang    = 35 // RFC 5646 section 4.4.1
	maxAddress = 60
	maxScopes  = 2000
)
