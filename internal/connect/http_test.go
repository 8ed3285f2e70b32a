package connect

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// service is a server on this machine.
func service(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

func TestCallOfAService(t *testing.T) {
	var got *http.Request
	var body string
	url := service(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("X-Trace", "t1")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"id": 12345678901234567890, "ok": true}`)
	})
	c := connectors(t, Config{Credentials: []Credential{{Name: "crm", Hosts: []string{"127.0.0.1"}, User: "u", Password: "p", Clear: true}}})
	j := job("http", fixed{"method": "POST", "auth": "crm"}, given{
		"url": url + "/orders?a=1", "query": object("b", "x y"), "headers": object("X-App", "desk"),
		"body": object("amount", json.Number("12.10"), "who", "ann"),
	}, nil)
	j.Node.Work.ResultVar = "order"
	vars, err := c.do(t, j)
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ := got.BasicAuth()
	if got.Method != "POST" || got.URL.String() != "/orders?a=1&b=x+y" || got.Header.Get("X-App") != "desk" || got.Header.Get("Idempotency-Key") != "job-7" ||
		got.Header.Get("Content-Type") != "application/json" || user != "u" || password != "p" || body != `{"amount":12.10,"who":"ann"}` {
		t.Errorf("the service got %s %s %v %s", got.Method, got.URL, got.Header, body)
	}
	answer, _ := feel.ToJSON(vars["order"].(*feel.Context))
	if !strings.HasPrefix(string(answer), `{"status":201,"headers":{`) || !strings.Contains(string(answer), `"x-trace":"t1"`) ||
		!strings.HasSuffix(string(answer), `"body":{"id":12345678901234567890,"ok":true}}`) {
		t.Errorf("the answer is %s", answer)
	}
}

func TestBodies(t *testing.T) {
	var kind, body string
	url := service(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		kind, body = r.Header.Get("Content-Type"), string(text)
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "thanks")
	})
	c := connectors(t, Config{})
	for name, x := range map[string]struct {
		in         given
		kind, body string
	}{
		"text": {given{"body": "<a/>", "contentType": "application/xml"}, "application/xml", "<a/>"},
		"list": {given{"body": feel.List{"a", nil}}, "application/json", `["a",null]`},
		"form": {given{"form": object("a", "1&2", "b", true)}, "application/x-www-form-urlencoded", "a=1%262&b=true"},
		"none": {given{}, "", ""},
	} {
		x.in["url"], x.in["method"] = url, "PUT"
		vars, err := c.do(t, job("http", nil, x.in, nil))
		if err != nil || kind != x.kind || body != x.body {
			t.Errorf("%s: %q %q, %v", name, kind, body, err)
			continue
		}
		if got, _ := vars["response"].(*feel.Context).Get("body"); got != "thanks" {
			t.Errorf("%s: answered %v", name, got)
		}
	}
}

// What becomes of a status: another attempt, an error for the model, or an incident.
func TestStatuses(t *testing.T) {
	status := 0
	url := service(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		io.WriteString(w, "why not")
	})
	c := connectors(t, Config{})
	for want, statuses := range map[string][]int{"again": {408, 425, 429, 500, 503, 504}, "HTTP_": {400, 401, 404, 409, 422}, "incident": {304}} {
		for _, status = range statuses {
			_, err := c.do(t, job("http", fixed{"url": url, "method": "POST"}, nil, nil))
			var again *errs.Error
			var coded *process.BPMNError
			got := "incident"
			switch {
			case errors.As(err, &coded):
				got = "HTTP_"
				answer, _ := coded.Vars["response"].(*feel.Context)
				if body, _ := answer.Get("body"); coded.Code != "HTTP_"+strconv.Itoa(status) || body != "why not" {
					t.Errorf("%d: %+v", status, coded)
				}
			case errors.As(err, &again) && !permanent(err):
				if got = "again"; again.Retry != 7*time.Second {
					t.Errorf("%d: again after %v", status, again.Retry)
				}
			}
			if got != want || err == nil {
				t.Errorf("%d is %s, want %s: %v", status, got, want, err)
			}
		}
	}
}

func TestCallsThatFail(t *testing.T) {
	answers := http.NewServeMux()
	answers.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, answerMost+1)) })
	answers.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"a":`)
	})
	answers.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://localhost:1/", http.StatusFound)
	})
	answers.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	answers.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/here", http.StatusFound) })
	answers.HandleFunc("/here", func(http.ResponseWriter, *http.Request) {})
	answers.HandleFunc("/hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	answers.HandleFunc("/cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	url := service(t, answers.ServeHTTP)
	gone := httptest.NewServer(answers)
	gone.Close()
	c := connectors(t, Config{Credentials: []Credential{
		{Name: "crm", Hosts: []string{"crm.example.com", "*.crm.example.com"}, Token: "x"}, {Name: "near", Hosts: []string{"127.0.0.1"}, Token: "x"},
	}})
	for name, x := range map[string]struct {
		headers fixed
		again   bool
		want    string
	}{
		"large answer":            {fixed{"url": url + "/large"}, false, "larger than"},
		"broken JSON":             {fixed{"url": url + "/broken"}, false, "not the JSON"},
		"redirect to another":     {fixed{"url": url + "/away"}, false, "redirects to localhost:1"},
		"redirect for ever":       {fixed{"url": url + "/loop"}, false, "more than 5 redirects"},
		"redirect of a write":     {fixed{"url": url + "/moved", "method": "POST"}, false, "not followed"},
		"no answer in time":       {fixed{"url": url + "/hangs", "timeout": "PT0.05S"}, true, "does not answer"},
		"connection cut":          {fixed{"url": url + "/cut", "method": "POST"}, true, "does not answer"},
		"nobody there":            {fixed{"url": gone.URL}, true, "does not answer"},
		"scheme":                  {fixed{"url": "file:///etc/passwd"}, false, "not an address"},
		"password in the address": {fixed{"url": "http://u:p@127.0.0.1/"}, false, "must not hold a password"},
		"method":                  {fixed{"url": url, "method": "CONNECT"}, false, "method"},
		"timeout":                 {fixed{"url": url, "timeout": "PT1H"}, false, "at most"},
		"unknown credential":      {fixed{"url": url, "auth": "erp"}, false, `no credential "erp"`},
		"credential in clear":     {fixed{"url": url, "auth": "near"}, false, "by https only"},
		"credential of another":   {fixed{"url": url, "auth": "crm"}, false, "not for the host 127.0.0.1"},
	} {
		_, err := c.do(t, job("http", x.headers, nil, nil))
		if err == nil || permanent(err) == x.again || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: permanent %v, %v", name, permanent(err), err)
		}
	}
	if _, err := c.do(t, job("http", fixed{"url": url + "/moved"}, nil, nil)); err != nil {
		t.Errorf("a read that has moved within the host: %v", err)
	}
	for _, bad := range []*feel.Context{object("Authorization", "x"), object("X", "a\r\nY: b"), object("X Y", "a"), object("Host", "x")} {
		if _, err := c.do(t, job("http", fixed{"url": url + "/here"}, given{"headers": bad}, nil)); !permanent(err) {
			t.Errorf("headers %v: %v", feel.String(bad), err)
		}
	}
}

