package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/paceline/paceline/client"
	"github.com/paceline/paceline/internal/app"
)

type appCmd struct {
	Check    appCheckCmd    `cmd:"" help:"Say what is wrong with an app's folder or zip; no server needed."`
	Publish  appPublishCmd  `cmd:"" help:"Publish an app's folder or zip."`
	List     appListCmd     `cmd:"" help:"List apps, or the versions of one."`
	Diff     appDiffCmd     `cmd:"" help:"Say what changed between two versions."`
	Rollback appRollbackCmd `cmd:"" help:"Make another version active."`
	Migrate  appMigrateCmd  `cmd:"" help:"Bring open tickets to another version."`
	Export   appExportCmd   `cmd:"" help:"Save a version as a zip."`
}

// readBundle takes the bundle from a folder or a zip file.
func readBundle(path string) (*app.Bundle, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return app.Read(os.DirFS(path))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return app.Unzip(data)
}

type appCheckCmd struct {
	Path string `arg:"" help:"Folder with app.yaml in it, or a zip of it."`
}

// Run prints every problem; it fails when the app could not be published.
func (a appCheckCmd) Run(con *console) error {
	bundle, err := readBundle(a.Path)
	if err != nil {
		return err
	}
	problems := app.Check(bundle)
	wrong := false
	for _, p := range problems {
		wrong = wrong || p.Severity == app.Error
	}
	err = con.print(problems, func(t *table) {
		for _, p := range problems {
			t.add(p.String())
		}
	})
	if err == nil && wrong {
		err = errSaid
	}
	return err
}

type appPublishCmd struct {
	Paths []string `arg:"" name:"path" help:"Folders with app.yaml in them, or zips of them."`
}

// Run publishes one app after the other.
func (a appPublishCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	for _, path := range a.Paths {
		bundle, err := readBundle(path)
		if err != nil {
			return err
		}
		zipped, err := bundle.Zip()
		if err != nil {
			return err
		}
		done, err := c.PublishApp(ctx, zipped)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		if err := con.published(done); err != nil {
			return err
		}
	}
	return nil
}

func (c *console) published(p client.Published) error {
	if c.format == "json" {
		return c.json(p)
	}
	state := "is active"
	if !p.New {
		state = "was published before and is active"
	}
	c.say("%s: version %d %s.", p.App, p.Number, state)
	for _, w := range p.Warnings {
		c.say("  %s:%d: %s: %s", w.File, w.Line, w.Severity, w.Message)
	}
	return nil
}

type appListCmd struct {
	App string `arg:"" optional:"" help:"List the versions of this app."`
}

// Run lists apps or versions.
func (a appListCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	if a.App != "" {
		versions, err := c.Versions(ctx, a.App)
		if err != nil {
			return err
		}
		return con.print(versions, func(t *table) {
			t.head = []string{"VERSION", "LABEL", "ACTIVE", "PUBLISHED", "BY", "HASH"}
			for _, v := range versions {
				t.add(strconv.Itoa(v.Number), v.Label, mark(v.Active), when(v.Published), v.AuthorName, v.Hash[:min(12, len(v.Hash))])
			}
		})
	}
	apps, err := c.Apps(ctx)
	if err != nil {
		return err
	}
	return con.print(apps, func(t *table) {
		t.head = []string{"APP", "NAME", "VERSION", "PUBLISHED"}
		for _, v := range apps {
			t.add(v.App, v.Name, strconv.Itoa(v.Number), when(v.Published))
		}
	})
}

type appDiffCmd struct {
	App  string `arg:""`
	From int    `arg:"" help:"Number of a version."`
	To   int    `arg:"" optional:"" help:"Number of a version; left out: the active one."`
}

// Run prints the differences.
func (a appDiffCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	d, err := c.DiffApp(ctx, a.App, a.From, a.To)
	if err != nil {
		return err
	}
	return con.print(d, func(t *table) {
		for _, f := range d.Files {
			t.add(f.How, f.File)
			for _, p := range f.Parts {
				t.add("", "  "+p.How+" "+p.Part)
			}
		}
	})
}

type appRollbackCmd struct {
	App     string `arg:""`
	Version int    `arg:"" help:"Number of the version to make active."`
}

// Run moves the active version.
func (a appRollbackCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	done, err := c.ActivateVersion(ctx, a.App, a.Version)
	if err != nil {
		return err
	}
	return con.published(done)
}

type appExportCmd struct {
	App     string `arg:""`
	Version int    `help:"Number of the version; left out: the active one."`
	File    string `short:"f" help:"Where to save it; left out: APP-VERSION.zip, - for standard output."`
}

// Run saves the zip.
func (a appExportCmd) Run(ctx context.Context, con *console) error {
	c, err := dial(con)
	if err != nil {
		return err
	}
	if a.Version == 0 && a.File == "" {
		versions, err := c.Versions(ctx, a.App)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if v.Active {
				a.Version = v.Number
			}
		}
	}
	zipped, err := c.ExportApp(ctx, a.App, a.Version)
	if err != nil {
		return err
	}
	switch a.File {
	case "-":
		_, err := con.out.Write(zipped)
		return err
	case "":
		a.File = fmt.Sprintf("%s-%d.zip", a.App, a.Version)
	}
	if err := os.WriteFile(a.File, zipped, 0o644); err != nil {
		return err
	}
	con.say("%s", a.File)
	return nil
}
