package record

import (
	"slices"
	"strings"
	"time"

	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/org"
)

// view is a table as one actor has it: this file is the one place that decides what they
// may see and do in it.
type view struct {
	live   *app.Loaded
	table  *app.Table
	dir    *org.Directory
	actor  *org.Actor // nil: a process, which sees and writes everything in the tables it reaches
	rights form.Rights
	all    bool // sees every record
	now    time.Time
}

// verb is something done to a record.
type verb string

const (
	create verb = "create"
	change verb = "change"
	remove verb = "delete"
)

// open finds a table that the actor may use at all.
func (s *Records) open(actor *org.Actor, appName, tableID string) (*view, error) {
	if err := actor.Require(org.ReadRecords); err != nil {
		return nil, err
	}
	live, err := s.apps.Active(appName)
	if err != nil || !actor.InApp(appName) {
		return nil, errNoTable(appName, tableID)
	}
	v := &view{live: live, table: live.Table(tableID), dir: s.org.Directory(), actor: actor, now: s.now()}
	if v.table == nil || !v.enters() {
		return nil, errNoTable(appName, tableID)
	}
	v.all = actor.Can(org.ReadAllRecords) || v.holds(v.table.Read)
	v.rights = v.rightsOf()
	return v, nil
}

func errNoTable(appName, tableID string) error {
	return errs.New(errs.NotFound, "there is no table %s of an app %s, or you may not see it", clip(tableID, 60), clip(appName, 60)).
		WithCure("look at the list of tables")
}

// enters says whether the table is anything to the actor.
func (v *view) enters() bool {
	return v.actor.Can(org.ReadAllRecords) || v.holds(v.table.Read) || v.holds(v.table.Create) ||
		slices.ContainsFunc(v.table.Read, app.NeedsRecord)
}

// rightsOf are the actor's rights to fields: the first entry that names them.
func (v *view) rightsOf() form.Rights {
	if v.actor.Admin {
		return nil
	}
	for _, r := range v.table.Rights {
		if len(r.Who) == 0 || v.holds(r.Who) {
			return form.RightsOf(r.Fields)
		}
	}
	return nil
}

// holds says whether one of the terms that need no record means the actor.
func (v *view) holds(terms []string) bool {
	return v.actor.Admin || slices.ContainsFunc(terms, func(term string) bool {
		if app.NeedsRecord(term) {
			return false
		}
		if term == app.TermEveryone {
			return true
		}
		return slices.ContainsFunc(v.principals(term), v.actor.Is)
	})
}

// principals are whom a term with a name means: a name without a prefix is that of a group or role.
func (v *view) principals(term string) []db.ID {
	var ids []db.ID
	group := func(kind org.Kind, name string) {
		if g := v.dir.GroupByName(kind, name); g != nil {
			ids = append(ids, g.ID)
		}
	}
	prefix, name, prefixed := strings.Cut(term, ":")
	switch {
	case !prefixed:
		group(org.KindGroup, term)
		group(org.KindRole, term)
	case prefix == string(org.KindUser):
		if u := v.dir.UserByLogin(name); u != nil {
			ids = append(ids, u.ID)
		}
	default:
		group(org.Kind(prefix), name)
	}
	return ids
}

// may says whether the actor may do something to a record, or for create to the table.
func (v *view) may(do verb, st *stored) bool {
	if v.actor == nil {
		return true
	}
	if !v.actor.Can(org.WriteRecords) {
		return false
	}
	terms := map[verb][]string{create: v.table.Create, change: v.table.Change, remove: v.table.Delete}[do]
	if v.holds(terms) {
		return true
	}
	return st != nil && slices.ContainsFunc(v.meant(terms, st.owner, st.data), func(id db.ID) bool {
		return id == everyone || v.actor.Is(id)
	})
}

// require is may as an error.
func (v *view) require(do verb, st *stored) error {
	if v.may(do, st) {
		return nil
	}
	if err := v.actor.Require(org.WriteRecords); err != nil {
		return err
	}
	return errs.New(errs.Denied, "%s may not %s records of %s here", v.actor.Login, do, tableName(v.table)).
		WithCure("ask those who may; the app's records/%s.yaml names them", v.table.ID)
}

// everyone stands for who is signed in, among the readers of a record.
const everyone db.ID = -1

// meant are the principals that the terms of a list mean together with a record, each once. What an expression
// names may be a person, a group, or everyone.
func (v *view) meant(terms []string, owner db.ID, data feel.Vars) []db.ID {
	var needing []string
	for _, term := range terms {
		if app.NeedsRecord(term) {
			needing = append(needing, term)
		}
	}
	var ids []db.ID
	for _, term := range v.table.Terms(needing, data, v.now) {
		switch term {
		case app.TermOwn:
			ids = append(ids, owner)
		case app.TermUnit:
			for _, id := range v.dir.Holds(owner) {
				if g := v.dir.Group(id); g != nil && g.Kind == org.KindUnit {
					ids = append(ids, id)
				}
			}
		case app.TermEveryone:
			ids = append(ids, everyone)
		default:
			ids = append(ids, v.principals(term)...)
		}
	}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id db.ID) bool { return id == 0 })
}

// sees is the condition on "record k" that lets only visible rows through. Readers that were
// worked out for another shape of the table do not count.
func (v *view) sees(b *builder) {
	b.add("k.tbl = ?", tableName(v.table))
	if v.actor == nil || v.all {
		return
	}
	b.add(" AND k.shape = ? AND EXISTS (SELECT 1 FROM record_reader r WHERE r.record = k.id AND r.principal IN (?))",
		shapeOf(v.table), db.In(append([]db.ID{everyone}, v.actor.Principals...)))
}

// hides says whether a field is hidden from the actor.
func (v *view) hides(path string) bool { return v.table.Schema().Hides(v.rights, path) }

// title is what the actor reads as a record's title. One that may tell a hidden field is left out.
func (v *view) title(st *stored) string {
	if v.titleTells() {
		return ""
	}
	return st.title
}

// titleTells says whether the title is made of data while some are hidden.
func (v *view) titleTells() bool {
	if !strings.HasPrefix(strings.TrimSpace(v.table.Title), "=") {
		return false
	}
	for _, f := range v.table.Schema().Fields() {
		if v.hides(f.Path) && strings.Contains(v.table.Title, lastPart(f.Path)) {
			return true
		}
	}
	return false
}

func lastPart(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

func tableName(t *app.Table) string { return t.App + "/" + t.ID }
