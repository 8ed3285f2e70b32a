package ticket_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/paceline/paceline/internal/ticket"
)

// TestGroupQueueByDueDateAndPriority: what is due comes in its order, what is not after it; the same with priorities, of which 0 is
// none. Pages of two cut every stretch somewhere.
func TestGroupQueueByDueDateAndPriority(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		names := []string{"none", "late", "soon", "low", "high", "higher", "plain"}
		task := map[string]string{
			"late": `p:due="2030-01-09T00:00:00Z"`, "soon": `p:due="2030-01-02T00:00:00Z"`,
			"low": `p:priority="-1"`, "high": `p:priority="5"`, "higher": `p:priority="9" p:due="2030-01-05T00:00:00Z"`,
		}
		process := `<sequenceFlow id="in" sourceRef="opened" targetRef="fork"/><parallelGateway id="fork"/><parallelGateway id="join"/><sequenceFlow id="out" sourceRef="join" targetRef="closed"/>`
		for _, name := range names {
			process += strings.NewReplacer("NAME", name, "WITH", task[name]).Replace(
				`<sequenceFlow id="a_NAME" sourceRef="fork" targetRef="NAME"/><sequenceFlow id="b_NAME" sourceRef="NAME" targetRef="join"/>
				<userTask id="NAME" name="NAME" p:candidateGroups="service-desk" WITH/>`)
		}
		w.publishOffice(process)
		w.request("staff1")
		for sort, want := range map[ticket.Sort][]string{
			ticket.DueDate: {"soon", "higher", "late", "none", "low", "high", "plain"},
			ticket.Urgent:  {"higher", "high", "none", "late", "soon", "plain", "low"},
		} {
			var got []string
			for after := ""; ; {
				page, err := w.tickets.Inbox(t.Context(), w.as("desk1"), ticket.InboxQuery{Queue: ticket.Group, Sort: sort, After: after, Limit: 2})
				must(t, err)
				for _, it := range page.Items {
					got = append(got, it.Name)
				}
				if after = page.Next; after == "" {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", sort, got, want)
			}
		}
	})
}
