package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/paceline/paceline/internal/errs"
)

// fieldFlags are how a form is filled in on the command line.
type fieldFlags struct {
	Set  []string `short:"s" placeholder:"FIELD=VALUE" sep:"none" help:"Fill in a field. The value is JSON where it is valid JSON, else text. Repeatable."`
	Data string   `placeholder:"JSON" help:"The whole form as JSON, @FILE, or - for standard input."`
}

// read gives the form's data; --set goes over --data.
func (f fieldFlags) read(con *console) (map[string]json.RawMessage, error) {
	data := map[string]json.RawMessage{}
	if f.Data != "" {
		text, err := argumentText(con, f.Data)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &data); err != nil {
			return nil, errs.New(errs.Invalid, "--data is not a JSON object: %w", err)
		}
	}
	for _, pair := range f.Set {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, errs.New(errs.Invalid, "--set %q has no =", pair).WithCure("write it as --set field=value")
		}
		data[name] = jsonOrText(value)
	}
	return data, nil
}

func jsonOrText(value string) json.RawMessage {
	if json.Valid([]byte(value)) {
		return json.RawMessage(value)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return json.RawMessage(`""`)
	}
	return json.RawMessage(bytes.TrimSpace(b.Bytes()))
}

const maxArgument = 8 << 20

// argumentText is the argument itself, the file after an @, or standard input for -.
func argumentText(con *console, argument string) ([]byte, error) {
	switch {
	case argument == "-":
		return io.ReadAll(io.LimitReader(con.in, maxArgument))
	case strings.HasPrefix(argument, "@"):
		return os.ReadFile(argument[1:])
	}
	return []byte(argument), nil
}
