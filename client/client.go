// Package client speaks to a Paceline server: every operation of its HTTP API as a
// method with typed arguments and answers.
//
// Writes carry an Idempotency-Key, so a call that meets a dying server or a broken
// connection is repeated and still takes effect once. An answer that is an error comes
// back as a *Problem.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config of a client.
type Config struct {
	URL     string       // of the server, such as http://localhost:8100
	Token   string       // an API token; empty: sign in with Login
	Retries int          // how often a call is repeated; 0: 5, negative: never
	HTTP    *http.Client // nil: one of the client's own
	Agent   string       // User-Agent; empty: paceline-client
}

// Client is safe for use by many goroutines.
type Client struct {
	base    *url.URL
	token   string
	retries int
	http    *http.Client
	agent   string
}

// New makes a client. It connects to nothing yet.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(cfg.URL, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("%q is not the address of a server, such as http://localhost:8100", cfg.URL)
	}
	c := &Client{base: base, token: cfg.Token, retries: cfg.Retries, http: cfg.HTTP, agent: cfg.Agent}
	if c.retries == 0 {
		c.retries = 5
	}
	if c.agent == "" {
		c.agent = "paceline-client"
	}
	if c.http == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		c.http = &http.Client{Jar: jar}
	}
	return c, nil
}

type keyType struct{}

// WithKey chooses the Idempotency-Key of the one write made with the context. A
// program that may die and be started again stores the key before it calls.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyType{}, key)
}

// call is one request to be made.
type call struct {
	method string
	path   string // below /api/v1, escaped
	query  url.Values
	kind   string // of body; empty: JSON
	body   []byte
	lastID string // of an event stream
}

// get reads a T.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return answer[T](ctx, c, call{method: http.MethodGet, path: path, query: query})
}

// send writes in, where it is not nil, and reads the T that is answered.
func send[T any](ctx context.Context, c *Client, method, path string, in any) (T, error) {
	cl := call{method: method, path: path}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			var none T
			return none, fmt.Errorf("%s %s: %w", method, path, err)
		}
		cl.body = body
	}
	return answer[T](ctx, c, cl)
}

// nothing is read where an answer has no body, or none that matters.
type nothing struct{}

// answer makes the call and decodes what it is answered.
func answer[T any](ctx context.Context, c *Client, cl call) (out T, err error) {
	res, err := c.do(ctx, cl)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNoContent {
		return out, nil
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("%s %s: the answer is not what this client expects: %w", cl.method, cl.path, err)
	}
	return out, nil
}

// do makes the call, again and again while that can help. Its key stays the same
// through all attempts. The caller closes the answer's body.
func (c *Client) do(ctx context.Context, cl call) (*http.Response, error) {
	key, _ := ctx.Value(keyType{}).(string)
	if key == "" && cl.method != http.MethodGet {
		key = rand.Text()
	}
	for attempt := 0; ; attempt++ {
		res, err := c.once(ctx, cl, key)
		if err == nil && res.StatusCode < 400 {
			return res, nil
		}
		var wait time.Duration
		if err == nil {
			wait, err = readProblem(res)
		}
		if attempt >= c.retries || !worthRepeating(ctx, err) {
			return nil, err
		}
		if wait == 0 {
			wait = backoff(attempt)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}

func (c *Client) once(ctx context.Context, cl call, key string) (*http.Response, error) {
	u := *c.base
	path, err := url.PathUnescape(cl.path)
	if err != nil {
		return nil, err
	}
	u.RawPath = u.EscapedPath() + "/api/v1" + cl.path
	u.Path += "/api/v1" + path
	u.RawQuery = cl.query.Encode()
	req, err := http.NewRequestWithContext(ctx, cl.method, u.String(), bytes.NewReader(cl.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.agent)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if cl.lastID != "" {
		req.Header.Set("Last-Event-ID", cl.lastID)
	}
	if cl.body != nil {
		req.Header.Set("Content-Type", "application/json")
		if cl.kind != "" {
			req.Header.Set("Content-Type", cl.kind)
		}
	}
	return c.http.Do(req)
}

// backoff doubles from 100 ms to 5 s, with jitter so that many clients do not come
// back in step.
func backoff(attempt int) time.Duration {
	full := min(100*time.Millisecond<<attempt, 5*time.Second)
	return full/2 + mrand.N(full/2)
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, 30*time.Second)
}
