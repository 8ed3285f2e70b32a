// Package chaos hurts a whole cluster while people work in it, and counts what they noticed.
//
// go test runs the short form; CHAOS=full runs every fault and writes the table of
// docs/reliability.md. Its code is all in tests.
package chaos
