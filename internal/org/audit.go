package org

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Record is one thing that was done. Records are only ever added.
type Record struct {
	ID        db.ID           `json:"id"`
	At        time.Time       `json:"at"`
	Actor     db.ID           `json:"actor,omitzero"` // absent: the server itself
	ActorName string          `json:"actorName"`      // login at that time
	Action    string          `json:"action"`         // subject.verb, such as user.disable or app.publish
	Subject   string          `json:"subject"`        // what it was done to: an id or a name
	Details   json.RawMessage `json:"details,omitempty"`
	Address   string          `json:"address,omitempty"`
}

// Audit notes within the transaction of the effect that the actor did something.
// Details is anything that JSON can hold, and must not hold secrets; nil for none.
func (o *Org) Audit(ctx context.Context, tx *db.Tx, by *Actor, action, subject string, details any) error {
	row, err := o.AuditRow(by, action, subject, details)
	if err != nil {
		return err
	}
	return tx.Insert(ctx, row)
}

// AuditRow is what Audit writes, for an effect that is a db.Change.
func (o *Org) AuditRow(by *Actor, action, subject string, details any) (db.Row, error) {
	text, err := json.Marshal(details)
	return db.Row{Table: &auditTable, Values: []any{
		o.newID(), db.Micros(o.now()), by.ID, clip(by.Login, maxName), clip(action, maxName), clip(subject, maxTitle), string(text), clip(by.Address, maxAddress),
	}}, err
}

// RecordFilter chooses records; empty fields choose all.
type RecordFilter struct {
	Actor   db.ID
	Action  string
	Subject string
	From    time.Time // not before
	To      time.Time // before
}

// Records lists the audit, newest first. next is empty on the last page.
func (o *Org) Records(ctx context.Context, by *Actor, f RecordFilter, page Page) (records []Record, next string, err error) {
	defer errs.Wrap(&err, "org.Records")
	if err := by.Require(ReadAudit); err != nil {
		return nil, "", err
	}
	query, args := "SELECT id, at, actor, actor_name, action, subject, details, address FROM audit WHERE at >= ?", []any{db.Micros(f.From)}
	add := func(condition string, arg any) {
		query, args = query+" AND "+condition, append(args, arg)
	}
	if !f.To.IsZero() {
		add("at < ?", db.Micros(f.To))
	}
	if f.Actor != 0 {
		add("actor = ?", f.Actor)
	}
	if f.Action != "" {
		add("action = ?", f.Action)
	}
	if f.Subject != "" {
		add("subject = ?", f.Subject)
	}
	if page.After != "" {
		after, err := db.ParseID(page.After)
		if err != nil {
			return nil, "", err
		}
		add("id < ?", after)
	}
	limit := page.limit()
	records, err = db.All(ctx, o.db, scanRecord, query+" ORDER BY id DESC {limit}", append(args, limit+1)...)
	if err != nil || len(records) <= limit {
		return records, "", err
	}
	return records[:limit], records[limit-1].ID.String(), nil
}

func scanRecord(row db.Scanner) (r Record, err error) {
	var at int64
	var details string
	err = row.Scan(&r.ID, &at, &r.Actor, &r.ActorName, &r.Action, &r.Subject, &details, &r.Address)
	r.At = db.Time(at)
	if details != "null" {
		r.Details = json.RawMessage(cmp.Or(details, "null"))
	}
	return r, err
}

// clip makes text of outside storable: printable, and at most n characters.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	if len(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:min(n, len(r))])
}
