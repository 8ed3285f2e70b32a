// Package bus is the nervous system of a cluster: it tells nodes at once what they would
// find out by themselves a little later. Boosters carry it (Server), everybody speaks over
// it (Client).
//
// What always holds:
//
//   - A message is a doorbell, a question or an answer, never the truth: it may be lost,
//     come twice or come late. Whoever listens also looks by itself, slowly.
//   - Nobody gets in without a certificate of the cluster's own authority, and plain hosts
//     never take each other for a Booster.
//   - Each message says which host sent it (Message.From), as its certificate has it; no
//     host can speak for another one.
//   - A host hears and says only what it has to: see Subject.
//   - What cannot be sent now is not sent later.
//
// Values travel as JSON of at most 1 MB; larger things go over HTTPS.
package bus

import (
	"encoding/json"

	"github.com/paceline/paceline/internal/errs"
)

// maxPayload bounds a message, in bytes.
const maxPayload = 1 << 20

// Message is something that a host said.
type Message struct {
	Subject Subject
	From    string // name of the host that said it, as its certificate has it
	payload []byte
}

// Read decodes what the message says. Wrong JSON is errs.Invalid.
func (m Message) Read(into any) error {
	if err := json.Unmarshal(m.payload, into); err != nil {
		return errs.New(errs.Invalid, "a message of %s on %s cannot be read: %w", m.From, m.Subject, err)
	}
	return nil
}

// encode gives the JSON of a value that fits into a message.
func encode(v any) ([]byte, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(payload) > maxPayload {
		return nil, errs.New(errs.Exhausted, "a message of %d bytes is more than the bus takes (%d)", len(payload), maxPayload)
	}
	return payload, nil
}
