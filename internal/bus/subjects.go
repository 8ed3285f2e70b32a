package bus

import (
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/trust"
)

// Subject is what a message is about: words with dots between them. Who may say and hear
// what is decided by the server, from the certificate:
//
//	subject       said by                  heard by
//	bell.TOPIC    every host               every host
//	lead.VERB     every host, as question  Boosters
//	host.H.VERB   Boosters and H itself    H
//	exit          every host, of itself    every host
//	table, lease  Boosters                 every host
//
// On its way a subject has the sender's name as its last word, and the server lets a host
// use no other name: that is where Message.From comes from.
type Subject string

// What is said to everybody.
const (
	Exit  Subject = "exit"  // an Agent saw the process of a role end
	Table Subject = "table" // the gateways' table has changed
	Lease Subject = "lease" // the lead was given back, or its holder is proven dead: look now
)

// Bell is the doorbell of a topic (inbox, ticket, app …); Client.Ring rings it.
func Bell(topic string) Subject { return Subject("bell." + topic) }

// AnyBell is all doorbells.
const AnyBell Subject = "bell.*"

// Lead is a question that the leading Booster answers.
func Lead(verb string) Subject { return Subject("lead." + verb) }

// Host is a question that the Agent of a host answers.
func Host(host, verb string) Subject { return Subject("host." + host + "." + verb) }

// check refuses what is no subject. Only listeners may use wildcards.
func (s Subject) check(listening bool) error {
	words := strings.Split(string(s), ".")
	bad := slices.ContainsFunc(words, func(w string) bool {
		return w == "" || strings.ContainsAny(w, " \t\r\n>") || strings.Contains(w, "*") && (w != "*" || !listening)
	})
	if bad || len(s) > 200 {
		return errs.New(errs.Invalid, "%q is no subject of the bus", string(s))
	}
	return nil
}

// from is the subject on its way from a host; "*": from any.
func (s Subject) from(host string) string { return string(s) + "." + host }

// arrived takes a subject apart into what it was and who sent it.
func arrived(wire string) (Subject, string) {
	at := strings.LastIndexByte(wire, '.')
	return Subject(wire[:max(at, 0)]), wire[at+1:]
}

// inbox is where the answers to a host's questions come in. No other host hears them.
func inbox(host string) string { return "_INBOX." + host }

// permissions of a host's connections.
func permissions(own string, kind trust.Kind) *server.Permissions {
	say := []string{"bell.*." + own, "lead.*." + own, "exit." + own, "host." + own + ".*." + own}
	hear := []string{"bell.>", "exit.*", "table.*", "lease.*", "host." + own + ".>", inbox(own) + ".>"}
	if kind == trust.Booster {
		say = append(say, "host.*.*."+own, "table."+own, "lease."+own)
		hear = append(hear, "lead.>")
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: say},
		Subscribe: &server.SubjectPermission{Allow: hear},
		Response:  &server.ResponsePermission{MaxMsgs: 1, Expires: answerWithin},
	}
}
