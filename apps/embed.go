// Package apps carries the sample apps inside the program, so that a first start can
// publish them. Each folder is a bundle as package app reads it.
package apps

import (
	"embed"
	"io/fs"
)

//go:embed service-desk leave purchase demo-org.yaml
var files embed.FS

// Names of the sample apps: what Bundle takes.
var Names = []string{"service-desk", "leave", "purchase"}

// Bundle is the folder of one sample app.
func Bundle(name string) (fs.FS, error) { return fs.Sub(files, name) }

// Org is the sample organisation that the sample apps are tried with, in YAML.
func Org() ([]byte, error) { return files.ReadFile("demo-org.yaml") }
