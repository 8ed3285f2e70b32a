package api_test

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/paceline/paceline/client"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// schema is the part of a JSON schema that the tests look at.
type schema struct {
	Ref         string             `json:"$ref"`
	Type        any                `json:"type"`
	Description string             `json:"description"`
	Properties  map[string]*schema `json:"properties"`
	Items       *schema            `json:"items"`
}

type operation struct {
	OperationID string   `json:"operationId"`
	Summary     string   `json:"summary"`
	Tags        []string `json:"tags"`
	Parameters  []struct {
		Name   string  `json:"name"`
		In     string  `json:"in"`
		Schema *schema `json:"schema"`
	} `json:"parameters"`
	RequestBody *struct {
		Content map[string]struct {
			Schema *schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Content map[string]struct {
			Schema *schema `json:"schema"`
		} `json:"content"`
	} `json:"responses"`
}

type document struct {
	OpenAPI    string                          `json:"openapi"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
}

func readDocument(t *testing.T) (text string, doc document) {
	w := start(t)
	got := w.send("GET", "/api/v1/openapi.json", "")
	must(t, json.Unmarshal([]byte(got.body), &doc))
	return got.body, doc
}

// TestDocument holds the API to its golden file, so that no change of it goes unseen:
// go test ./internal/api -run TestDocument -update.
func TestDocument(t *testing.T) {
	text, doc := readDocument(t)
	const golden = "testdata/openapi.json"
	if *update {
		must(t, os.WriteFile(golden, []byte(text), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if text != string(want) {
		t.Errorf("the API is not the one of %s; look at the difference, then run with -update", golden)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi %s", doc.OpenAPI)
	}
	seen := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			name := strings.ToUpper(method) + " " + path
			if op.OperationID == "" || seen[op.OperationID] || op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s is not described: %+v", name, op)
			}
			seen[op.OperationID] = true
			if op.Responses["default"].Content["application/problem+json"].Schema == nil {
				t.Errorf("%s does not say how it fails", name)
			}
			keyed := false
			for _, p := range op.Parameters {
				keyed = keyed || p.Name == "Idempotency-Key"
				if p.In == "path" && p.Name == "id" && p.Schema.Type != "string" {
					t.Errorf("%s: an id is no string", name)
				}
			}
			// Answers that are secrets are not kept, nor those of calls that only look; jobs of a lost answer come back after
			// their locks.
			unkept := map[string]bool{"login": true, "logout": true, "changePassword": true, "setPassword": true, "fetchJobs": true, "addHookSecret": true, "countOperation": true, "planMigration": true, "dryRunMigration": true, "createJoinToken": true}
			if method != "get" && keyed == unkept[op.OperationID] {
				t.Errorf("%s: takes an Idempotency-Key: %v", name, keyed)
			}
		}
	}
	for name, s := range doc.Components.Schemas {
		for field, p := range s.Properties {
			if (field == "id" || field == "ticket" || field == "task" || field == "instance") && p.Type != "string" {
				t.Errorf("%s.%s is %v, want a string", name, field, p.Type)
			}
		}
	}
}

// TestClientFitsDocument holds the client's answers to the document: a field of one is
// a field of the other.
func TestClientFitsDocument(t *testing.T) {
	_, doc := readDocument(t)
	for name, v := range map[string]any{
		"Problem": client.Problem{}, "Detail": client.Detail{}, "Me": client.Me{}, "NewToken": client.Token{},
		"Item": client.Item{}, "Person": client.Person{}, "Counts": client.Counts{},
		"Ticket": client.Ticket{}, "Step": client.Step{}, "TicketView": client.TicketView{}, "FormView": client.Form{}, "Incident": client.Incident{},
		"Offer": client.Offer{}, "Opened": client.Opened{}, "Ended": client.Ended{}, "TaskView": client.Task{}, "ReturnTarget": client.ReturnTarget{}, "Acted": client.Acted{},
		"Entry": client.Entry{}, "Comment": client.Comment{}, "Work": client.Work{}, "Added": client.Added{}, "Event": client.Event{},
		"Job": client.Job{}, "JobEnded": client.JobEnded{}, "IncidentGroup": client.IncidentGroup{}, "Retried": client.Retried{},
		"Repaired": client.Repaired{}, "NotRepaired": client.NotRepaired{},
		"Operated": client.Operated{}, "OperationCounted": client.Counted{}, "OperationRun": client.Run{}, "OperationItem": client.RunItem{}, "OperationCause": client.Cause{},
		"OperationPlanView": client.MigrationPlan{}, "OperationFit": client.MigrationFit{}, "OperationSurvey": client.Survey{}, "OperationMapping": client.MigrationMapping{},
		"Nodes": client.Cluster{}, "ClusterNode": client.Node{}, "ClusterSighting": client.Sighting{},
		"User": client.User{}, "Group": client.Group{}, "Member": client.Member{},
		"AppVersion": client.Version{}, "AppSummary": client.App{}, "AppPublished": client.Published{}, "AppDiff": client.Diff{},
		"AppFileChange": client.FileChange{}, "AppPartChange": client.PartChange{}, "AppProblem": client.AppProblem{},
	} {
		s := doc.Components.Schemas[name]
		if s == nil {
			t.Errorf("the document has no %s", name)
			continue
		}
		known := fields(reflect.TypeOf(v))
		for field := range s.Properties {
			if !known[field] {
				t.Errorf("client: %T has no %q", v, field)
			}
			delete(known, field)
		}
		for field := range known {
			t.Errorf("client: %T has %q, which the document's %s has not", v, field, name)
		}
	}
}

// fields are the JSON names of a struct.
func fields(t reflect.Type) map[string]bool {
	names := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			for inner := range fields(f.Type) {
				names[inner] = true
			}
		case name != "" && name != "-":
			names[name] = true
		}
	}
	return names
}
