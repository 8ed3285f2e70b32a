package vip

import "time"

// view is what a gateway knows when it decides about the shared address.
type view struct {
	host    string // its own name
	word    Answer // the leader's last
	age     time.Duration
	holding bool
	able    bool          // a request would find a server
	probed  int           // probes in a row that nobody answered
	quiet   time.Duration // since the first of them
	yields  bool          // another station answers for the address, and goes before this one
}

// rumour is what other stations said about the address.
type rumour struct {
	had    time.Time // the last time that one said that it has the address
	by     mac       // that one
	wanted time.Time // or was about to take it, and goes before this one
}

// act is what a gateway does about the shared address.
type act string

const (
	rest  act = "rest"  // leave it as it is
	probe act = "probe" // leave it, and ask the network who has it
	take  act = "take"
	give  act = "give"
)

// How long nobody may have answered before the address is taken: when the leader says so,
// and when nobody leads. The second is longer than a frozen holder keeps it.
const (
	leastProbes = 3
	quietLed    = 200 * time.Millisecond
	quietAlone  = TTL + 2*time.Second
)

// decide is the whole decision.
func decide(v view) act {
	led := v.age <= TTL
	mine := v.word.Holder == v.host
	patience := quietAlone
	switch {
	case v.holding && led && !mine && v.word.Holder != "":
		return give
	case v.holding && led:
		return rest
	case v.holding && v.yields:
		return give
	case v.holding:
		return probe
	case !v.able, led && !mine:
		return rest
	case led:
		patience = quietLed
	}
	if v.probed >= leastProbes && v.quiet >= patience {
		return take
	}
	return probe
}
