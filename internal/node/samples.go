package node

import (
	"context"

	"github.com/paceline/paceline/apps"
	"github.com/paceline/paceline/internal/app"
	"github.com/paceline/paceline/internal/errs"
	"github.com/paceline/paceline/internal/org"
)

// Samples makes the sample people, each with the given password, and publishes the
// sample apps. Doing it twice is doing it once. The node has to run.
func (n *Node) Samples(ctx context.Context, password string) (err error) {
	defer errs.Wrap(&err, "node.Samples")
	text, err := apps.Org()
	if err != nil {
		return err
	}
	people, err := org.ParseFile("demo-org.yaml", text)
	if err != nil {
		return err
	}
	for i := range people.Users {
		people.Users[i].Password = password
	}
	by := org.System("demo")
	if _, err := n.org.Import(ctx, by, people); err != nil {
		return err
	}
	for _, name := range apps.Names {
		folder, err := apps.Bundle(name)
		if err != nil {
			return err
		}
		bundle, err := app.Read(folder)
		if err != nil {
			return err
		}
		if _, err := n.apps.Publish(ctx, by, bundle); err != nil {
			return err
		}
	}
	return nil
}
