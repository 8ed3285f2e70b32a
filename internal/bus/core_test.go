package bus

import (
	"log/slog"
	"testing"

	"github.com/paceline/paceline/internal/trust"
	"github.com/paceline/paceline/internal/trust/trusttest"
)

// TestTheServerIsNothingButItsCore asks the running server what else it listens for: each
// of these had a hole at one time or another, and none of them is needed.
func TestTheServerIsNothingButItsCore(t *testing.T) {
	id := trusttest.New(t).Host("a", trust.Booster)
	s, err := NewServer(ServerConfig{Identity: id, Listen: "127.0.0.1:0", Route: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Stop(t.Context())
	if s.nats.JetStreamEnabled() {
		t.Error("JetStream is on")
	}
	v, err := s.nats.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, port := range map[string]int{
		"leaf nodes": v.LeafNode.Port, "gateways": v.Gateway.Port, "MQTT": v.MQTT.Port, "WebSocket": v.Websocket.Port,
		"HTTP": v.HTTPPort, "HTTPS": v.HTTPSPort,
	} {
		if port != 0 {
			t.Errorf("%s: port %d is open", what, port)
		}
	}
	opts, err := s.options()
	if err != nil {
		t.Fatal(err)
	}
	if !opts.NoSigs || opts.NoAuthUser != "" || opts.AllowNonTLS || opts.TLSHandshakeFirstFallback != 0 || opts.ProfPort != 0 {
		t.Errorf("signals caught, somebody let in unseen, or speaking before the handshake: %+v", opts)
	}
}
