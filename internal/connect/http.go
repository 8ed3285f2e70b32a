package connect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// Bounds of one call.
const (
	answerMost   = 1 << 20 // bytes of a body, there and back
	headersMost  = 64 << 10
	usualTimeout = 30 * time.Second
	mostTimeout  = 55 * time.Second // below process.Config.JobTimeout
	redirectMost = 5
)

// newClient makes the client of all calls: no proxy from the environment, no cookies, and
// a connection only where the guard lets it.
func newClient(g *guard) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: g.control}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
			MaxIdleConns: 100, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
			MaxResponseHeaderBytes: headersMost,
		},
		CheckRedirect: redirect,
	}
}

// redirect follows a service that moved within its host. To another host it would carry the
// model's data, and headers that only the model knows to be secret.
func redirect(next *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	switch {
	case len(via) > redirectMost:
		return &lasting{fmt.Sprintf("more than %d redirects", redirectMost)}
	case next.URL.Hostname() != from.Hostname() || from.Scheme == "https" && next.URL.Scheme != "https":
		return &lasting{fmt.Sprintf("%s redirects to %s", from.Host, next.URL.Host)}
	case via[0].Method != http.MethodGet && via[0].Method != http.MethodHead:
		return http.ErrUseLastResponse
	}
	return nil
}

// lasting is a failure of a call that another attempt does not cure.
type lasting struct{ why string }

func (l *lasting) Error() string { return l.why }

// exchange is one call as the model wants it.
type exchange struct {
	method  string
	url     *url.URL
	header  http.Header
	body    []byte
	timeout time.Duration
}

// doHTTP calls a service. The answer, {status, headers, body}, goes to the result variable,
// response where the model names none. A status of 400 to 499 is the BPMN error HTTP_status; 408, 425, 429
// and 5xx are tried again.
func (c *Connectors) doHTTP(ctx context.Context, job process.Job) (feel.Vars, error) {
	p := read(job, "method", "url", "query", "headers", "body", "form", "contentType", "auth", "timeout")
	x := exchange{
		method:  p.oneOf("method", http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead),
		url:     address(p),
		header:  headers(p),
		timeout: p.duration("timeout", usualTimeout, mostTimeout),
	}
	x.body = payload(p, x.header)
	c.authorize(p, &x)
	if err := p.err(); err != nil {
		return nil, err
	}
	x.header.Set("Idempotency-Key", job.Key)
	return c.exchange(ctx, job, x)
}

// exchange makes the call and judges what came of it.
func (c *Connectors) exchange(ctx context.Context, job process.Job, x exchange) (feel.Vars, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, x.method, x.url.String(), bytes.NewReader(x.body))
	if err != nil {
		return nil, process.Permanent(err)
	}
	req.Header = x.header
	res, err := c.http.Do(req)
	if err != nil {
		return nil, callFailed(err)
	}
	defer res.Body.Close()
	answer, err := readAnswer(res)
	if err != nil {
		return nil, err
	}
	return judge(job, res, answer)
}

// callFailed tells a call that may succeed later from one that never will. The address is
// left out, because its query may hold data.
func callFailed(err error) error {
	var refused *refusedAddress
	var never *lasting
	var called *url.Error
	switch {
	case errors.As(err, &refused):
		return process.Permanent(refused)
	case errors.As(err, &never):
		return process.Permanent(never)
	case errors.As(err, &called):
		err = called.Err
	}
	return errs.New(errs.Unavailable, "the service does not answer: %w", err)
}

func judge(job process.Job, res *http.Response, answer *feel.Context) (feel.Vars, error) {
	vars := feel.Vars{result(job, "response"): answer}
	status := res.StatusCode
	switch {
	case status < 300:
		return vars, nil
	case status < 400:
		return nil, process.Permanent(fmt.Errorf("the service answered %s, which is not followed for %s", res.Status, res.Request.Method))
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return nil, errs.New(errs.Unavailable, "the service answered %s", res.Status).RetryAfter(retryAfter(res))
	}
	return nil, &process.BPMNError{Code: "HTTP_" + strconv.Itoa(status), Message: "the service answered " + res.Status, Vars: vars}
}

// retryAfter reads the header of RFC 9110 section 10.2.3; 0 when there is none.
func retryAfter(res *http.Response) time.Duration {
	text := res.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 3600)) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	sent, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, min(at.Sub(sent), time.Hour))
}

func readAnswer(res *http.Response) (*feel.Context, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, answerMost+1))
	if err != nil {
		return nil, errs.New(errs.Unavailable, "the answer broke off: %w", err)
	}
	if len(body) > answerMost {
		return nil, process.Permanent(fmt.Errorf("the answer is larger than %d KB", answerMost>>10))
	}
	value, err := decode(res.Header.Get("Content-Type"), body)
	if err != nil && res.StatusCode < 300 {
		return nil, process.Permanent(err)
	}
	var fields []feel.Entry
	for name, values := range res.Header {
		fields = append(fields, feel.Entry{Name: strings.ToLower(name), Value: strings.Join(values, ", ")})
	}
	slices.SortFunc(fields, func(a, b feel.Entry) int { return strings.Compare(a.Name, b.Name) })
	return feel.NewContext(
		feel.Entry{Name: "status", Value: feel.Int(int64(res.StatusCode))},
		feel.Entry{Name: "headers", Value: feel.NewContext(fields...)},
		feel.Entry{Name: "body", Value: value},
	), nil
}

