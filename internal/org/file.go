package org

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// File is an organisation as a YAML document, for Import. Everything is named by name;
// unknown keys are errors. Empty fields leave what is stored as it is.
//
//	units:
//	  - {name: company, title: Example Ltd, head: ann}
//	  - {name: it, title: IT, parent: company, head: bob}
//	posts:
//	  - {name: it-lead, title: IT lead, unit: it, members: [bob]}
//	groups:
//	  - {name: it-support, title: First line, members: [cid, dee]}
//	roles:                                        # built-in: admin builder operator auditor staff
//	  - {name: hr-clerk, title: HR clerks, members: [eve, "unit:hr"]}
//	users:
//	  - login: dee
//	    name: Dee Wang
//	    email: dee@example.com
//	    lang: zh-TW
//	    unit: it
//	    superior: bob                             # else the head of the unit
//	    groups: [it-support]                      # the same as being named there
//	    posts: []
//	    roles: [builder]                          # beside staff
//	    attributes: {annualLeave: 12}
//	    password: correct horse battery           # of a new user only; for demonstrations
type File struct {
	Units  []FileUnit  `yaml:"units"`
	Posts  []FilePost  `yaml:"posts"`
	Groups []FileGroup `yaml:"groups"`
	Roles  []FileGroup `yaml:"roles"`
	Users  []FileUser  `yaml:"users"`
}

// FileUnit is a unit of a File.
type FileUnit struct {
	Name   string `yaml:"name"`
	Title  string `yaml:"title"`
	Parent string `yaml:"parent"` // name of a unit
	Head   string `yaml:"head"`   // login
}

// FilePost is a post of a File.
type FilePost struct {
	Name    string   `yaml:"name"`
	Title   string   `yaml:"title"`
	Unit    string   `yaml:"unit"`
	Members []string `yaml:"members"` // logins
}

// FileGroup is a group or a role of a File.
type FileGroup struct {
	Name    string   `yaml:"name"`
	Title   string   `yaml:"title"`
	Members []string `yaml:"members"` // logins; in a role also group:NAME, unit:NAME, post:NAME
}

// FileUser is a user of a File.
type FileUser struct {
	Login      string         `yaml:"login"`
	Name       string         `yaml:"name"`
	Email      string         `yaml:"email"`
	Lang       string         `yaml:"lang"`
	Unit       string         `yaml:"unit"`
	Superior   string         `yaml:"superior"` // login
	Groups     []string       `yaml:"groups"`
	Posts      []string       `yaml:"posts"`
	Roles      []string       `yaml:"roles"`
	Attributes map[string]any `yaml:"attributes"` // each is set by itself; others stay
	Password   string         `yaml:"password" secret:"true"`
}

// Bounds of a file.
const (
	maxFile      = 8 << 20 // bytes
	maxFileUsers = 20_000
)

// ParseFile reads a File strictly. name is what errors call it.
func ParseFile(name string, text []byte) (f File, err error) {
	if len(text) > maxFile {
		return f, errs.New(errs.Invalid, "%s is larger than %d bytes", name, maxFile)
	}
	if err := config.Decode(name, text, &f); err != nil {
		return File{}, err
	}
	if n := len(f.Users) + len(f.Groups) + len(f.Units) + len(f.Posts) + len(f.Roles); n > maxFileUsers {
		return File{}, errs.New(errs.Invalid, "%s has %d entries; at most %d are taken at once", name, n, maxFileUsers)
	}
	return f, nil
}

// members are all memberships of the file as (group, term).
func (f *File) members() []fileMember {
	var out []fileMember
	add := func(kind Kind, name string, terms ...string) {
		for _, t := range terms {
			out = append(out, fileMember{groupName{kind, cleanName(name)}, t})
		}
	}
	for _, p := range f.Posts {
		add(KindPost, p.Name, p.Members...)
	}
	for _, g := range f.Groups {
		add(KindGroup, g.Name, g.Members...)
	}
	for _, r := range f.Roles {
		add(KindRole, r.Name, r.Members...)
	}
	for _, u := range f.Users {
		for _, name := range u.Groups {
			add(KindGroup, name, u.Login)
		}
		for _, name := range u.Posts {
			add(KindPost, name, u.Login)
		}
		for _, name := range u.Roles {
			add(KindRole, name, u.Login)
		}
	}
	return out
}

type fileMember struct {
	group groupName
	term  string
}

// names finds the rows that a file means: those that were there, and those it made.
type names struct {
	users  map[string]*User
	groups map[groupName]*Group
	wrong  wrong
}

func namesOf(d *Directory) *names {
	n := &names{users: map[string]*User{}, groups: map[groupName]*Group{}}
	for login, id := range d.logins {
		n.users[login] = d.users[id]
	}
	for name, id := range d.names {
		n.groups[name] = d.groups[id]
	}
	return n
}

// user finds a login; an empty one is 0, an unknown one is noted.
func (n *names) user(place, login string) db.ID {
	if login == "" {
		return 0
	}
	if u := n.users[foldLogin(login)]; u != nil {
		return u.ID
	}
	n.wrong.add(place, "reference", "there is no user %.100q", login)
	return 0
}

func (n *names) group(place string, kind Kind, name string) db.ID {
	if name == "" {
		return 0
	}
	if g := n.groups[groupName{kind, cleanName(name)}]; g != nil {
		return g.ID
	}
	n.wrong.add(place, "reference", "there is no %s %.100q", kind, name)
	return 0
}

// member finds a login or KIND:NAME.
func (n *names) member(place, term string) db.ID {
	prefix, name, found := strings.Cut(term, ":")
	if kind := Kind(prefix); found && slices.Contains([]Kind{KindGroup, KindUnit, KindPost}, kind) {
		return n.group(place, kind, strings.TrimSpace(name))
	}
	return n.user(place, term)
}

// merge lays what a file says over a stored user.
func (f *FileUser) merge(u User, unit, superior db.ID) User {
	for field, value := range map[*string]string{&u.Name: f.Name, &u.Email: f.Email, &u.Lang: f.Lang} {
		if value != "" {
			*field = value
		}
	}
	if unit != 0 {
		u.Unit = unit
	}
	if superior != 0 {
		u.Superior = superior
	}
	attributes := map[string]any{}
	for k, v := range u.Attributes {
		attributes[k] = v
	}
	for k, v := range f.Attributes {
		attributes[k] = v
	}
	u.Attributes = attributes
	return u
}

func (f *FileUser) place(field string) string { return fmt.Sprintf("users.%.100s.%s", f.Login, field) }
