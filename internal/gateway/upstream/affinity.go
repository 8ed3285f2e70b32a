package upstream

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CookieName is the cookie of the policy Cookie.
const CookieName = "pl_server"

// cookieAge is how long a cookie binds.
const cookieAge = 12 * time.Hour

// serverID names a server to clients without telling them its address.
func serverID(address string) string {
	sum := sha256.Sum256([]byte("server " + address))
	return hex.EncodeToString(sum[:6])
}

// CookieFor makes the cookie that binds a client to the server that answered; empty when
// the pool has another policy or the client has this cookie already.
func (p *Pool) CookieFor(s *Server, had string) (value string, age time.Duration) {
	if p.config().Policy != Cookie {
		return "", 0
	}
	now := p.now()
	if p.readCookie(had, now) == s.id {
		return "", 0
	}
	text := s.id + "." + strconv.FormatInt(now.Add(cookieAge).Unix(), 36)
	return text + "." + p.sign(text), cookieAge
}

// readCookie gives the id of the server that a cookie binds to; empty when it is none of
// ours, or too old.
func (p *Pool) readCookie(value string, now time.Time) string {
	if len(value) > 128 {
		return ""
	}
	text, mac, ok := cutLast(value)
	if !ok || !hmac.Equal([]byte(mac), []byte(p.sign(text))) {
		return ""
	}
	id, expiry, _ := strings.Cut(text, ".")
	if at, err := strconv.ParseInt(expiry, 36, 64); err != nil || now.Unix() > at {
		return ""
	}
	return id
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// sign binds a text to this pool.
func (p *Pool) sign(text string) string {
	mac := hmac.New(sha256.New, []byte(p.config().CookieKey))
	mac.Write([]byte(p.name + "\n" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

func (p *Pool) byID(id string) *Server {
	if i := slices.IndexFunc(p.servers, func(s *Server) bool { return s.id == id }); i >= 0 {
		return p.servers[i]
	}
	return nil
}

// byTicket chooses by the path segment behind one of TicketAfter: the server whose number the
// id there carries, because it made what the id names and has the ticket in memory. Where that
// is not known or not there, weighted rendezvous hashing of the segment lets one ticket's
// requests meet one server's cache, and few move when a server comes or goes. It is a hint: a server
// with twice the average load is passed over, and a path without a ticket has no favourite.
func (p *Pool) byTicket(path []byte, now time.Time, usable func(*Server) bool) *Server {
	ticket := p.ticketIn(path)
	if ticket == "" {
		return nil
	}
	maker := makerOf(ticket)
	var best *Server
	var highest, shares float64
	inFlight := 0
	for _, s := range p.servers {
		if !usable(s) {
			continue
		}
		share := s.share(now)
		shares += share
		inFlight += s.inFlight
		h := fnv.New64a()
		h.Write([]byte(s.address))
		h.Write([]byte{0})
		h.Write([]byte(ticket))
		score := -share / math.Log(unit(h.Sum64()))
		if maker != 0 && s.node == maker {
			score = math.Inf(1)
		}
		if best == nil || score > highest {
			best, highest = s, score
		}
	}
	if best == nil || float64(best.inFlight) > 8+2*float64(inFlight)*best.share(now)/shares {
		return nil
	}
	return best
}

// makerOf is the number of the server that drew an id: its low ten bits. 0: the text is no such id.
func makerOf(id string) int {
	n, err := strconv.ParseUint(id, 10, 63)
	if err != nil {
		return 0
	}
	return int(n & 1023)
}

// unit spreads a hash evenly between 0 and 1, both excluded.
func unit(h uint64) float64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd // the finalizer of MurmurHash3: FNV mixes its last bytes poorly
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return (float64(h>>11) + 0.5) / (1 << 53)
}

// ticketIn is the path segment that follows one of TicketAfter.
func (p *Pool) ticketIn(path []byte) string {
	after := false
	for segment := range bytes.SplitSeq(path, []byte{'/'}) {
		if after {
			return string(segment)
		}
		after = slices.Contains(p.config().TicketAfter, string(segment))
	}
	return ""
}
