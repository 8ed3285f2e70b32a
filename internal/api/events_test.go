package api

import (
	"testing"
	"time"

	"github.com/paceline/paceline/internal/errs"
)

func TestASlowStreamIsDroppedAndTheOthersAreNot(t *testing.T) {
	dropped := 0
	e := newEvents(time.Unix(1, 0), func() { dropped++ })
	slow, _, err := e.open(1, map[Event]bool{{Topic: TopicApp}: true})
	if err != nil {
		t.Fatal(err)
	}
	other, at, err := e.open(2, map[Event]bool{{Topic: TopicInbox, Key: "7"}: true})
	if err != nil {
		t.Fatal(err)
	}
	for range streamBuffer + 1 {
		e.Ring(TopicApp, "leave")
	}
	e.Ring(TopicInbox, "8")
	e.Ring(TopicInbox, "7")
	n := 0
	for range slow.ready {
		n++
	}
	if n != streamBuffer || dropped != 1 {
		t.Errorf("the slow stream got %d events, %d dropped", n, dropped)
	}
	if ev := <-other.ready; ev.Key != "7" || ev.revision <= at {
		t.Errorf("the other stream got %+v after %d", ev, at)
	}
	e.close()
	if _, open := <-other.ready; open {
		t.Error("close left a stream open")
	}
	if _, _, err := e.open(1, nil); err == nil {
		t.Error("a stream was opened after close")
	}
	e.leave(other) // a stream that was ended may still leave
}

func TestOnePersonHasAFewStreams(t *testing.T) {
	e := newEvents(time.Unix(1, 0), func() {})
	var last *stream
	for range ownStreams {
		s, _, err := e.open(1, nil)
		if err != nil {
			t.Fatal(err)
		}
		last = s
	}
	if _, _, err := e.open(1, nil); !errs.Is(err, errs.Exhausted) {
		t.Errorf("one more: %v", err)
	}
	if _, _, err := e.open(2, nil); err != nil {
		t.Errorf("another person: %v", err)
	}
	e.leave(last)
	if _, _, err := e.open(1, nil); err != nil {
		t.Errorf("after one was closed: %v", err)
	}
}
