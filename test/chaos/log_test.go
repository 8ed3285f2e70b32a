package chaos

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/demo"
)

// entry is a line of a node's log.
type entry struct {
	Time   time.Time `json:"time"`
	Msg    string    `json:"msg"`
	Server string    `json:"server"`
}

// about says whether the entry tells how a gateway sees a server.
func (e entry) about(address string) bool {
	switch e.Msg {
	case "server ready", "server down", "server draining", "server unknown":
		return e.Server == address
	}
	return false
}

// log reads what the role of a host has logged.
func (w *world) log(h demo.Host) (all []entry) {
	f, err := os.Open(filepath.Join(h.Dir.Logs(), string(h.Role)+".log"))
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			all = append(all, e)
		}
	}
	return all
}

func last(all []entry, is func(entry) bool) (found entry, ok bool) {
	for _, e := range all {
		if is(e) {
			found, ok = e, true
		}
	}
	return found, ok
}

// sight is something to be seen in a log after something else has happened.
type sight struct {
	after time.Time
	logs  func() [][]entry // one of several, each of which has to show it where all is set
	all   bool
	is    func(entry) bool
}

// take waits until it is seen, and says how long after.
func (s sight) take(t *testing.T, what string, limit time.Duration) (took time.Duration) {
	t.Helper()
	eventually(t, what, limit, func() bool {
		logs := s.logs()
		var first []time.Duration
		for _, log := range logs {
			for _, e := range log {
				if e.Time.After(s.after) && s.is(e) {
					first = append(first, e.Time.Sub(s.after))
					break
				}
			}
		}
		if len(first) == 0 || s.all && len(first) < len(logs) {
			return false
		}
		took = first[0]
		for _, d := range first {
			if s.all {
				took = max(took, d)
			} else {
				took = min(took, d)
			}
		}
		return true
	})
	return took
}

// outOf is a server's being out of gateways.
func (w *world) outOf(server demo.Host, gateways ...demo.Host) sight {
	address := w.address(server)
	return sight{after: time.Now(), all: true, logs: func() [][]entry { return w.logs(gateways) },
		is: func(e entry) bool { return e.about(address) && !strings.HasSuffix(e.Msg, "ready") }}
}

// takenOver is a Booster's beginning to lead.
func (w *world) takenOver(boosters ...demo.Host) sight {
	return sight{after: time.Now(), logs: func() [][]entry { return w.logs(boosters) }, is: func(e entry) bool { return e.Msg == "this node leads" }}
}

func (w *world) logs(hosts []demo.Host) (all [][]entry) {
	for _, h := range hosts {
		all = append(all, w.log(h))
	}
	return all
}
