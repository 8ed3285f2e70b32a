package gateway

import (
	"encoding/json"
	"html"
	"net/http"
	"strings"
	"time"
)

// statusGone is what the log says when the client went away first, as nginx does.
const statusGone = 499

// ownAnswer is an answer in the gateway's own name.
type ownAnswer struct {
	status int
	kind   string // of the text
	text   []byte
	retry  time.Duration // when to come back; 0: not said
}

// fail answers with a problem (RFC 9457). retry says when to come back.
func fail(v *visit, c client, status int, detail string, retry time.Duration) {
	problem := map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail, "request": string(v.id)}
	text, _ := json.Marshal(problem) // of texts and a number: cannot fail
	v.answerSelf(c, ownAnswer{status, "application/problem+json", text, retry})
}

// maintain shows people the page of an app that is being worked on.
func maintain(v *visit, c client) {
	if !strings.Contains(string(v.field("accept")), "text/html") {
		fail(v, c, http.StatusServiceUnavailable, v.route.Maintenance, time.Minute)
		return
	}
	page := `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Maintenance</title>` +
		`<body style="font:1.1rem system-ui;margin:20vh auto;max-width:36rem;padding:0 1rem"><h1>Back soon</h1><p>` + html.EscapeString(v.route.Maintenance) + `</p>`
	v.answerSelf(c, ownAnswer{http.StatusServiceUnavailable, "text/html; charset=utf-8", []byte(page), time.Minute})
}

func (v *visit) answerSelf(c client, a ownAnswer) {
	v.status, v.bytes = a.status, int64(len(a.text))
	c.own(v, a)
}
