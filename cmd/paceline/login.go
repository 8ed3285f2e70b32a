package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/errs"
)

type loginCmd struct {
	URL   string `arg:"" optional:"" env:"PACELINE_URL" default:"http://localhost:8100" help:"Address of the server; ${default} when left out."`
	User  string `short:"u" help:"Sign-in name; asked for when left out."`
	Scope string `default:"admin" enum:"read,write,admin" help:"What the kept token may do: ${enum}."`
}

// Run signs in with the password, makes a token and keeps it. A one-time password is
// replaced on the way. Without a terminal the lines of standard input are the answers.
func (l loginCmd) Run(ctx context.Context, con *console) error {
	c, err := client.New(client.Config{URL: l.URL, Agent: "paceline/" + version})
	if err != nil {
		return err
	}
	ask := &asker{in: bufio.NewReader(con.in), con: con}
	if l.User == "" {
		if l.User, err = ask.line("Sign-in name: "); err != nil {
			return err
		}
	}
	password, err := ask.secret("Password: ")
	if err != nil {
		return err
	}
	me, err := c.Login(ctx, l.User, password)
	if client.KindOf(err) == client.Unauthenticated {
		return errs.New(errs.Unauthenticated, "%w", err).WithCure("try again; an administrator gives a new password with: paceline user password %s", l.User)
	}
	if err != nil {
		return err
	}
	if me.MustChange {
		if err := replacePassword(ctx, c, ask, l.User, password); err != nil {
			return err
		}
	}
	host, _ := os.Hostname()
	token, err := c.CreateToken(ctx, client.NewToken{Name: "paceline on " + host, Scopes: []string{l.Scope}})
	if err != nil {
		return err
	}
	if err := (credentials{URL: strings.TrimRight(l.URL, "/"), Token: token.Secret}).write(); err != nil {
		return err
	}
	con.say("Signed in to %s as %s.", l.URL, me.Login)
	return c.Logout(ctx)
}

func replacePassword(ctx context.Context, c *client.Client, ask *asker, user, old string) error {
	fmt.Fprintln(ask.con.err, "This password was made for a single sign-in.")
	fresh, err := ask.secret("New password: ")
	if err != nil {
		return err
	}
	if err := c.ChangePassword(ctx, old, fresh); err != nil {
		return err
	}
	_, err = c.Login(ctx, user, fresh)
	return err
}

// asker asks on the terminal, or reads lines where there is none.
type asker struct {
	in  *bufio.Reader
	con *console
}

func (a *asker) line(question string) (string, error) {
	fmt.Fprint(a.con.err, question)
	text, err := a.in.ReadString('\n')
	if err == io.EOF && text != "" {
		err = nil
	}
	if err != nil {
		return "", errs.New(errs.Invalid, "no answer to %q on standard input", strings.TrimSpace(question))
	}
	return strings.TrimRight(text, "\r\n"), nil
}

func (a *asker) secret(question string) (string, error) {
	f, ok := a.con.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return a.line(question)
	}
	fmt.Fprint(a.con.err, question)
	text, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(a.con.err)
	return string(text), err
}

type logoutCmd struct{}

// Run revokes the kept token and forgets it.
func (logoutCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	if err := c.RevokeOwnToken(ctx); err != nil && client.KindOf(err) != client.Unauthenticated {
		return err
	}
	if err := forgetCredentials(); err != nil {
		return err
	}
	con.say("Signed out.")
	return nil
}
