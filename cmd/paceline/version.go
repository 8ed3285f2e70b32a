package main

import (
	"fmt"
	"runtime"
)

type versionCmd struct{}

// Run prints the version and what it was built with.
func (versionCmd) Run(con *console) error {
	info := struct {
		Version string `json:"version"`
		Go      string `json:"go"`
		System  string `json:"system"`
	}{version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if con.format == "json" {
		return con.json(info)
	}
	_, err := fmt.Fprintf(con.out, "paceline %s (%s, %s)\n", info.Version, info.Go, info.System)
	return err
}
