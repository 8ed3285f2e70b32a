package connect

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"net"
	"net/mail"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/feel"
)

// smtp is a mail server that takes one connection after the other and keeps what it is given.
type smtp struct {
	Mail
	mails chan envelope
}

type envelope struct {
	from string
	to   []string
	data string
}

// newSMTP starts a server; refuse answers a recipient with something else than 250.
func newSMTP(t *testing.T, refuse map[string]string) *smtp {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &smtp{mails: make(chan envelope, 10)}
	s.Host, s.Port, s.TLS, s.From = "127.0.0.1", ln.Addr().(*net.TCPAddr).Port, "none", "Service desk <desk@example.com>"
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.talk(conn, refuse)
		}
	}()
	t.Cleanup(func() { ln.Close(); <-ended })
	return s
}

func (s *smtp) talk(conn net.Conn, refuse map[string]string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	say := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 ready")
	var e envelope
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		switch verb, rest, _ := strings.Cut(line, ":"); {
		case strings.HasPrefix(line, "EHLO"):
			say("250-here\r\n250 8BITMIME")
		case verb == "MAIL FROM":
			e = envelope{from: rest}
			say("250 ok")
		case verb == "RCPT TO":
			if answer := refuse[rest]; answer != "" {
				say(answer)
				continue
			}
			e.to = append(e.to, rest)
			say("250 ok")
		case line == "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				text, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if text == ".\r\n" {
					break
				}
				b.WriteString(text)
			}
			e.data = b.String()
			s.mails <- e
			say("250 taken")
		case line == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestMailWithATemplate(t *testing.T) {
	s := newSMTP(t, nil)
	c := connectors(t, Config{Mail: s.Mail})
	_, err := c.do(t, job("mail", fixed{
		"to": "Ann <ann@example.com>, bob@example.com", "bcc": "audit@example.com",
		"subject": "Ticket {{ number }}: {{title}}",
		"text":    "Dear {{ who.name }},\n{{ if amount > 10 then \"much\" else \"little\" }} {{ missing }}.",
		"html":    "<b>{{ title }}</b>",
	}, nil, feel.Vars{"number": "D-1", "title": "Fire & <smoke> 火", "who": object("name", "Ann"), "amount": feel.Int(12)}))
	if err != nil {
		t.Fatal(err)
	}
	got := <-s.mails
	if got.from != "<desk@example.com> BODY=8BITMIME" || fmt.Sprint(got.to) != "[<ann@example.com> <bob@example.com> <audit@example.com>]" {
		t.Errorf("the envelope is %s %v", got.from, got.to)
	}
	msg, err := mail.ReadMessage(strings.NewReader(got.data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil || subject != "Ticket D-1: Fire & <smoke> 火" {
		t.Errorf("the subject is %q, %v", subject, err)
	}
	if msg.Header.Get("Message-Id") != "<job-7@example.com>" || msg.Header.Get("Auto-Submitted") != "auto-generated" || msg.Header.Get("Bcc") != "" ||
		msg.Header.Get("Date") != "Mon, 02 Mar 2026 09:00:00 +0000" {
		t.Errorf("the headers are %v", msg.Header)
	}
	body, _ := io.ReadAll(msg.Body)
	for _, part := range []string{"Dear Ann,\r\nmuch .", "<b>Fire &amp; &lt;smoke&gt; "} {
		if !strings.Contains(string(body), part) {
			t.Errorf("%q is not in\n%s", part, body)
		}
	}
}

// Data stays within the header that it stands in.
func TestMailHeadersAreNotInjected(t *testing.T) {
	s := newSMTP(t, nil)
	c := connectors(t, Config{Mail: s.Mail})
	evil := feel.Vars{"title": "hi\r\nBcc: thief@example.com\r\n\r\nother body"}
	_, err := c.do(t, job("mail", fixed{"to": "ann@example.com", "subject": "{{ title }}", "text": "x"}, nil, evil))
	if err != nil {
		t.Fatal(err)
	}
	got := <-s.mails
	msg, err := mail.ReadMessage(strings.NewReader(got.data))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(msg.Body)
	if len(got.to) != 1 || msg.Header.Get("Bcc") != "" || strings.TrimSpace(string(body)) != "x" || !strings.Contains(msg.Header.Get("Subject"), "hi  Bcc: thief") {
		t.Errorf("sent to %v:\n%s", got.to, got.data)
	}
	for _, to := range []string{"ann@example.com\r\nBcc: thief@example.com", "a b", "@example.com", "${recipient}", "=?utf-8?q?x=0D=0ABcc:_thief@example.com?= <ann@example.com>"} {
		_, err := c.do(t, job("mail", fixed{"subject": "s", "text": "x"}, given{"to": to}, nil))
		if !permanent(err) || !strings.Contains(err.Error(), "mail address") {
			t.Errorf("to %q: %v", to, err)
		}
	}
}

func TestMailThatIsNotTaken(t *testing.T) {
	s := newSMTP(t, map[string]string{"<gone@example.com>": "550 no such mailbox", "<full@example.com>": "452 mailbox full"})
	c := connectors(t, Config{Mail: s.Mail})
	send := func(c *Connectors, to, text string) error {
		_, err := c.do(t, job("mail", fixed{"to": to, "subject": "s", "text": text}, nil, nil))
		return err
	}
	if err := send(c, "gone@example.com", "x"); !permanent(err) {
		t.Errorf("a mailbox that is not: %v", err)
	}
	if err := send(c, "full@example.com", "x"); err == nil || permanent(err) {
		t.Errorf("a full mailbox: %v", err)
	}
	for _, text := range []string{"{{ 1 +", "{{ nothing( }}", ""} {
		if err := send(c, "ann@example.com", text); !permanent(err) {
			t.Errorf("text %q: %v", text, err)
		}
	}
	away := s.Mail
	away.Port = 1
	if err := send(connectors(t, Config{Mail: away}), "ann@example.com", "x"); err == nil || permanent(err) {
		t.Errorf("a server that is away: %v", err)
	}
	if len(s.mails) > 0 {
		t.Errorf("%d mails were taken", len(s.mails))
	}
	if _, there := connectors(t, Config{}).Handlers()["mail"]; there {
		t.Error("there is a mail connector without a server")
	}
	secure := s.Mail
	secure.TLS = ""
	if err := send(connectors(t, Config{Mail: secure}), "ann@example.com", "x"); err == nil {
		t.Error("a mail went out in clear although the configuration does not say none")
	}
}
