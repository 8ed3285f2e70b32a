package gateway_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The test binary is a server of the app too: with backendLedger in its environment it
// serves until it is killed.
func TestMain(m *testing.M) {
	if ledger := os.Getenv(backendLedger); ledger != "" {
		if err := runBackend(ledger); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}
