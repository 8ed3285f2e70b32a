package node

import (
	"context"
	"slices"
	"testing"

	"github.com/paceline/paceline/internal/cluster"
)

// Only the loss of the leader's line together with the refusal of all its ports proves it dead, in its own epoch.
func TestOnlyALostLineAndRefusedConnectionsProveDeath(t *testing.T) {
	const leads, bus, door = "b2/booster", "b2:5169", "b2:5171"
	for name, c := range map[string]struct {
		leader  string
		after   []string
		refuses []string
		want    []int64
	}{
		"dead":                        {leads, nil, []string{bus, door}, []int64{7}},
		"silent":                      {leads, nil, nil, nil},
		"its bus begins anew":         {leads, nil, []string{bus}, nil},
		"another one leads":           {"b1/booster", nil, []string{bus, door}, nil},
		"nobody leads":                {"", nil, []string{bus, door}, nil},
		"the line is there":           {leads, []string{"b2"}, []string{bus, door}, nil},
		"another line was lost":       {"b3/booster", []string{"b2"}, []string{bus, door}, nil},
		"a server of the name leads?": {"b2/server", nil, []string{bus, door}, nil},
	} {
		var lines []string
		var dead []int64
		p := &peers{
			lines:  func() []string { return lines },
			leader: func() cluster.Leader { return cluster.Leader{Name: c.leader, Epoch: 7} },
			boosters: func(context.Context) (map[string]string, error) {
				return map[string]string{"b2": bus, "b3": "b3:5169"}, nil
			},
			refused: func(_ context.Context, address string) bool { return slices.Contains(c.refuses, address) },
			dead:    func(epoch int64) { dead = append(dead, epoch) },
		}
		p.look(t.Context()) // no line yet: that is not one that was lost
		lines = []string{"b2"}
		p.look(t.Context())
		lines = c.after
		p.look(t.Context())
		p.look(t.Context())
		if !slices.Equal(dead, c.want) {
			t.Errorf("%s: proven dead %v, want %v", name, dead, c.want)
		}
	}
}
