package intake

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/errs"
)

// maxCandidates bounds the signatures of one delivery that are looked at.
const maxCandidates = 10

// verify holds a delivery against the secrets of its webhook and gives what it is known by. The sender learns
// only that it does not hold; the log has why.
func (in *Intake) verify(h Hook, spec *HookSpec, d *Delivery, body []byte) (string, error) {
	secrets, err := in.secretsOf(h)
	if err != nil {
		return "", err
	}
	why := ""
	stamp := part(d.header(spec.Timestamp.Header), spec.Timestamp.Prefix)
	id := d.header(spec.Delivery.Header)
	signed := strings.NewReplacer("{timestamp}", stamp, "{id}", id).Replace(spec.Signature.Signed)
	before, after, _ := strings.Cut(signed, "{body}")
	switch {
	case len(secrets) == 0:
		why = "the webhook has no secret"
	case !spec.signedBy(secrets, d.header(spec.Signature.Header), before, body, after):
		why = "the signature does not hold"
	case spec.Timestamp.Header != "" && !spec.fresh(stamp, in.now()):
		why = "the time is not ours"
	}
	if why != "" {
		in.limits.failed(d.Address, in.now())
		in.deps.Log.Warn("a delivery of a webhook is refused", "hook", h.Name, "cause", why, "from", d.Address)
		return "", errs.New(errs.Unauthenticated, "the delivery is not signed rightly").WithCure("check the secret, what is signed and the clock")
	}
	named := id != "" && (spec.Delivery.Trust || strings.Contains(spec.Signature.Signed, "{id}") || spec.Timestamp.Header != "")
	if named {
		return fingerprint("id", id), nil
	}
	return fingerprint("content", before, string(body), after), nil
}

// part is what follows a prefix in a header with parts such as t=1492774577,v1=5257a8…; the whole where there is no prefix.
func part(header, prefix string) string {
	if prefix == "" {
		return strings.TrimSpace(header)
	}
	for p := range strings.SplitSeq(header, ",") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(p), prefix); ok {
			return rest
		}
	}
	return ""
}

// candidates are the signatures in a header: senders that change their secret send several, apart by blanks or commas.
func candidates(header, prefix string) []string {
	if prefix == "" {
		return []string{strings.TrimSpace(header)}
	}
	var all []string
	for _, p := range strings.Fields(header) {
		if rest, ok := strings.CutPrefix(p, prefix); ok {
			all = append(all, strings.TrimSuffix(rest, ","))
		}
	}
	if len(all) == 1 && !strings.Contains(all[0], ",") || len(all) > 1 {
		return all[:min(len(all), maxCandidates)]
	}
	all = nil
	for p := range strings.SplitSeq(header, ",") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(p), prefix); ok && len(all) < maxCandidates {
			all = append(all, rest)
		}
	}
	return all
}

// signedBy compares every signature with every secret, in constant time.
func (h *HookSpec) signedBy(secrets []secret, header, before string, body []byte, after string) bool {
	good := 0
	for _, s := range secrets {
		if h.Verify == verifyToken {
			good |= subtle.ConstantTimeCompare([]byte(part(header, h.Signature.Prefix)), []byte(s.Secret))
			continue
		}
		mac := hmac.New(sha256.New, s.key())
		mac.Write([]byte(before))
		mac.Write(body)
		mac.Write([]byte(after))
		want := mac.Sum(nil)
		for _, c := range candidates(header, h.Signature.Prefix) {
			got, err := h.decode(c)
			if err == nil {
				good |= subtle.ConstantTimeCompare(got, want)
			}
		}
	}
	return good == 1
}

func (h *HookSpec) decode(signature string) ([]byte, error) {
	if h.Signature.Encoding == "base64" {
		return base64.StdEncoding.DecodeString(signature)
	}
	return hex.DecodeString(signature)
}

// fresh reports whether a sender's time, in seconds since 1970, is near enough to ours.
func (h *HookSpec) fresh(stamp string, now time.Time) bool {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	p, ok := calendar.ParsePeriod(h.Timestamp.Tolerance)
	if err != nil || !ok || seconds < 0 || seconds > 1<<40 {
		return false
	}
	return now.Sub(time.Unix(seconds, 0)).Abs() <= p.Clock
}

// secret is one secret of a webhook.
type secret struct {
	ID     string    `json:"id"`
	Secret string    `json:"secret"`
	Added  time.Time `json:"added"`
}

// String hides the secret from logs.
func (s secret) String() string { return "secret " + s.ID }

// GoString hides it too.
func (s secret) GoString() string { return s.String() }

// key is what signs: the text itself, or what it stands for as Standard Webhooks writes it.
func (s secret) key() []byte {
	if text, ok := strings.CutPrefix(s.Secret, "whsec_"); ok {
		if key, err := base64.StdEncoding.DecodeString(text); err == nil {
			return key
		}
	}
	return []byte(s.Secret)
}
