package test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/db/dbtest"
)

// office is a server with the models of docs/approvals as an app, and the people who use it.
type office struct {
	t      *testing.T
	server *server
	people map[string]*client.Client
	tokens map[string]string
	ids    map[string]string // what $TASK, $TICKET and $ID stand for
}

// TestApprovalsByTheBook sends every request of docs/approvals.md, each at a task or ticket of the model beside it.
func TestApprovalsByTheBook(t *testing.T) {
	o := &office{t: t, people: map[string]*client.Client{}, tokens: map[string]string{}, ids: map[string]string{}}
	o.server = startServer(t, serverDSN+"="+dbtest.DSN(t, "sqlite"), serverData+"="+t.TempDir())
	if _, err := o.as("admin").PublishApp(t.Context(), officeApp(t)); err != nil {
		t.Fatal(err)
	}
	for _, call := range (page{text: read(t, "../docs/approvals.md")}).calls() {
		if strings.Contains(call.path, "{") {
			continue // told in a sentence
		}
		who := o.prepare(call)
		path := call.path
		for name, id := range o.ids {
			path = strings.ReplaceAll(path, name, id)
		}
		o.send(who, call.method, path, strings.ReplaceAll(call.body, "2026-12-24", time.Now().AddDate(0, 1, 0).Format(time.DateOnly)))
	}
}

// prepare brings a ticket to where the request belongs, and says who sends it.
func (o *office) prepare(call apiCall) string {
	switch strings.TrimPrefix(call.path, "/t") {
	case "asks/$TASK/complete":
		return o.at("group", "it-manager")
	case "asks/$TASK/signers":
		return o.at("signers", "director")
	case "asks/$TASK/signers/remove":
		o.take("desk1") // whom the request before has put before the director
		return "director"
	case "asks/$TASK/transfer", "asks/$TASK/delegate":
		return o.at("handover", "desk1")
	case "asks/$TASK/return":
		o.at("return", "staff1")
		o.do("staff1", "complete")
		o.take("desk1")
		o.do("desk1", "complete")
		return o.take("desk1")
	case "ickets/$TICKET/withdraw":
		o.at("return", "staff1")
		o.do("staff1", "complete")
		return "staff1"
	case "ickets/$TICKET/cancel":
		return o.at("return", "staff1")
	case "ickets/$TICKET/cc":
		o.at("group", "it-manager")
		return "staff1"
	case "/inbox/notices", "/inbox/notices/$ID/read":
		o.keep(o.send("buyer1", http.MethodGet, "/inbox/notices", ""))
		return "buyer1"
	case "/deputies", "/deputies/$ID":
		return "hr1"
	}
	return "staff1"
}

// at opens a ticket of a kind; who has its first task from then on is the one who is named.
func (o *office) at(kind, who string) string {
	o.t.Helper()
	opened, err := o.as("staff1").OpenTicket(o.t.Context(), client.Draft{App: "office", Kind: kind, Data: map[string]any{}})
	if err != nil {
		o.t.Fatal(err)
	}
	o.ids["$TICKET"] = opened.ID
	return o.take(who)
}

// take finds the person's task of the ticket, and claims it where it is free.
func (o *office) take(who string) string {
	o.t.Helper()
	for _, queue := range []string{"mine", "group"} {
		inbox, err := o.as(who).Inbox(o.t.Context(), client.InboxQuery{Queue: queue})
		if err != nil {
			o.t.Fatal(err)
		}
		for _, item := range inbox.Items {
			if item.Ticket != o.ids["$TICKET"] {
				continue
			}
			if o.ids["$TASK"] = item.Task; queue == "group" {
				o.do(who, "claim")
			}
			return who
		}
	}
	o.t.Fatalf("%s has no task of the ticket", who)
	return ""
}

func (o *office) do(who, verb string) {
	o.t.Helper()
	o.send(who, http.MethodPost, "/tasks/"+o.ids["$TASK"]+"/"+verb, "{}")
}

// keep takes the id of an answer, or of the first of its items.
func (o *office) keep(answer map[string]any) {
	if items, ok := answer["items"].([]any); ok && len(items) > 0 {
		answer, _ = items[0].(map[string]any)
	}
	if id, ok := answer["id"].(string); ok {
		o.ids["$ID"] = id
	}
}

// send makes a request that has to succeed.
func (o *office) send(who, method, path, body string) (answer map[string]any) {
	o.t.Helper()
	o.as(who)
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.server.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+o.tokens[who])
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(res.Body); err != nil {
		o.t.Fatal(err)
	}
	if res.StatusCode >= 300 {
		o.t.Errorf("%s: %s %s %s: %d %s", who, method, path, body, res.StatusCode, text.String())
	}
	_ = json.Unmarshal(text.Bytes(), &answer) // an answer may be empty
	if path == "/deputies" && method == http.MethodPost {
		o.keep(answer)
	}
	return answer
}

func (o *office) as(login string) *client.Client {
	o.t.Helper()
	if c, ok := o.people[login]; ok {
		return c
	}
	first, err := client.New(client.Config{URL: o.server.url})
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := first.Login(o.t.Context(), login, password); err != nil {
		o.t.Fatal(err)
	}
	token, err := first.CreateToken(o.t.Context(), client.NewToken{Name: "book", Scopes: []string{"admin"}})
	if err != nil {
		o.t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: o.server.url, Token: token.Secret})
	if err != nil {
		o.t.Fatal(err)
	}
	o.people[login], o.tokens[login] = c, token.Secret
	return c
}

// officeApp is an app with a kind of tickets for each model of docs/approvals.
func officeApp(t *testing.T) []byte {
	t.Helper()
	models, err := filepath.Glob("../docs/approvals/*.bpmn")
	if err != nil || len(models) == 0 {
		t.Fatalf("%d models, %v", len(models), err)
	}
	files := map[string]string{
		"app.yaml":        "id: office\nname: Office\nversion: \"1\"\ntickets:\n",
		"forms/note.json": `{"schemaVersion": 17, "type": "default", "id": "note", "components": [{"type": "textfield", "key": "what", "label": "What"}]}`,
	}
	for _, file := range models {
		name := strings.TrimSuffix(filepath.Base(file), ".bpmn")
		files["processes/"+name+".bpmn"] = read(t, file)
		files["app.yaml"] += fmt.Sprintf("  - {id: %s, name: %s, title: '=\"T\"', form: note, process: %s, number: {prefix: %s-}, requester: {withdraw: true, cancel: true}}\n",
			name, name, name, strings.ToUpper(name))
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
