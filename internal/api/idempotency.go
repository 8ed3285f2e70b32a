package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

const (
	keyHeader = "Idempotency-Key"
	maxKey    = 128
)

// once hands the request's Idempotency-Key to the database: the effect and the stored
// answer are one transaction, so that a repeat finds both or neither. The key belongs
// to the actor; the hash holds it to this very request.
func (s *Server) once(hc huma.Context, next func(huma.Context)) {
	key := hc.Header(keyHeader)
	if key == "" {
		next(hc)
		return
	}
	r, w := humago.Unwrap(hc)
	if !plainToken(key, maxKey) {
		s.refuse(w, r, errs.New(errs.Invalid, "the %s header is not usable", keyHeader).
			WithDetails(errs.Detail{Place: "header." + keyHeader, Rule: "format", Message: "1 to 128 printable ASCII characters without spaces are needed"}).
			WithCure("use a random UUID"))
		return
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(hc.Operation().BodyReadTimeout)); err != nil {
		s.refuse(w, r, err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit(hc.Operation())))
	if err != nil {
		s.refuse(w, r, bodyError(hc, err))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))

	sum := sha256.New()
	io.WriteString(sum, r.Method+" "+r.URL.RequestURI()+"\n")
	sum.Write(body)
	actor := actorOf(hc.Context())
	scoped := db.Once{Key: actor.ID.String() + ":" + key, Hash: hex.EncodeToString(sum.Sum(nil))}
	next(huma.WithContext(hc, db.WithOnce(hc.Context(), scoped)))
}

func bodyError(hc huma.Context, err error) error {
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return tooLarge(hc)
	}
	p := newProblem(hc.Context(), errs.Invalid, http.StatusBadRequest)
	p.Detail = "The request body could not be read to its end."
	return p
}

func tooLarge(hc huma.Context) *Problem {
	p := newProblem(hc.Context(), errs.Invalid, http.StatusRequestEntityTooLarge)
	p.Detail = "The request body is too large."
	p.Errors = []errs.Detail{{Place: "body", Rule: "max", Message: fmt.Sprintf("at most %d bytes are taken here", bodyLimit(hc.Operation()))}}
	return p
}
