package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Version is one published version of an app.
type Version struct {
	ID         string    `json:"id"`
	App        string    `json:"app"`
	Number     int       `json:"number"`
	Label      string    `json:"label"`
	Hash       string    `json:"hash"`
	Size       int64     `json:"size"`
	Author     string    `json:"author"`
	AuthorName string    `json:"authorName"`
	Published  time.Time `json:"published"`
	Active     bool      `json:"active"`
}

// App is an app with its active version.
type App struct {
	Version
	Name        string `json:"name"`
	Description string `json:"description"`
	Icon        string `json:"icon"`
	Color       string `json:"color"`
	Problem     string `json:"problem"` // why this program cannot read the version that was active; empty: it can
}

// Published answers PublishApp and ActivateVersion.
type Published struct {
	Version
	New      bool         `json:"new"`      // false: these files were this version already
	Previous int          `json:"previous"` // the version that was active before; 0 for none
	Warnings []AppProblem `json:"warnings"`
}

// AppProblem is one thing wrong, or doubtful, in an app's files.
type AppProblem struct {
	File     string `json:"file"`
	Element  string `json:"element"`
	Line     int    `json:"line"`
	Severity string `json:"severity"`
	Rule     string `json:"rule"`
	Message  string `json:"message"`
	Cure     string `json:"cure"`
}

// Diff is what changed between two versions.
type Diff struct {
	From  int          `json:"from"`
	To    int          `json:"to"`
	Files []FileChange `json:"files"`
}

// FileChange is a file that is not the same in both.
type FileChange struct {
	File  string       `json:"file"`
	How   string       `json:"how"` // added, removed, changed
	Parts []PartChange `json:"parts"`
}

// PartChange is an element, field or text that is not the same in both.
type PartChange struct {
	Part string `json:"part"`
	How  string `json:"how"`
}

// Apps lists the published apps.
func (c *Client) Apps(ctx context.Context) ([]App, error) {
	list, err := get[Page[App]](ctx, c, "/apps", nil)
	return list.Items, err
}

// PublishApp publishes a zip of an app's folder.
func (c *Client) PublishApp(ctx context.Context, zip []byte) (Published, error) {
	return answer[Published](ctx, c, call{method: http.MethodPost, path: "/apps", kind: "application/zip", body: zip})
}

// Versions lists the versions of an app, newest first.
func (c *Client) Versions(ctx context.Context, app string) ([]Version, error) {
	list, err := get[Page[Version]](ctx, c, "/apps/"+url.PathEscape(app)+"/versions", nil)
	return list.Items, err
}

// ActivateVersion rolls an app back to a version, or forward again.
func (c *Client) ActivateVersion(ctx context.Context, app string, version int) (Published, error) {
	return send[Published](ctx, c, http.MethodPost, "/apps/"+url.PathEscape(app)+"/active", map[string]int{"version": version})
}

// DiffApp tells what changed between two versions; 0 is the active one.
func (c *Client) DiffApp(ctx context.Context, app string, from, to int) (Diff, error) {
	q := url.Values{"from": {strconv.Itoa(from)}, "to": {strconv.Itoa(to)}}
	return get[Diff](ctx, c, "/apps/"+url.PathEscape(app)+"/diff", q)
}

// ExportApp gives the zip of a version; 0 is the active one.
func (c *Client) ExportApp(ctx context.Context, app string, version int) ([]byte, error) {
	res, err := c.do(ctx, call{method: http.MethodGet, path: "/apps/" + url.PathEscape(app) + "/versions/" + strconv.Itoa(version) + "/bundle"})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}
