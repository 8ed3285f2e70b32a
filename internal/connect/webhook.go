package connect

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// doWebhook posts {type, timestamp, data} signed as Standard Webhooks 1.0 says: the receiver checks the
// HMAC-SHA256 of "id.timestamp.body" with the secret that both know, and drops an id it has seen.
func (c *Connectors) doWebhook(ctx context.Context, job process.Job) (feel.Vars, error) {
	p := read(job, "url", "event", "data", "secret", "timeout")
	now := c.now().UTC()
	x := exchange{method: http.MethodPost, url: address(p), timeout: p.duration("timeout", usualTimeout, mostTimeout)}
	event := p.need("event")
	var key []byte
	if k := c.credential(p, p.need("secret"), x.url); k != nil {
		key, _ = signingKey(k.Secret) // checked by New
		if len(key) == 0 {
			p.fail("the credential %s has no secret", k.Name)
		}
	}
	var err error
	x.body, err = feel.ToJSON(feel.NewContext(
		feel.Entry{Name: "type", Value: event},
		feel.Entry{Name: "timestamp", Value: now.Format(time.RFC3339)},
		feel.Entry{Name: "data", Value: p.value("data")},
	))
	if err != nil || len(x.body) > answerMost {
		p.fail("data cannot be sent: it has to be plain and smaller than %d KB", answerMost>>10)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	at := strconv.FormatInt(now.Unix(), 10)
	x.header = http.Header{
		"User-Agent":        {"paceline"},
		"Content-Type":      {"application/json"},
		"Idempotency-Key":   {job.Key},
		"Webhook-Id":        {job.Key},
		"Webhook-Timestamp": {at},
		"Webhook-Signature": {"v1," + sign(key, job.Key+"."+at+"."+string(x.body))},
	}
	return c.exchange(ctx, job, x)
}

func sign(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signingKey is the key that a configured secret stands for.
func signingKey(secret string) ([]byte, error) {
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		return base64.StdEncoding.DecodeString(encoded)
	}
	return []byte(secret), nil
}
