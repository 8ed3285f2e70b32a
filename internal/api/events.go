package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/paceline/paceline/internal/db"
	"github.com/paceline/paceline/internal/errs"
)

// Topics of events. A ring names what changed, never the change: the browser fetches.
const (
	TopicInbox  = "inbox"  // key: the principal whose inbox changed
	TopicTicket = "ticket" // key: the ticket
	TopicApp    = "app"    // key: the app
)

// Event is what a stream carries.
type Event struct {
	Topic    string `json:"topic" enum:"inbox,ticket,app" doc:"What kind of thing changed."`
	Key      string `json:"key" doc:"Which: a principal, a ticket, an app."`
	revision uint64
}

// Events hands rings to the open streams. Ring never waits: a stream whose client does
// not read is ended, and the client comes back and fetches anew. mu guards all below it.
type Events struct {
	mu       sync.Mutex
	streams  map[*stream]struct{}
	revision uint64
	closed   bool
	dropped  func()
}

// stream is one open connection and what it may hear of.
type stream struct {
	owner db.ID
	wants map[Event]bool // with revision 0; an empty Key stands for every key
	ready chan Event     // closed when the stream has to end
}

const (
	streamBuffer = 64 // events that may wait for a client
	ownStreams   = 32 // open at once for one person
)

// newEvents counts revisions from the clock, so that those of a restarted server do
// not repeat the ones that browsers remember.
func newEvents(start time.Time, dropped func()) *Events {
	return &Events{streams: map[*stream]struct{}{}, revision: uint64(start.UnixMicro()), dropped: dropped}
}

// Ring tells every stream that may hear of it that something changed. Call it after
// the commit; it may be called from anywhere and returns at once.
func (e *Events) Ring(topic, key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.revision++
	ev := Event{Topic: topic, Key: key}
	for s := range e.streams {
		if !s.wants[ev] && !s.wants[Event{Topic: topic}] {
			continue
		}
		select {
		case s.ready <- Event{Topic: topic, Key: key, revision: e.revision}:
		default:
			delete(e.streams, s)
			close(s.ready)
			e.dropped()
		}
	}
}

// open adds a stream of a person; at is the revision from which on it hears everything.
func (e *Events) open(owner db.ID, wants map[Event]bool) (s *stream, at uint64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, 0, errs.New(errs.Unavailable, "this node is stopping").RetryAfter(time.Second)
	}
	own := 0
	for s := range e.streams {
		if s.owner == owner {
			own++
		}
	}
	if own >= ownStreams {
		return nil, 0, errs.New(errs.Exhausted, "%d event streams are open for you already", own).
			RetryAfter(10 * time.Second).WithCure("close windows that are not needed")
	}
	s = &stream{owner: owner, wants: wants, ready: make(chan Event, streamBuffer)}
	e.streams[s] = struct{}{}
	return s, e.revision, nil
}

func (e *Events) leave(s *stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.streams, s)
}

// close ends every stream, so that the server can stop.
func (e *Events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for s := range e.streams {
		delete(e.streams, s)
		close(s.ready)
	}
}

type listenInput struct {
	Ticket []string `query:"ticket,explode" maxItems:"50" doc:"Tickets to hear of, beside the own inbox and the apps."`
	LastID string   `header:"Last-Event-ID" doc:"The last event seen; the answer begins with a refetch event."`
}

type listenOutput struct {
	Body func(huma.Context)
}

func (s *Server) registerEvents() {
	rt := route{Method: http.MethodGet, Path: "/events", ID: "listen", Tag: "events", Summary: "Hear of changes as they happen (server-sent events)",
		Doc: "One event per change, named by its topic, its data naming the key; what changed is to be fetched. " +
			"Ids are revisions and rise. A `refetch` event says that events may have been missed: fetch everything shown. " +
			"A comment is sent every 15 seconds."}
	rt.Stream = Event{}
	add(s, rt, s.listen)
}

func (s *Server) listen(ctx context.Context, in *listenInput) (*listenOutput, error) {
	actor := actorOf(ctx)
	wants := map[Event]bool{{Topic: TopicApp}: true}
	for _, p := range actor.Principals {
		wants[Event{Topic: TopicInbox, Key: strconv.FormatInt(int64(p), 10)}] = true
	}
	for _, text := range in.Ticket {
		id, err := db.ParseID(text)
		if err != nil {
			return nil, errs.New(errs.Invalid, "this is not a ticket id").WithDetails(errs.Detail{Place: "query.ticket", Message: err.Error()})
		}
		if _, err := s.tickets.Show(ctx, actor, id); err != nil {
			return nil, err
		}
		wants[Event{Topic: TopicTicket, Key: id.String()}] = true
	}
	st, at, err := s.events.open(actor.ID, wants)
	if err != nil {
		return nil, err
	}
	return &listenOutput{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		s.metrics.streams.Inc()
		defer s.metrics.streams.Dec()
		defer s.events.leave(st)
		s.stream(w, r, st, at, in.LastID != "")
	}}, nil
}

// streamPatience is how long one write to a stream may take.
const streamPatience = 10 * time.Second

// stream writes events until the client leaves, is too slow, or the server stops.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, st *stream, at uint64, missed bool) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	conn := http.NewResponseController(w)
	send := func(text string) bool {
		if conn.SetWriteDeadline(time.Now().Add(streamPatience)) != nil {
			return false
		}
		_, err := w.Write([]byte(text))
		return err == nil && conn.Flush() == nil
	}
	first := "hello"
	if missed {
		first = "refetch"
	}
	if !send(fmt.Sprintf("retry: 2000\nid: %d\nevent: %s\ndata: {}\n\n", at, first)) {
		return
	}
	beat := time.NewTicker(s.cfg.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			if !send(": beat\n\n") {
				return
			}
		case ev, open := <-st.ready:
			if !open || !send(eventText(ev)) {
				return
			}
		}
	}
}

func eventText(ev Event) string {
	data, _ := json.Marshal(ev)
	return fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", ev.revision, ev.Topic, data)
}