// decode makes a value of a body: JSON as such, other text as text, and bytes as null.
func decode(contentType string, body []byte) (feel.Value, error) {
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case len(body) == 0:
		return nil, nil
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		v, err := feel.FromJSON(body)
		if err != nil {
			return nil, fmt.Errorf("the answer is not the JSON that it says it is: %w", err)
		}
		return v, nil
	case utf8.Valid(body):
		return string(body), nil
	}
	return nil, nil
}

// address is the url with the query added to it.
func address(p *params) *url.URL {
	text := p.need("url")
	u, err := url.Parse(text)
	switch {
	case text == "":
		return &url.URL{}
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		p.fail("url is not an address such as https://api.example.com/orders")
		return &url.URL{}
	case u.User != nil:
		p.fail("url must not hold a password; name a credential in auth")
		return &url.URL{}
	}
	query := u.Query()
	for _, pair := range p.pairs("query") {
		query.Add(pair[0], pair[1])
	}
	u.RawQuery = query.Encode()
	u.Fragment = ""
	return u
}

// ours are the headers that the connector sets itself.
var ours = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Idempotency-Key", "Authorization", "Proxy-Authorization", "Cookie"}

func headers(p *params) http.Header {
	h := http.Header{"User-Agent": {"paceline"}, "Accept": {"application/json, text/*;q=0.5, */*;q=0.1"}}
	for _, pair := range p.pairs("headers") {
		name := http.CanonicalHeaderKey(pair[0])
		switch {
		case slices.Contains(ours, name):
			p.fail("the header %s cannot be set; auth names a credential", name)
		case !token(name) || oneLine(pair[1]) != pair[1]:
			p.fail("%q is not usable as a header", pair[0])
		default:
			h.Add(name, pair[1])
		}
	}
	return h
}

// token is the name of a header (RFC 9110 section 5.6.2).
func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

// payload is the body: text as it stands, other values as JSON, or a form.
func payload(p *params, h http.Header) (body []byte) {
	kind := ""
	v, form := p.value("body"), p.pairs("form")
	switch text, isText := v.(string); {
	case v != nil && form != nil:
		p.fail("body and form exclude each other")
	case form != nil:
		values := url.Values{}
		for _, pair := range form {
			values.Add(pair[0], pair[1])
		}
		kind, body = "application/x-www-form-urlencoded", []byte(values.Encode())
	case isText:
		kind, body = "text/plain; charset=utf-8", []byte(text)
	case v != nil:
		data, err := feel.ToJSON(v)
		if err != nil {
			p.fail("body: %v", err)
		}
		kind, body = "application/json", data
	}
	if named := p.text("contentType"); named != "" {
		kind = named
	}
	if oneLine(kind) != kind {
		p.fail("contentType is not usable as a header")
	}
	if len(body) > answerMost {
		p.fail("the body is larger than %d KB", answerMost>>10)
	}
	if body != nil && kind != "" {
		h.Set("Content-Type", kind)
	}
	return body
}

// authorize adds the credential that the model names.
func (c *Connectors) authorize(p *params, x *exchange) {
	name := p.text("auth")
	if name == "" {
		return
	}
	k := c.credential(p, name, x.url)
	switch {
	case k == nil:
	case x.url.Scheme != "https" && !k.Clear:
		p.fail("the credential %s goes by https only", name)
	case k.Token != "":
		x.header.Set("Authorization", "Bearer "+k.Token)
	case k.User != "":
		req := http.Request{Header: x.header}
		req.SetBasicAuth(k.User, k.Password)
	default:
		p.fail("the credential %s has neither a token nor a user", name)
	}
}

// credential finds a credential and checks that it may go to the host.
func (c *Connectors) credential(p *params, name string, to *url.URL) *Credential {
	i := slices.IndexFunc(c.cfg.Credentials, func(k Credential) bool { return k.Name == name })
	if i < 0 {
		p.fail("the configuration has no credential %q", name)
		return nil
	}
	k := &c.cfg.Credentials[i]
	host := strings.ToLower(to.Hostname())
	if !slices.ContainsFunc(k.Hosts, func(pattern string) bool { return matches(strings.ToLower(pattern), host) }) {
		p.fail("the credential %s is not for the host %s", name, host)
		return nil
	}
	return k
}

func matches(pattern, host string) bool {
	if below, ok := strings.CutPrefix(pattern, "*"); ok && strings.HasPrefix(below, ".") {
		return strings.HasSuffix(host, below)
	}
	return pattern == host
}
