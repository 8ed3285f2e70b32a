package intake

import (
	"encoding/json"
	"time"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// HookSpec is a webhook as people write it: how its sender signs, and what a delivery sets off. Expressions see
// body, headers (names in small letters), query, delivery and hook.
type HookSpec struct {
	Name  string `yaml:"name" json:"name,omitempty"`
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
	// Preset fills in what a common sender does: github, gitlab, stripe, slack or standard (Standard Webhooks).
	Preset    string    `yaml:"preset,omitempty" json:"preset,omitempty" enum:",github,gitlab,stripe,slack,standard"`
	Verify    string    `yaml:"verify,omitempty" json:"verify,omitempty" enum:",hmac,token" doc:"hmac, the default: HMAC-SHA256 with a secret; token: the header is the secret itself."`
	Signature Signature `yaml:"signature,omitempty" json:"signature,omitzero"`
	Timestamp Timestamp `yaml:"timestamp,omitempty" json:"timestamp,omitzero"`
	Delivery  Naming    `yaml:"delivery,omitempty" json:"delivery,omitzero"`
	When      string    `yaml:"when,omitempty" json:"when,omitempty" doc:"FEEL after =: deliveries for which it does not hold are taken and ignored."`
	Rate      int       `yaml:"rate,omitempty" json:"rate,omitempty" minimum:"0" maximum:"100000" doc:"Signed deliveries a minute on each server; 600."`
	MaxBody   int       `yaml:"maxBody,omitempty" json:"maxBody,omitempty" minimum:"0" maximum:"1048576" doc:"Bytes; 262144."`
	Target    `yaml:",inline"`
}

// Signature says where the signature is and what it is of.
type Signature struct {
	Header   string `yaml:"header,omitempty" json:"header,omitempty"`
	Prefix   string `yaml:"prefix,omitempty" json:"prefix,omitempty" doc:"Before the signature: sha256="`
	Encoding string `yaml:"encoding,omitempty" json:"encoding,omitempty" enum:",hex,base64"`
	Signed   string `yaml:"signed,omitempty" json:"signed,omitempty" doc:"What is signed: {body}, the default, with {timestamp} and {id} where the sender has them: {timestamp}.{body}"`
}

// Timestamp says where the sender's time is, in seconds since 1970, and how far it may be from ours.
type Timestamp struct {
	Header    string `yaml:"header,omitempty" json:"header,omitempty"`
	Prefix    string `yaml:"prefix,omitempty" json:"prefix,omitempty" doc:"Before it, where the header has several parts: t="`
	Tolerance string `yaml:"tolerance,omitempty" json:"tolerance,omitempty" doc:"ISO 8601 duration; PT5M."`
}

// Naming says how deliveries are told apart.
type Naming struct {
	Header string `yaml:"header,omitempty" json:"header,omitempty"`
	// Trust takes the header also where neither it nor a time is signed. Without, a delivery is known by its content,
	// so that nobody can send it again under another name.
	Trust bool `yaml:"trust,omitempty" json:"trust,omitempty"`
}

// presets are what common senders do.
var presets = map[string]HookSpec{
	"github": {Signature: Signature{Header: "X-Hub-Signature-256", Prefix: "sha256="}, Delivery: Naming{Header: "X-GitHub-Delivery"}},
	"gitlab": {Verify: verifyToken, Signature: Signature{Header: "X-Gitlab-Token"}, Delivery: Naming{Header: "X-Gitlab-Event-UUID"}},
	"stripe": {Signature: Signature{Header: "Stripe-Signature", Prefix: "v1=", Signed: "{timestamp}.{body}"},
		Timestamp: Timestamp{Header: "Stripe-Signature", Prefix: "t="}},
	"slack": {Signature: Signature{Header: "X-Slack-Signature", Prefix: "v0=", Signed: "v0:{timestamp}:{body}"},
		Timestamp: Timestamp{Header: "X-Slack-Request-Timestamp"}},
	"standard": {Signature: Signature{Header: "Webhook-Signature", Prefix: "v1,", Encoding: "base64", Signed: "{id}.{timestamp}.{body}"},
		Timestamp: Timestamp{Header: "Webhook-Timestamp"}, Delivery: Naming{Header: "Webhook-Id"}},
}

const (
	verifyHMAC  = "hmac"
	verifyToken = "token"

	defaultRate    = 600 // deliveries a minute
	defaultMaxBody = 256 << 10
	mostBody       = 1 << 20
)

// ParseHook reads a webhook of an app's bundle. The error is errs.Invalid with all that is wrong.
func ParseHook(src []byte) (h HookSpec, err error) {
	if err := decode(src, &h); err != nil {
		return h, err
	}
	return h, h.check()
}

func (h *HookSpec) check() error {
	var w wrong
	w.name(h.Name)
	if _, known := presets[h.Preset]; h.Preset != "" && !known {
		w.add("preset", "the presets are github, gitlab, stripe, slack and standard")
	}
	full := h.filled()
	if full.Signature.Header == "" {
		w.add("signature.header", "the header with the signature is needed, or a preset")
	}
	if full.Verify != verifyHMAC && full.Verify != verifyToken {
		w.add("verify", "write hmac or token")
	}
	if e := full.Signature.Encoding; e != "hex" && e != "base64" {
		w.add("signature.encoding", "write hex or base64")
	}
	if p, ok := calendar.ParsePeriod(full.Timestamp.Tolerance); !ok || p.Clock <= 0 {
		w.add("timestamp.tolerance", "write a duration such as PT5M")
	}
	if h.Rate < 0 || h.MaxBody < 0 || h.MaxBody > mostBody {
		w.add("maxBody", "a body may have up to %d bytes", mostBody)
	}
	if h.When != "" {
		if h.When[0] != '=' {
			w.add("when", "an expression begins with =")
		} else if _, err := feel.Compile(h.When[1:]); err != nil {
			w.add("when", "%v", err)
		}
	}
	w.target(&h.Target)
	return w.err("webhook", h.Name)
}

// filled is the webhook with its preset and the defaults in what it does not say.
func (h *HookSpec) filled() HookSpec {
	full, p := *h, presets[h.Preset]
	or := func(to *string, values ...string) {
		for _, v := range values {
			if *to == "" {
				*to = v
			}
		}
	}
	or(&full.Verify, p.Verify, verifyHMAC)
	or(&full.Signature.Header, p.Signature.Header)
	or(&full.Signature.Prefix, p.Signature.Prefix)
	or(&full.Signature.Encoding, p.Signature.Encoding, "hex")
	or(&full.Signature.Signed, p.Signature.Signed, "{body}")
	or(&full.Timestamp.Header, p.Timestamp.Header)
	or(&full.Timestamp.Prefix, p.Timestamp.Prefix)
	or(&full.Timestamp.Tolerance, "PT5M")
	or(&full.Delivery.Header, p.Delivery.Header)
	if full.Rate == 0 {
		full.Rate = defaultRate
	}
	if full.MaxBody == 0 {
		full.MaxBody = defaultMaxBody
	}
	return full
}

// hookTable has one row for each webhook. Its secrets are sealed.
var hookTable = &db.Table{
	Name: "hook",
	Columns: []db.Column{
		{Name: "id", Type: db.BigInt},
		{Name: "name", Type: db.Text, Size: 130},
		{Name: "app", Type: db.Text, Size: 63}, // whose bundle it came with; empty: made by itself
		{Name: "spec", Type: db.Long},          // JSON of HookSpec
		{Name: "secrets", Type: db.Bytes},      // JSON of []secret, sealed
		{Name: "author", Type: db.Text, Size: 250},
		{Name: "changed", Type: db.BigInt},
		{Name: "version", Type: db.BigInt},
	},
	Key: []string{"id"},
	Indexes: []db.Index{
		{Name: "hook_name", Columns: []string{"name"}, Unique: true},
		{Name: "hook_app", Columns: []string{"app"}},
	},
}

// deliveryTable has one row for each delivery that was taken.
var deliveryTable = &db.Table{
	Name: "hook_delivery",
	Columns: []db.Column{
		{Name: "hook", Type: db.BigInt},
		{Name: "delivery", Type: db.Text, Size: 64}, // hash of what it is known by
		{Name: "receipt", Type: db.BigInt},
		{Name: "at", Type: db.BigInt},
		{Name: "state", Type: db.Text, Size: 10}, // of the Outcome
		{Name: "ticket", Type: db.BigInt},
		{Name: "instance", Type: db.BigInt},
		{Name: "reason", Type: db.Text, Size: 1000},
	},
	Key:     []string{"hook", "delivery"},
	Indexes: []db.Index{{Name: "hook_delivery_at", Columns: []string{"hook", "at"}}},
}

// Hook is a webhook as its keepers see it.
type Hook struct {
	HookSpec
	App     string       `json:"app,omitempty" doc:"The app whose bundle it came with."`
	Path    string       `json:"path" doc:"Where deliveries go."`
	Secrets []HookSecret `json:"secrets" doc:"Those that count now; a delivery may be signed with any of them."`
	Author  string       `json:"author"`
	Changed time.Time    `json:"changed"`

	id     db.ID
	sealed []byte
}

// HookSecret is a secret without what is secret.
type HookSecret struct {
	ID    string    `json:"id"`
	Added time.Time `json:"added"`
}

const selectHook = "SELECT id, name, app, spec, secrets, author, changed FROM hook "

func scanHook(row db.Scanner) (h Hook, err error) {
	var name, spec string
	var changed int64
	if err = row.Scan(&h.id, &name, &h.App, &spec, &h.sealed, &h.Author, &changed); err != nil {
		return h, err
	}
	if err := json.Unmarshal([]byte(spec), &h.HookSpec); err != nil {
		return h, errs.New(errs.Internal, "the webhook %s is damaged: %w", name, err)
	}
	h.Name, h.Path, h.Changed = name, "/hooks/"+name, db.Time(changed)
	return h, nil
}
