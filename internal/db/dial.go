package db

import (
	"cmp"
	"net"
	"time"
)

// silence is how long the machine of a database may be silent before a connection to it is
// given up: one that was cut off without a packet that says so would be waited for a quarter
// of an hour. A server that takes long to answer is not silent: its machine acknowledges.
const silence = 2 * time.Second

// dialer connects to the server of a database.
func dialer(cfg Config) *net.Dialer {
	wait := cmp.Or(cfg.Patience, silence)
	return &net.Dialer{
		Timeout:         wait,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: int(silence / time.Second)},
		Control:         giveUpAfter(wait),
	}
}
