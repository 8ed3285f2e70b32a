// Package config loads a configuration: a YAML file, then the environment, into a
// struct of the caller. Flags come after and are the caller's. Each package owns its
// Config with defaults and validation; this one only fills it in.
//
// What always holds: an unknown key is an error that names its line and the nearest
// known key; all wrong places are reported at once; what is marked secret is never
// printed.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/paceline/paceline/internal/errs"
)

// maxFile bounds a configuration file in bytes.
const maxFile = 1 << 20

// Load fills into, a pointer to a struct with yaml tags that holds the defaults:
// first from the file (none is fine), then from environ (NAME=value, as os.Environ
// gives it). The variable of a key is PACELINE_ and the key's path in capitals:
// db.dsn is PACELINE_DB_DSN.
func Load(into any, file string, environ []string) (err error) {
	defer errs.Wrap(&err, "config.Load")
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Size() > maxFile:
		return errs.New(errs.Invalid, "%s is larger than %d bytes", file, maxFile)
	default:
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := Decode(filepath.Base(file), text, into); err != nil {
			return err
		}
	}
	return environment(reflect.ValueOf(into).Elem(), "PACELINE", environ)
}

// environment sets the fields of a struct from variables that begin with prefix_.
func environment(v reflect.Value, prefix string, environ []string) error {
	for _, f := range fields(v.Type()) {
		name := prefix + "_" + strings.ToUpper(f.key)
		field := v.FieldByIndex(f.index)
		if field.Kind() == reflect.Struct {
			if err := environment(field, name, environ); err != nil {
				return err
			}
			continue
		}
		for _, pair := range environ {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				if err := set(field, value); err != nil {
					return errs.New(errs.Invalid, "the environment variable %s cannot be read", name).
						WithDetails(errs.Detail{Place: name, Message: firstLine(err)})
				}
			}
		}
	}
	return nil
}

// set reads a value as YAML, but text as it stands and a list of texts at its commas.
func set(field reflect.Value, value string) error {
	switch {
	case field.Kind() == reflect.String:
		field.SetString(value)
		return nil
	case field.Type() == reflect.TypeFor[[]string]():
		field.Set(reflect.ValueOf(strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })))
		return nil
	}
	return yaml.Unmarshal([]byte(value), field.Addr().Interface())
}

// Print gives the configuration as YAML, with what is tagged secret:"true" left out.
func Print(cfg any) string {
	var n yaml.Node
	err := n.Encode(cfg)
	if err == nil {
		redact(&n, reflect.TypeOf(cfg))
		var text []byte
		if text, err = yaml.Marshal(&n); err == nil {
			return string(text)
		}
	}
	return fmt.Sprintf("# cannot be printed: %v\n", err)
}

func redact(n *yaml.Node, t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			redact(item, t)
		}
	}
	if n.Kind != yaml.MappingNode || t.Kind() != reflect.Struct {
		return
	}
	for _, f := range fields(t) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			switch value := n.Content[i+1]; {
			case n.Content[i].Value != f.key:
			case !f.secret:
				redact(value, t.FieldByIndex(f.index).Type)
			case value.Value != "" || len(value.Content) > 0:
				*value = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "[redacted]"}
			}
		}
	}
}

// Dir is the data directory of one node.
type Dir string

// The files of a data directory.
func (d Dir) HostFile() string { return filepath.Join(string(d), "host.yaml") }     // which host of a cluster it is
func (d Dir) PKI() string      { return filepath.Join(string(d), "pki") }           // certificates of a host
func (d Dir) Logs() string     { return filepath.Join(string(d), "logs") }          // of a host's roles
func (d Dir) File() string     { return filepath.Join(string(d), "paceline.yaml") } // the configuration
func (d Dir) Database() string { return filepath.Join(string(d), "paceline.db") }   // SQLite, where no DSN is given
func (d Dir) Blobs() string    { return filepath.Join(string(d), "blobs") }         // attachments and bundles

// Make creates the directory, readable by its owner only.
func (d Dir) Make() error { return os.MkdirAll(string(d), 0o700) }
