package join

import "github.com/paceline/paceline/internal/db"

// settingTable has what all hosts of a cluster share.
var settingTable = db.Table{
	Name: "cluster_setting",
	Columns: []db.Column{
		{Name: "name", Type: db.Text, Size: 50},
		{Name: "value", Type: db.Bytes},
	},
	Key: []string{"name"},
}

// Names of settings.
const (
	settingID           = "id"
	settingAuthority    = "authority"     // certificate in PEM
	settingAuthorityKey = "authority_key" // in PEM, sealed with the Boosters' secret
	settingMoved        = "moved"         // the revision of the settings by which the data left this database
)

var hostTable = db.Table{
	Name: "cluster_host",
	Columns: []db.Column{
		{Name: "name", Type: db.Text, Size: 63},
		{Name: "roles", Type: db.Text, Size: 200},   // with commas between
		{Name: "address", Type: db.Text, Size: 300}, // host:port of its Booster, else host
		{Name: "wanted", Type: db.Text, Size: 20},
		{Name: "token", Type: db.Text, Size: 20},      // that let it in; empty: the founder
		{Name: "public_key", Type: db.Text, Size: 50}, // see trust.KeyOf
		{Name: "joined", Type: db.BigInt},
		{Name: "changed", Type: db.BigInt}, // what is wanted
	},
	Key: []string{"name"},
}

// certificateTable has all certificates that were issued, until they have expired.
var certificateTable = db.Table{
	Name: "cluster_certificate",
	Columns: []db.Column{
		{Name: "serial", Type: db.Text, Size: 40}, // in hex
		{Name: "host", Type: db.Text, Size: 63},
		{Name: "issued", Type: db.BigInt},
		{Name: "expires", Type: db.BigInt},
		{Name: "revoked", Type: db.BigInt}, // 0: it is not
	},
	Key: []string{"serial"},
	Indexes: []db.Index{
		{Name: "cluster_certificate_host", Columns: []string{"host"}},
		{Name: "cluster_certificate_revoked", Columns: []string{"revoked"}},
		{Name: "cluster_certificate_expires", Columns: []string{"expires"}},
	},
}

var tokenTable = db.Table{
	Name: "cluster_token",
	Columns: []db.Column{
		{Name: "id", Type: db.Text, Size: 20},
		{Name: "hash", Type: db.Text, Size: 64}, // SHA-256 of the secret, in hex
		{Name: "roles", Type: db.Text, Size: 200},
		{Name: "uses", Type: db.BigInt}, // how many hosts it may let in
		{Name: "used", Type: db.BigInt}, // how many it has
		{Name: "creator", Type: db.Text, Size: 100},
		{Name: "created", Type: db.BigInt},
		{Name: "expires", Type: db.BigInt},
		{Name: "revoked", Type: db.BigInt}, // 0: it is not
	},
	Key:     []string{"id"},
	Indexes: []db.Index{{Name: "cluster_token_hash", Columns: []string{"hash"}, Unique: true}},
}

// Migrations make the tables of this package. Their ids are 200 to 299.
func Migrations() []db.Migration {
	return []db.Migration{{ID: 200, Name: "hosts of a cluster", Up: []db.DDL{
		db.CreateTable(&settingTable), db.CreateTable(&hostTable), db.CreateTable(&certificateTable), db.CreateTable(&tokenTable),
	}}}
}
