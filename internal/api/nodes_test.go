package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/paceline/paceline/client"
)

// Who may look after the system sees the servers and the leader; others don't.
func TestNodes(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		admin := w.as("admin")
		var all client.Cluster
		for end := time.Now().Add(10 * time.Second); all.Leader == "" || all.Nodes[0].State != "ready"; time.Sleep(5 * time.Millisecond) {
			var err error
			all, err = admin.Nodes(t.Context())
			must(t, err)
			if time.Now().After(end) {
				t.Fatalf("nobody leads, or it is not ready: %+v", all)
			}
		}
		if len(all.Nodes) != 1 || all.Leader != "test" || all.Epoch != 1 || all.Nodes[0].Version != "test" {
			t.Errorf("%+v", all)
		}
		if _, err := w.as("staff1").Nodes(t.Context()); client.KindOf(err) != client.Denied {
			t.Errorf("staff: %v", err)
		}
		var health struct {
			Ready  bool
			Leader string
			Epoch  int64
			Checks []struct{ Name string }
		}
		must(t, json.Unmarshal([]byte(w.send("GET", "/readyz", "").body), &health))
		if !health.Ready || health.Leader != "test" || health.Epoch != 1 || len(health.Checks) != 6 {
			t.Errorf("%+v", health)
		}
	})
}