func TestHostsOfACredential(t *testing.T) {
	for pattern, hosts := range map[string]map[string]bool{
		"a.example.com": {"a.example.com": true, "b.a.example.com": false, "xa.example.com": false},
		"*.example.com": {"a.example.com": true, "b.a.example.com": true, "example.com": false, "aexample.com": false},
		"*":             {"example.com": false},
	} {
		for host, want := range hosts {
			if matches(pattern, host) != want {
				t.Errorf("%s for %s: %v", pattern, host, !want)
			}
		}
	}
}

// The proxy that the environment names is not asked.
func TestNoProxyFromTheEnvironment(t *testing.T) {
	var asked atomic.Bool
	t.Setenv("HTTP_PROXY", service(t, func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	c := connectors(t, Config{Allow: []string{"127.0.0.2"}})
	c.do(t, job("http", fixed{"url": "http://127.0.0.2:1/", "timeout": "PT1S"}, nil, nil))
	if asked.Load() {
		t.Error("the call went to the proxy")
	}
}

func TestWebhookIsSigned(t *testing.T) {
	key := []byte("0123456789abcdef")
	var got http.Header
	var body string
	url := service(t, func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r.Header, string(text)
	})
	c := connectors(t, Config{Credentials: []Credential{{
		Name: "erp", Hosts: []string{"127.0.0.1"}, Secret: "whsec_" + base64.StdEncoding.EncodeToString(key),
	}}})
	_, err := c.do(t, job("webhook", fixed{"url": url, "event": "order.approved", "secret": "erp"}, given{"data": object("order", 7)}, nil))
	if err != nil {
		t.Fatal(err)
	}
	at := strconv.FormatInt(clock.Unix(), 10)
	want := "v1," + sign(key, "job-7."+at+"."+body)
	if body != `{"type":"order.approved","timestamp":"2026-03-02T09:00:00Z","data":{"order":7}}` ||
		got.Get("Webhook-Id") != "job-7" || got.Get("Webhook-Timestamp") != at || !hmac.Equal([]byte(got.Get("Webhook-Signature")), []byte(want)) {
		t.Errorf("got %v %s", got, body)
	}
	_, err = c.do(t, job("webhook", fixed{"url": url, "event": "x"}, nil, nil))
	if !permanent(err) || !strings.Contains(err.Error(), "secret is missing") {
		t.Errorf("without a secret: %v", err)
	}
}

// The example of the Standard Webhooks specification.
func TestSignatureOfTheSpecification(t *testing.T) {
	key, err := signingKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := sign(key, `msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}`)
	if got != "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("the signature is %s", got)
	}
}
