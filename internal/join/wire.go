package join

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

// A join is one question and one answer, each a line of JSON, over TLS 1.3.
const (
	protocol   = "paceline-join/1" // by ALPN
	joinOffset = 2                 // the port after those of the bus and the route
	maxMessage = 64 << 10          // bytes
	patience   = 10 * time.Second  // for the whole of it
)

// question is what a machine asks.
type question struct {
	Secret    string `json:"secret"`    // of the token
	Request   []byte `json:"request"`   // for a certificate, in PEM
	Proof     []byte `json:"proof"`     // by the request's key, over the connection and the request
	Advertise string `json:"advertise"` // host or host:port at which others reach it; empty: where it comes from
	Version   string `json:"version"`   // of its program
}

// answer is what it gets: a host, or a refusal.
type answer struct {
	Refusal     *refusal      `json:"refusal,omitempty"`
	Cluster     string        `json:"cluster"`
	Name        string        `json:"name"`
	Roles       []config.Role `json:"roles"`
	Address     string        `json:"address"` // at which others reach it
	Authority   []byte        `json:"authority"`
	Certificate []byte        `json:"certificate"`
	Settings    Settings      `json:"settings"`
	Boosters    []string      `json:"boosters"` // the primary first
	Version     string        `json:"version"`  // of the Booster's program
}

// refusal tells somebody with a token of this cluster why it does not do.
type refusal struct {
	Kind    errs.Kind `json:"kind"`
	Message string    `json:"message"`
	Cure    string    `json:"cure"`
}

func refuse(err error) answer {
	r := &refusal{Kind: errs.KindOf(err), Message: "the Booster could not do it; its log says why"}
	var e *errs.Error
	if errors.As(err, &e) && e.Kind != errs.Internal {
		r.Message, r.Cure = e.Error(), e.Cure
	}
	return answer{Refusal: r}
}

// proven is what a proof signs: this connection, which nobody else has, and the request.
func proven(conn *tls.Conn, request []byte) ([]byte, error) {
	state := conn.ConnectionState()
	binding, err := state.ExportKeyingMaterial("EXPORTER-paceline-join", nil, 32) // RFC 8446 section 7.5
	return append(binding, request...), err
}

func send(w io.Writer, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func receive(r io.Reader, message any) error {
	return json.NewDecoder(io.LimitReader(r, maxMessage)).Decode(message)
}
