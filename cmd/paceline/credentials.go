package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/errs"
)

// credentials say which server to speak to, and as whom.
type credentials struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// credentialsFile is where login keeps them, readable by its owner only.
func credentialsFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "paceline", "credentials.json"), nil
}

// readCredentials takes PACELINE_URL and PACELINE_TOKEN before the file. The token of
// the file is for the file's server only.
func readCredentials(con *console) (credentials, error) {
	c := credentials{URL: con.env("PACELINE_URL"), Token: con.env("PACELINE_TOKEN")}
	if c.URL != "" && c.Token != "" {
		return c, nil
	}
	file, err := credentialsFile()
	if err != nil {
		return c, err
	}
	var kept credentials
	body, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return c, err
	default:
		if err := json.Unmarshal(body, &kept); err != nil {
			return c, errs.New(errs.Invalid, "%s cannot be read: %w", file, err).WithCure("remove it and sign in again with: paceline login")
		}
	}
	if c.URL == "" {
		c.URL = kept.URL
	}
	if c.Token == "" && c.URL == kept.URL {
		c.Token = kept.Token
	}
	if c.URL == "" {
		return c, errs.New(errs.Unauthenticated, "no server is known").
			WithCure("sign in with: paceline login http://localhost:8100, or set PACELINE_URL and PACELINE_TOKEN")
	}
	return c, nil
}

func (c credentials) write() error {
	file, err := credentialsFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	body, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	fresh := file + ".new"
	if err := os.WriteFile(fresh, append(body, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, file)
}

func forgetCredentials() error {
	file, err := credentialsFile()
	if err != nil {
		return err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// dial makes a client for the server that the user is signed in to.
func dial(con *console) (*client.Client, error) {
	c, err := readCredentials(con)
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{URL: c.URL, Token: c.Token, Agent: "paceline/" + version})
}
