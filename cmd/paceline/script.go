package main

import "github.com/paceline/paceline/internal/connect/script"

// scriptCmd is the process in which a server has one script task computed.
type scriptCmd struct{}

// Run computes what standard input says.
func (scriptCmd) Run(con *console) error { return script.Serve(con.in, con.out) }
