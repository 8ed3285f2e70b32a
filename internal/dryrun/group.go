package dryrun

import (
	"fmt"
	"strings"

	"github.com/paceline/paceline/internal/engine"
)

// standIns answers who the members of an approval group are. A run knows no organisation, so each name is one
// member, and a group that means all of its people stands for three: group:NAME becomes NAME-1 to NAME-3.
func standIns(e engine.FormGroup) engine.GroupFormed {
	formed := e.Named()
	if !e.Node.Loop.Approval.Expand {
		return formed
	}
	people := formed.Members[:0:0]
	for _, m := range formed.Members {
		if engine.IsPerson(m.Name) {
			people = append(people, m)
			continue
		}
		_, name, _ := strings.Cut(m.Name, ":")
		for i := range 3 {
			m.Name = fmt.Sprintf("%s-%d", name, i+1)
			people = append(people, m)
		}
	}
	formed.Members = people
	return formed
}
