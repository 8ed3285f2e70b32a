package join

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
	"github.com/paceline/paceline/internal/trust"
)

// Token lets machines become hosts. Its secret is shown when it is made, and only its hash
// is kept.
type Token struct {
	ID      string        `json:"id"`
	Roles   []config.Role `json:"roles"` // that the hosts get
	Uses    int           `json:"uses"`  // how many hosts it may let in
	Used    int           `json:"used"`
	Creator string        `json:"creator"` // login
	Created time.Time     `json:"created"`
	Expires time.Time     `json:"expires"`
	Revoked time.Time     `json:"revoked,omitzero"`
	State   string        `json:"state"` // open, used, expired or revoked, when it was read
}

// TokenDraft is what a token is to be. The zero value of a field stands for its default.
type TokenDraft struct {
	Roles []config.Role // server
	Life  time.Duration // 1 h
	Uses  int           // 1
}

// Bounds of tokens.
const (
	DefaultTokenLife = time.Hour
	MaxTokenLife     = 30 * 24 * time.Hour
	MaxTokenUses     = 1000
	maxTokens        = 1000 // in a list
)

// tokenPrefix begins every token, so that scanners find one where it should not be.
const tokenPrefix = "plj_"

// fullToken is what a machine is given to join: a secret, and who it is for.
type fullToken struct {
	secret      string
	fingerprint string // of the authority
}

func newToken(fingerprint string) fullToken {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return fullToken{base64.RawURLEncoding.EncodeToString(b), fingerprint}
}

// String is the token as people carry it.
func (t fullToken) String() string { return tokenPrefix + t.secret + "." + t.fingerprint }

func (t fullToken) hash() string { return hashSecret(t.secret) }

// hashSecret is what a row keeps. The secret is random, so a fast hash does, and looking it
// up tells nothing by its time.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func parseToken(text string) (t fullToken, err error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), tokenPrefix)
	secret, fingerprint, both := strings.Cut(rest, ".")
	for _, part := range []string{secret, fingerprint} {
		b, err := base64.RawURLEncoding.DecodeString(part)
		both = both && err == nil && len(b) == sha256.Size
	}
	if !ok || !both {
		return t, errs.New(errs.Invalid, "this is no join token").WithCure("copy the whole of what paceline token create printed: it begins with %s", tokenPrefix)
	}
	return fullToken{secret, fingerprint}, nil
}

// CreateToken makes a token and shows it, this once.
func (c *Cluster) CreateToken(ctx context.Context, by *org.Actor, draft TokenDraft) (t Token, secret string, err error) {
	defer errs.Wrap(&err, "join.CreateToken")
	if err := by.Require(org.WriteSystem); err != nil {
		return t, "", err
	}
	if err := draft.complete(); err != nil {
		return t, "", err
	}
	pem, err := setting(ctx, c.deps.DB, settingAuthority)
	if errs.Is(err, errs.NotFound) {
		return t, "", errNoCluster
	}
	if err != nil {
		return t, "", err
	}
	authority, err := trust.ParseCertificate(pem)
	if err != nil {
		return t, "", err
	}
	full := newToken(trust.Fingerprint(authority))
	t = Token{ID: strings.ToLower(rand.Text()[:10]), Roles: draft.Roles, Uses: draft.Uses, Creator: by.Login, State: "open"}
	err = c.deps.DB.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		now, err := db.Now(ctx, tx)
		if err != nil {
			return err
		}
		t.Created, t.Expires = db.Time(now), db.Time(now).Add(draft.Life)
		err = tx.Insert(ctx, db.Row{Table: &tokenTable, Values: []any{
			t.ID, full.hash(), joinRoles(t.Roles), t.Uses, 0, t.Creator, now, db.Micros(t.Expires), 0}})
		if err != nil {
			return err
		}
		return c.deps.Audit(ctx, tx, by, "join_token.create", t.ID, map[string]any{"roles": t.Roles, "uses": t.Uses, "expires": t.Expires})
	})
	return t, full.String(), err
}

