package bus

// ring is what a doorbell says: the key of what changed, and which client rang.
type ring struct {
	Key string `json:"key"`
	By  string `json:"by"`
}

// Ring tells the other nodes that something of a topic changed. It never fails: a ring
// that is lost costs the listeners a while.
func (c *Client) Ring(topic, key string) {
	if err := c.Publish(Bell(topic), ring{Key: key, By: c.nonce}); err != nil {
		c.log.Debug("bus: a ring was lost", "topic", topic, "err", err)
	}
}

// Listen calls fn for the rings of other clients.
func (c *Client) Listen(fn func(topic, key string)) (cancel func(), err error) {
	return c.Subscribe(AnyBell, func(m Message) {
		var r ring
		if err := m.Read(&r); err == nil && r.By != c.nonce {
			fn(string(m.Subject[len("bell."):]), r.Key)
		}
	})
}
