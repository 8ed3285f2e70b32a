package connect

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/connect/script"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// The test's own program is the sandbox's process when it is called so.
const serveArg = "serve-a-script"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serveArg {
		if err := script.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var clock = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// connectors are made of a configuration that may reach this machine.
func connectors(t *testing.T, cfg Config) *Connectors {
	t.Helper()
	cfg.Allow = append(cfg.Allow, "127.0.0.1")
	c, err := New(cfg, Deps{Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// fixed and given are what a model tells a connector: headers and inputs.
type (
	fixed map[string]string
	given feel.Vars
)

func job(kind string, headers fixed, inputs given, vars feel.Vars) process.Job {
	n := &bpmn.Node{ID: "task", Work: &bpmn.Work{Type: kind, Headers: headers}}
	j := process.Job{Type: kind, Key: "job-7", Node: n, Vars: feel.Vars{}}
	for name, v := range vars {
		j.Vars[name] = v
	}
	for name, v := range inputs {
		n.Inputs = append(n.Inputs, bpmn.Mapping{Target: name})
		j.Vars[name] = v
	}
	return j
}

// do runs the handler of a job.
func (c *Connectors) do(t *testing.T, j process.Job) (feel.Vars, error) {
	t.Helper()
	handler := c.Handlers()[j.Type]
	if handler == nil {
		t.Fatalf("there is no handler for %s", j.Type)
	}
	return handler(t.Context(), j)
}

// permanent says whether the process would make an incident of an error at once.
func permanent(err error) bool { return err != nil && process.IsPermanent(err) }

func object(pairs ...any) *feel.Context {
	var entries []feel.Entry
	for i := 0; i < len(pairs); i += 2 {
		entries = append(entries, feel.Entry{Name: pairs[i].(string), Value: feel.From(pairs[i+1])})
	}
	return feel.NewContext(entries...)
}

func TestConfigurationIsChecked(t *testing.T) {
	for name, cfg := range map[string]Config{
		"allow":              {Allow: []string{"intranet"}},
		"nameless":           {Credentials: []Credential{{Token: "x", Hosts: []string{"a"}}}},
		"credential twice":   {Credentials: []Credential{{Name: "a", Token: "x", Hosts: []string{"a"}}, {Name: "a", Token: "x", Hosts: []string{"a"}}}},
		"credential for all": {Credentials: []Credential{{Name: "a", Token: "x"}}},
		"empty credential":   {Credentials: []Credential{{Name: "a", Hosts: []string{"a"}}}},
		"secret":             {Credentials: []Credential{{Name: "a", Hosts: []string{"a"}, Secret: "whsec_!"}}},
		"sender":             {Mail: Mail{Host: "mail", From: "nobody"}},
		"tls":                {Mail: Mail{Host: "mail", From: "a@b.c", TLS: "maybe"}},
		"database":           {Databases: []Database{{Name: "crm"}}},
	} {
		if _, err := New(cfg, Deps{}); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	text := config.Print(Config{
		Credentials: []Credential{{Name: "crm", Hosts: []string{"h"}, Password: "hidden-1", Token: "hidden-2", Secret: "hidden-3"}},
		Mail:        Mail{Password: "hidden-4"}, Databases: []Database{{DSN: "postgres://u:hidden-5@h/d"}},
	})
	if strings.Contains(text, "hidden") || !strings.Contains(text, "crm") {
		t.Errorf("printed:\n%s", text)
	}
}

// A ticket's data is not a parameter, whatever its names are.
func TestOnlyTheModelSpeaksToAConnector(t *testing.T) {
	c := connectors(t, Config{})
	_, err := c.do(t, job("http", nil, nil, feel.Vars{"url": "http://127.0.0.1:1/"}))
	if !permanent(err) || !strings.Contains(err.Error(), "url is missing") {
		t.Errorf("got %v", err)
	}
	_, err = c.do(t, job("http", fixed{"ulr": "http://127.0.0.1:1/"}, nil, nil))
	if !permanent(err) || !strings.Contains(err.Error(), `no parameter "ulr"`) {
		t.Errorf("got %v", err)
	}
}