func (d *TokenDraft) complete() error {
	if d.Life == 0 {
		d.Life = DefaultTokenLife
	}
	if d.Uses == 0 {
		d.Uses = 1
	}
	if len(d.Roles) == 0 {
		d.Roles = []config.Role{config.RoleServer}
	}
	var wrong []errs.Detail
	if d.Life < time.Second || d.Life > MaxTokenLife {
		wrong = append(wrong, errs.Detail{Place: "ttl", Rule: "range", Message: "a token lives from a second to 30 days"})
	}
	if d.Uses < 1 || d.Uses > MaxTokenUses {
		wrong = append(wrong, errs.Detail{Place: "uses", Rule: "range", Message: "a token lets in 1 to 1000 hosts"})
	}
	roles, err := sortRoles(d.Roles)
	if err != nil {
		wrong = append(wrong, errs.Detail{Place: "roles", Rule: "enum", Message: err.Error()})
	}
	if len(wrong) > 0 {
		return errs.New(errs.Invalid, "the token cannot be made").WithDetails(wrong...)
	}
	d.Roles = roles
	return nil
}

// sortRoles reads names and aliases of roles that hosts may have, each once, in the order of
// their start.
func sortRoles(names []config.Role) (roles []config.Role, err error) {
	for _, name := range names {
		role, err := config.ParseRole(string(name))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(config.Roles, role) {
			return nil, errs.New(errs.Invalid, "%s is not given by a token: every host has it", role)
		}
		roles = append(roles, role)
	}
	return slices.DeleteFunc(slices.Clone(config.Roles), func(r config.Role) bool { return !slices.Contains(roles, r) }), nil
}

// Tokens lists the tokens, the newest first.
func (c *Cluster) Tokens(ctx context.Context, by *org.Actor) (tokens []Token, err error) {
	defer errs.Wrap(&err, "join.Tokens")
	if err := by.Require(org.ReadSystem); err != nil {
		return nil, err
	}
	return db.All(ctx, c.deps.DB, scanToken,
		"SELECT id, roles, uses, used, creator, created, expires, revoked, {now} FROM cluster_token ORDER BY created DESC, id {limit}", maxTokens)
}

func scanToken(row db.Scanner) (t Token, err error) {
	var roles string
	var created, expires, revoked, now int64
	err = row.Scan(&t.ID, &roles, &t.Uses, &t.Used, &t.Creator, &created, &expires, &revoked, &now)
	t.Roles, t.Created, t.Expires, t.Revoked = splitRoles(roles), db.Time(created), db.Time(expires), db.Time(revoked)
	switch {
	case revoked != 0:
		t.State = "revoked"
	case expires <= now:
		t.State = "expired"
	case t.Used >= t.Uses:
		t.State = "used"
	default:
		t.State = "open"
	}
	return t, err
}

// RevokeToken ends a token; hosts that it let in stay. Ending one that has ended changes nothing.
func (c *Cluster) RevokeToken(ctx context.Context, by *org.Actor, id string) (out org.Revoked, err error) {
	defer errs.Wrap(&err, "join.RevokeToken")
	if err := by.Require(org.WriteSystem); err != nil {
		return out, err
	}
	return db.Do(ctx, c.deps.DB, func(ctx context.Context, tx *db.Tx) (org.Revoked, error) {
		n, err := tx.Exec(ctx, "UPDATE cluster_token SET revoked = {now} WHERE id = ? AND revoked = 0", id)
		if err != nil {
			return org.Revoked{}, err
		}
		if n == 0 {
			var known int64
			err := tx.QueryRow(ctx, "SELECT revoked FROM cluster_token WHERE id = ?", id).Scan(&known)
			if errs.Is(err, errs.NotFound) {
				err = errs.New(errs.NotFound, "there is no join token %.40q", id).WithCure("paceline token list")
			}
			return org.Revoked{}, err
		}
		return org.Revoked{Count: int(n)}, c.deps.Audit(ctx, tx, by, "join_token.revoke", id, nil)
	})
}
