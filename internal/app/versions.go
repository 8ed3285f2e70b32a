package app

import (
	"context"
	"errors"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// Summary is one app in a list: what its active version says of itself.
type Summary struct {
	Version
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Icon        string `json:"icon,omitempty"`
	Color       string `json:"color,omitempty"`
	Problem     string `json:"problem,omitempty" doc:"Why this program cannot run the active version, which an earlier one published."`
}

const selectVersion = `SELECT v.id, a.name, v.num, v.label, v.hash, v.size, v.author, v.author_name, v.published, a.active
	FROM app_version v JOIN app a ON a.id = v.app`

func readVersion(row db.Scanner) (Version, error) {
	var v Version
	var published int64
	var active db.ID
	err := row.Scan(&v.ID, &v.App, &v.Number, &v.Label, &v.Hash, &v.Size, &v.Author, &v.AuthorName, &published, &active)
	v.Published, v.Active = db.Time(published), active == v.ID
	return v, err
}

// List gives the apps with their active versions, in order of name.
func (a *Apps) List(ctx context.Context, by *org.Actor) (list []Summary, err error) {
	defer errs.Wrap(&err, "app.List")
	if err := by.Require(org.ReadApps); err != nil {
		return nil, err
	}
	versions, err := a.versions(ctx, selectVersion+" WHERE v.id = a.active ORDER BY a.name")
	if err != nil {
		return nil, err
	}
	list = []Summary{}
	for _, v := range versions {
		if !by.InApp(v.App) {
			continue
		}
		l, err := a.Loaded(ctx, v.ID)
		var broken *unreadable
		if errors.As(err, &broken) {
			list = append(list, Summary{Version: v, Name: v.App, Problem: broken.Error()})
			continue
		}
		if err != nil {
			return nil, err
		}
		m := &l.Manifest
		list = append(list, Summary{Version: v, Name: m.Name, Description: m.Description, Icon: m.Icon, Color: m.Color})
	}
	return list, nil
}

// Versions gives the versions of an app, newest first.
func (a *Apps) Versions(ctx context.Context, by *org.Actor, name string) (versions []Version, err error) {
	defer errs.Wrap(&err, "app.Versions")
	if err := a.mayRead(by, name); err != nil {
		return nil, err
	}
	versions, err = a.versions(ctx, selectVersion+" WHERE a.name = ? ORDER BY v.num DESC", name)
	if err == nil && len(versions) == 0 {
		err = noApp(name)
	}
	return versions, err
}

// Export gives the zip of a version, byte for byte what any export of it gives; number
// 0 is the active one.
func (a *Apps) Export(ctx context.Context, by *org.Actor, name string, number int) (v Version, zipped []byte, err error) {
	defer errs.Wrap(&err, "app.Export")
	if v, err = a.Find(ctx, by, name, number); err != nil {
		return v, nil, err
	}
	zipped, err = a.zipped(ctx, v.ID)
	return v, zipped, err
}

// Diff tells what changed from one version of an app to another.
func (a *Apps) Diff(ctx context.Context, by *org.Actor, name string, from, to int) (d Diff, err error) {
	defer errs.Wrap(&err, "app.Diff")
	var bundles [2]*Bundle
	var versions [2]Version
	for i, number := range []int{from, to} {
		v, zipped, err := a.Export(ctx, by, name, number)
		if err != nil {
			return Diff{}, err
		}
		if bundles[i], err = Unzip(zipped); err != nil {
			return Diff{}, err
		}
		versions[i] = v
	}
	d = Compare(bundles[0], bundles[1])
	d.From, d.To = versions[0].Number, versions[1].Number
	return d, nil
}

// Find finds a version by its number; 0 is the active one.
func (a *Apps) Find(ctx context.Context, by *org.Actor, name string, number int) (Version, error) {
	if err := a.mayRead(by, name); err != nil {
		return Version{}, err
	}
	where, arg := " WHERE a.name = ? AND v.num = ?", any(number)
	if number == 0 {
		where, arg = " WHERE a.name = ? AND v.id = a.active AND v.id > ?", any(0)
	}
	v, err := readVersion(a.deps.DB.QueryRow(ctx, selectVersion+where, name, arg))
	if errors.Is(err, db.ErrNoRows) {
		err = noVersion(name, number)
		if number == 0 {
			err = noApp(name)
		}
	}
	return v, err
}

func (a *Apps) mayRead(by *org.Actor, name string) error {
	if err := by.Require(org.ReadApps); err != nil {
		return err
	}
	if !by.InApp(name) {
		return noApp(name)
	}
	return nil
}

func (a *Apps) versions(ctx context.Context, query string, args ...any) ([]Version, error) {
	rows, err := a.deps.DB.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	versions := []Version{}
	for rows.Next() {
		v, err := readVersion(rows)
		if err != nil {
			return nil, err
		}
		versions = append(versions, v)
	}
	return versions, rows.Err()
}

func (a *Apps) zipped(ctx context.Context, version db.ID) ([]byte, error) {
	var zipped []byte
	err := a.deps.DB.QueryRow(ctx, "SELECT bundle FROM app_version WHERE id = ?", version).Scan(&zipped)
	return zipped, err
}
