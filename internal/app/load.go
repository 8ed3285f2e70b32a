package app

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/paceline/paceline/internal/bpmn"
	"github.com/paceline/paceline/internal/calendar"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/engine"
	"github.com/paceline/paceline/internal/feel"
	"github.com/paceline/paceline/internal/form"
	"github.com/paceline/paceline/internal/intake"
)

// Loaded is a bundle that was read and found good: its manifest, forms, processes and
// texts. It is immutable and shared.
type Loaded struct {
	Version  db.ID // 0 when it is not published
	Number   int   // of the version, from 1
	Hash     string
	App      string // the manifest's id
	Manifest Manifest
	Forms    map[string]*form.Form        // by name: forms/leave.json is "leave"
	Files    map[string]*bpmn.Definitions // by path: processes/leave.bpmn
	Texts    map[string]Texts             // by language
	Tables   map[string]*Table            // by id: records/assets.yaml is "assets"

	Calendars []calendar.Spec       // named without the app
	Schedules []intake.ScheduleSpec // the same
	Hooks     []intake.HookSpec     // the same

	formIDs  map[string]*form.Form // by the id inside the form
	titles   map[string]*feel.Expr // by ticket kind
	search   map[string][]form.SearchField
	compiled map[string]*engine.Definition // by process id
	ids      map[string]db.ID              // of the definitions, by process id; empty when it is not published
	tags     []language.Tag                // the own language, then Languages
}

// Kind finds a kind of ticket; nil when there is none of that id.
func (l *Loaded) Kind(id string) *Kind {
	for i := range l.Manifest.Tickets {
		if l.Manifest.Tickets[i].ID == id {
			return &l.Manifest.Tickets[i]
		}
	}
	return nil
}

// Form finds the form that a key of a user task or a ticket kind means: its name, with or
// without ending, or the id inside the form. Keys of the Camunda form
// "camunda-forms:deployment:leave.form" mean the part after the last colon. Nil: there is none.
func (l *Loaded) Form(key string) *form.Form {
	key = key[strings.LastIndexByte(key, ':')+1:]
	if f := l.Forms[stem(key)]; f != nil {
		return f
	}
	return l.formIDs[key]
}

// FormName is the name of the form that Form finds, as text keys and addresses have
// it; empty when there is none.
func (l *Loaded) FormName(key string) string {
	f := l.Form(key)
	for name, other := range l.Forms {
		if f != nil && other == f {
			return name
		}
	}
	return ""
}

// Process finds a process in the files of the version, and its file.
func (l *Loaded) Process(id string) (*bpmn.Process, *bpmn.Definitions) {
	for _, file := range l.Files {
		for _, p := range file.Processes {
			if p.ID == id {
				return p, file
			}
		}
	}
	return nil, nil
}

// DefinitionID is the id that instances of a process of this version carry; 0 when the
// version has no such process.
func (l *Loaded) DefinitionID(process string) db.ID { return l.ids[process] }

// Processes are the ids of the processes that can be started, in order.
func (l *Loaded) Processes() []string { return slices.Sorted(maps.Keys(l.compiled)) }

// StartRights are the rights of who opens a ticket of a kind.
func (l *Loaded) StartRights(kind string) form.Rights {
	k := l.Kind(kind)
	if k == nil {
		return nil
	}
	return form.RightsOf(k.Rights)
}

// SearchFields are the fields that tickets of a kind can be searched by: those its
// manifest names and those the forms of the app mark.
func (l *Loaded) SearchFields(kind string) []form.SearchField { return l.search[kind] }

const maxTitle = 200

// Title works out the title of a ticket. Where its expression gives no text, the title is the
// name of the kind.
func (l *Loaded) Title(kind string, vars feel.Vars, now time.Time) string {
	k := l.Kind(kind)
	if k == nil {
		return ""
	}
	title := k.Title
	if x := l.titles[kind]; x != nil {
		v, err := x.Eval(clocked{vars, now})
		title, _ = v.(string)
		if err != nil {
			title = ""
		}
	}
	title = strings.Join(strings.Fields(title), " ")
	if title == "" {
		title = k.Name
	}
	if r := []rune(title); len(r) > maxTitle {
		title = string(r[:maxTitle-1]) + "…"
	}
	return title
}

// clocked is the scope of a title.
type clocked struct {
	feel.Vars
	now time.Time
}

func (c clocked) Now() time.Time { return c.now }

// stem is a file's name without folder and ending.
func stem(file string) string {
	base := path.Base(file)
	switch ext := path.Ext(base); ext {
	case ".json", ".form", ".yaml", ".bpmn", ".dmn":
		return strings.TrimSuffix(base, ext)
	}
	return base
}

// Load reads a bundle. Problems are everything wrong with it, errors and warnings, in
// order of file and line; with an error among them there is no Loaded.
func Load(b *Bundle) (*Loaded, []Problem) {
	c := &checker{
		bundle: b,
		loaded: &Loaded{
			Hash:  b.Hash(),
			Forms: map[string]*form.Form{}, formIDs: map[string]*form.Form{},
			Files: map[string]*bpmn.Definitions{}, Texts: map[string]Texts{}, Tables: map[string]*Table{},
			titles: map[string]*feel.Expr{}, search: map[string][]form.SearchField{},
			compiled: map[string]*engine.Definition{}, ids: map[string]db.ID{},
		},
		broken: broken{forms: map[string]bool{}}, textLines: map[string]map[string]int{},
	}
	c.forms()
	c.processes()
	c.texts()
	c.manifest()
	c.records()
	c.extras()
	c.steps()
	c.translations()
	c.loaded.tags = []language.Tag{language.Make(c.loaded.Manifest.Language)}
	for _, name := range c.loaded.Languages() {
		c.loaded.tags = append(c.loaded.tags, language.Make(name))
	}
	slices.SortStableFunc(c.problems, byPlace)
	if worst(c.problems) == Error {
		return nil, c.problems
	}
	return c.loaded, c.problems
}

// Check tells everything wrong with a bundle.
func Check(b *Bundle) []Problem {
	_, problems := Load(b)
	return problems
}
