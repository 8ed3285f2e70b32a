// Package test holds the scenarios of whole systems: real processes, real databases,
// killed and started again. Its code is all in tests.
package test
