package connect

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/process"
)

// Mail is the server that mail goes out by. Without a host there is no mail connector.
type Mail struct {
	Host     string `yaml:"host"`
	Port     int    `yaml:"port"` // 0: 465 for tls, else 587
	User     string `yaml:"user"`
	Password string `yaml:"password" secret:"true"`
	From     string `yaml:"from"` // sender of every mail: Service desk <desk@example.com>
	TLS      string `yaml:"tls"`  // starttls, the default; tls from the first byte; none, only within one machine
}

// Bounds of one mail.
const (
	mailMost       = 1 << 20 // bytes of a text
	recipientsMost = 200
	subjectMost    = 500 // characters
)

func (m Mail) check() error {
	if m.Host == "" {
		return nil
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		return errs.New(errs.Invalid, "mail.from is %q, which is no mail address", m.From).
			WithCure("write it as Service desk <desk@example.com>")
	}
	switch m.TLS {
	case "", "starttls", "tls", "none":
		return nil
	}
	return errs.New(errs.Invalid, "mail.tls is %q", m.TLS).WithCure("use starttls, tls or none")
}

// letter is one mail as the model wants it.
type letter struct {
	to, cc, bcc, replyTo []*mail.Address
	subject, text, html  string
}

// doMail sends one mail. {{ expression }} in subject, text and html is filled in. Its Message-ID comes
// from the job's key, so that a repeat is recognized.
func (c *Connectors) doMail(ctx context.Context, job process.Job) (feel.Vars, error) {
	p := read(job, "to", "cc", "bcc", "replyTo", "subject", "text", "html")
	l := letter{to: addresses(p, "to"), cc: addresses(p, "cc"), bcc: addresses(p, "bcc"), replyTo: addresses(p, "replyTo")}
	l.subject = c.filled(p, "subject", oneLine)
	l.text = c.filled(p, "text", plain)
	l.html = c.filled(p, "html", escapeHTML)
	switch total := len(l.to) + len(l.cc) + len(l.bcc); {
	case total == 0:
		p.fail("to is missing")
	case total > recipientsMost:
		p.fail("%d recipients are more than %d", total, recipientsMost)
	}
	if l.subject == "" || len([]rune(l.subject)) > subjectMost {
		p.fail("subject has to have 1 to %d characters", subjectMost)
	}
	if l.text == "" && l.html == "" {
		p.fail("text or html is missing")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return nil, c.cfg.Mail.send(ctx, l.compose(c.cfg.Mail, job.Key, c.now()))
}

// filled is a template with its placeholders filled in.
func (c *Connectors) filled(p *params, name string, escape func(string) string) string {
	text, err := fill(p.text(name), p.job.Vars, c.now(), escape)
	if err != nil {
		p.fail("%s: %v", name, err)
	}
	return text
}

func addresses(p *params, name string) []*mail.Address {
	var all []*mail.Address
	for _, text := range p.texts(name) {
		a, err := mail.ParseAddress(text)
		if err != nil || oneLine(text) != text {
			p.fail("%s: %.60q is no mail address", name, text)
			continue
		}
		all = append(all, a)
	}
	return all
}

func (l letter) compose(m Mail, key string, now time.Time) *gomail.Msg {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	from, _ := mail.ParseAddress(m.From) // checked by New
	msg.FromMailAddress(from)
	msg.ToMailAddress(l.to...)
	msg.CcMailAddress(l.cc...)
	msg.BccMailAddress(l.bcc...)
	if len(l.replyTo) > 0 {
		msg.ReplyToMailAddress(l.replyTo...)
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	msg.SetMessageIDWithValue(key + "@" + domain)
	msg.SetDateWithValue(now)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic answers
	msg.Subject(oneLine(l.subject))
	switch {
	case l.text == "":
		msg.SetBodyString(gomail.TypeTextHTML, l.html)
	case l.html == "":
		msg.SetBodyString(gomail.TypeTextPlain, l.text)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, l.text)
		msg.AddAlternativeString(gomail.TypeTextHTML, l.html)
	}
	return msg
}

// send delivers one mail over a connection of its own, which it closes whatever happens.
func (m Mail) send(ctx context.Context, msg *gomail.Msg) error {
	var conn net.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	client, err := m.client(func(ctx context.Context, network, address string) (_ net.Conn, err error) {
		conn, err = m.dial(ctx, network, address)
		return conn, err
	})
	if err != nil {
		return process.Permanent(err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		var sent *gomail.SendError
		if errors.As(err, &sent) && !sent.IsTemp() && sent.ErrorCode() >= 500 {
			return process.Permanent(fmt.Errorf("the mail server refuses: %w", err))
		}
		return errs.New(errs.Unavailable, "the mail server does not take it now: %w", err)
	}
	return nil
}

func (m Mail) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: usualTimeout}
	if m.TLS == "tls" {
		return (&tls.Dialer{NetDialer: dialer, Config: m.tls()}).DialContext(ctx, network, address)
	}
	return dialer.DialContext(ctx, network, address)
}

func (m Mail) tls() *tls.Config { return &tls.Config{ServerName: m.Host, MinVersion: tls.VersionTLS12} }

func (m Mail) client(dial gomail.DialContextFunc) (*gomail.Client, error) {
	port, options := 587, []gomail.Option{gomail.WithTimeout(usualTimeout), gomail.WithTLSConfig(m.tls()), gomail.WithDialContextFunc(dial)}
	switch m.TLS {
	case "tls":
		port = 465
		options = append(options, gomail.WithSSL())
	case "none":
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	options = append(options, gomail.WithPort(cmp.Or(m.Port, port)))
	if m.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(m.User), gomail.WithPassword(m.Password))
	}
	return gomail.NewClient(m.Host, options...)
}
