package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/paceline/paceline/internal/gateway"
	"github.com/paceline/paceline/internal/gateway/upstream"
)

// report is what a load saw, checked against the ledger.
type report struct {
	requests, writes      int64
	failed, lost, doubled int64 // lost: accepted without effect; doubled: with more than one
	longest               time.Duration
	first                 string // of the failures
}

func (r report) clean() bool { return r.failed+r.lost+r.doubled == 0 }

func (r report) String() string {
	return fmt.Sprintf("requests %d (writes %d), failed %d, lost %d, doubled %d, longest %v %s",
		r.requests, r.writes, r.failed, r.lost, r.doubled, r.longest.Round(time.Millisecond), r.first)
}

// load is clients that read and write through a gateway until end, each write once.
type load struct {
	w    *world
	l    *ledger
	stop chan struct{}
	all  sync.WaitGroup
	done atomic.Int64

	mu     sync.Mutex
	report report
}

func startLoad(w *world, l *ledger, clients int) *load {
	ld := &load{w: w, l: l, stop: make(chan struct{})}
	for c := range clients {
		ld.all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-ld.stop:
					return
				default:
				}
				ld.one(i%2 == 0, fmt.Sprintf("write %d of %d", i, c))
			}
		})
	}
	return ld
}

func (ld *load) one(write bool, what string) {
	began := time.Now()
	var res *http.Response
	var err error
	if write {
		res, err = ld.w.client.Post(ld.w.url+"/tickets", "text/plain", strings.NewReader(what))
	} else {
		res, err = ld.w.client.Get(ld.w.url + "/tickets/7")
	}
	fault := ""
	if err != nil {
		fault = err.Error()
	} else {
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 {
			fault = fmt.Sprintf("%d %s %v", res.StatusCode, text, err)
		}
	}
	took := time.Since(began)
	effects := 0
	if write {
		effects = ld.l.effect(what)
	}
	ld.done.Add(1)
	ld.mu.Lock()
	defer ld.mu.Unlock()
	r := &ld.report
	r.requests++
	r.longest = max(r.longest, took)
	if fault != "" {
		r.failed++
		if r.first == "" {
			r.first = fault
		}
	}
	if write {
		r.writes++
		if fault == "" && effects == 0 {
			r.lost++
		}
		if effects > 1 {
			r.doubled++
		}
	}
}

// more waits until the load has come through n more requests.
func (ld *load) more(n int64) {
	want := ld.done.Load() + n
	eventually(ld.w.t, func() bool { return ld.done.Load() >= want })
}

func (ld *load) end() report {
	close(ld.stop)
	ld.all.Wait()
	ld.w.client.CloseIdleConnections()
	return ld.report
}

// killEach kills the servers one after another under load.
func killEach(t *testing.T, front gateway.Front, kills int, replay gateway.Replay, http2 bool) report {
	l := newLedger(t)
	ps := []*process{startProcess(t, l), startProcess(t, l), startProcess(t, l)}
	cfg := change(quiet(front, ps[0].address, ps[1].address, ps[2].address), func(r *gateway.Route, p *upstream.Config) { r.Replay = replay })
	if http2 {
		cfg.TLS = gateway.TLS{Listen: "127.0.0.1:0", SelfSigned: true}
	}
	w := start(t, cfg)
	if http2 {
		w.url, w.client = "https://"+w.TLSAddr().String(), secureClient(t, func(p *http.Protocols) { p.SetHTTP2(true) })
	}
	for _, p := range ps {
		w.await(p.address, upstream.Ready)
	}
	ld := startLoad(w, l, 40)
	var out []time.Duration
	for i := range kills {
		p := ps[i%3]
		ld.more(200)
		p.signal(syscall.SIGKILL)
		out = append(out, w.await(p.address, upstream.Down))
		p.cmd.Wait()
		ld.more(100)
		p.start()
		w.await(p.address, upstream.Ready)
	}
	ld.more(200)
	r := ld.end()
	t.Logf("replay %s: %v; a dead server is out after %v; repeats that found their answer: %d", replay, r, slices.Max(out), l.repeats)
	if slices.Max(out) > time.Second {
		t.Errorf("a killed server was out only after %v", slices.Max(out))
	}
	return r
}

func TestKilledServersCostNothing(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		if r := killEach(t, front, 6, gateway.ReplayAll, false); !r.clean() {
			t.Error(r)
		}
	})
}

func TestKilledServersCostNothingOverHTTP2(t *testing.T) {
	if r := killEach(t, gateway.FrontRelay, 3, gateway.ReplayAll, true); !r.clean() {
		t.Error(r)
	}
}

// TestTheLedgerSeesWhatKeysPrevent and the next show that the tests above can fail.
func TestTheLedgerSeesWhatKeysPrevent(t *testing.T) {
	t.Setenv(backendForgets, "1")
	if r := killEach(t, gateway.FrontRelay, 4, gateway.ReplayAll, false); r.doubled == 0 {
		t.Error("without stored answers nothing was doubled either: ", r)
	}
}

// TestTheLedgerSeesWhatReplayPrevents switches replay off.
func TestTheLedgerSeesWhatReplayPrevents(t *testing.T) {
	if r := killEach(t, gateway.FrontRelay, 2, gateway.ReplayOff, false); r.clean() {
		t.Error("without replay nothing failed either: ", r)
	}
}

func TestHungServerCostsLessThanASecond(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		l := newLedger(t)
		a, b := startProcess(t, l), startProcess(t, l)
		w := start(t, quiet(front, a.address, b.address))
		w.await(a.address, upstream.Ready)
		w.await(b.address, upstream.Ready)
		ld := startLoad(w, l, 40)
		for range 2 {
			ld.more(200)
			a.signal(syscall.SIGSTOP)
			if out := w.await(a.address, upstream.Down); out > 1500*time.Millisecond {
				t.Errorf("out only after %v", out)
			} else {
				t.Logf("a hung server is out after %v", out)
			}
			ld.more(200)
			a.signal(syscall.SIGCONT)
			w.await(a.address, upstream.Ready)
		}
		r := ld.end()
		t.Log(r)
		if !r.clean() {
			t.Error(r)
		}
	})
}

func TestDrainNeedsNoRepeat(t *testing.T) {
	bothFronts(t, func(t *testing.T, front gateway.Front) {
		l := newLedger(t)
		a, b := startProcess(t, l), startProcess(t, l)
		w := start(t, quiet(front, a.address, b.address))
		w.await(a.address, upstream.Ready)
		w.await(b.address, upstream.Ready)
		ld := startLoad(w, l, 40)
		for _, p := range []*process{a, b} {
			ld.more(200)
			p.signal(syscall.SIGTERM)
			w.await(p.address, upstream.Down)
			p.cmd.Wait()
			p.start()
			w.await(p.address, upstream.Ready)
		}
		ld.more(200)
		r := ld.end()
		var repeats, failures uint64
		for _, s := range w.status() {
			repeats, failures = repeats+s.Repeats, failures+s.Failures
		}
		t.Log(r)
		if !r.clean() || repeats+failures > 0 {
			t.Errorf("%v; repeats %d, failures %d", r, repeats, failures)
		}
	})
}
