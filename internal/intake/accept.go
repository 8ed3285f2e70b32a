package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
)

// Delivery is what a sender sent to a webhook.
type Delivery struct {
	Header  map[string][]string // with canonical names
	Query   url.Values
	Body    io.Reader
	Address string // of the sender
}

func (d *Delivery) header(name string) string {
	if all := d.Header[textproto.CanonicalMIMEHeaderKey(name)]; len(all) > 0 {
		return all[0]
	}
	return ""
}

// Receipt answers a delivery that was taken.
type Receipt struct {
	ID       db.ID     `json:"receipt"`
	State    string    `json:"state" enum:"done,nobody,ignored"`
	At       time.Time `json:"at"`
	Replayed bool      `json:"replayed,omitempty" doc:"It was taken before, and had its effect then."`
}

// ErrTooLarge is the error of a body that is larger than the webhook takes.
var ErrTooLarge = errs.New(errs.Invalid, "the body is larger than this webhook takes")

// Accept takes a delivery: once, with its effect. The errors:
//
//	NotFound         there is no such webhook
//	Unauthenticated  the signature or the time does not hold; why is in the log only
//	Exhausted        too many, or too many that did not hold
//	Invalid          the body cannot be read, ErrTooLarge, or the mapping fails
//	Conflict         the same delivery is under way
func (in *Intake) Accept(ctx context.Context, name string, d Delivery) (r Receipt, err error) {
	defer errs.Wrap(&err, "intake.Accept")
	h, err := in.hook(ctx, in.deps.DB, name)
	if err != nil {
		return r, errs.New(errs.NotFound, "there is no such webhook")
	}
	spec := h.filled()
	if wait := in.limits.blocked(d.Address, in.now()); wait > 0 {
		return r, errs.New(errs.Exhausted, "too many deliveries that were not signed rightly").RetryAfter(wait)
	}
	body, err := io.ReadAll(io.LimitReader(d.Body, int64(spec.MaxBody)+1))
	if err != nil {
		return r, errs.New(errs.Invalid, "the body cannot be read to its end")
	}
	if len(body) > spec.MaxBody {
		return r, ErrTooLarge
	}
	known, err := in.verify(h, &spec, &d, body)
	if err != nil {
		return r, err
	}
	if wait := in.limits.take("hook "+h.Name, spec.Rate, in.now()); wait > 0 {
		return r, errs.New(errs.Exhausted, "this webhook takes %d deliveries a minute", spec.Rate).RetryAfter(wait)
	}
	if r, ok, err := in.receipt(ctx, h.id, known); ok || err != nil {
		r.Replayed = true
		return r, err
	}
	s, err := in.hookScope(&spec, &d, body, known)
	if err != nil {
		return r, err
	}
	return in.take(ctx, h, &spec, s, known)
}

// take sets the target off; what is noted of the delivery is in the same transaction.
func (in *Intake) take(ctx context.Context, h Hook, spec *HookSpec, s scope, known string) (Receipt, error) {
	id, at := in.deps.NewID(), in.now()
	note := func(out Outcome) []db.Row {
		return []db.Row{{Table: deliveryTable, Values: []any{h.id, known, id, db.Micros(at), out.State, out.Ticket, out.Instance, clip(out.Reason, 1000)}}}
	}
	out := Outcome{State: stateIgnored}
	holds, err := s.holds(spec.When)
	if err == nil && holds {
		once := db.WithOnce(ctx, db.Once{Key: "hook-" + h.id.String() + "-" + known, Hash: "-"})
		out, err = in.do(once, &spec.Target, h.App, s, "webhook "+h.Name, note)
	}
	if err != nil {
		in.deps.Log.Warn("a delivery of a webhook has no effect", "hook", h.Name, "cause", err)
		return Receipt{}, err
	}
	if out.State != stateDone {
		if _, err := in.deps.DB.InsertIgnore(ctx, note(out)[0]); err != nil {
			return Receipt{}, err
		}
	}
	r, ok, err := in.receipt(ctx, h.id, known)
	if err == nil && !ok {
		err = errs.New(errs.Internal, "the receipt is not there")
	}
	r.Replayed = ok && r.ID != id // another node was faster
	return r, err
}

func (in *Intake) receipt(ctx context.Context, hook db.ID, known string) (r Receipt, ok bool, err error) {
	var at int64
	err = in.deps.DB.QueryRow(ctx, "SELECT receipt, state, at FROM hook_delivery WHERE hook = ? AND delivery = ?", hook, known).Scan(&r.ID, &r.State, &at)
	if errors.Is(err, db.ErrNoRows) {
		return r, false, nil
	}
	r.At = db.Time(at)
	return r, err == nil, err
}

func (s scope) holds(when string) (bool, error) {
	if when == "" {
		return true, nil
	}
	v, err := s.eval(when)
	return v == true, err
}

// private headers are not shown to expressions.
var private = []string{"Authorization", "Cookie", "Proxy-Authorization"}

// hookScope is what the expressions of a webhook see of a delivery.
func (in *Intake) hookScope(spec *HookSpec, d *Delivery, body []byte, known string) (scope, error) {
	content, err := contentOf(d.header("Content-Type"), body)
	if err != nil {
		return scope{}, err
	}
	headers, query := map[string]any{}, map[string]any{}
	for name, values := range d.Header {
		if len(values) > 0 && !slices.Contains(private, name) && !strings.EqualFold(name, spec.Signature.Header) {
			headers[strings.ToLower(name)] = strings.ToValidUTF8(values[0], "\uFFFD")
		}
	}
	for name, values := range d.Query {
		if len(values) > 0 {
			query[name] = strings.ToValidUTF8(values[0], "\uFFFD")
		}
	}
	id := known
	if spec.Delivery.Header != "" && d.header(spec.Delivery.Header) != "" {
		id = clip(d.header(spec.Delivery.Header), 200)
	}
	return scope{feel.Vars{"body": content, "headers": feel.From(headers), "query": feel.From(query), "delivery": id, "hook": spec.Name}, in.now()}, nil
}

// contentOf reads a body: JSON and forms as contexts, else as text.
func contentOf(contentType string, body []byte) (feel.Value, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = ""
	}
	switch {
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, errs.New(errs.Invalid, "the body is no form")
		}
		all := map[string]any{}
		for name, values := range form {
			all[name] = strings.ToValidUTF8(values[0], "\uFFFD")
		}
		return feel.From(all), nil
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		if len(bytes.TrimSpace(body)) == 0 {
			return nil, nil
		}
		v, err := feel.FromJSON(body)
		if err != nil {
			return nil, errs.New(errs.Invalid, "the body is no JSON: %w", err)
		}
		return v, nil
	}
	return strings.ToValidUTF8(string(body), "\uFFFD"), nil
}

// fingerprint is what a delivery is known by, as the table keeps it.
func fingerprint(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		io.WriteString(sum, part)
		sum.Write([]byte{0})
	}
	return hex.EncodeToString(sum.Sum(nil))
}
