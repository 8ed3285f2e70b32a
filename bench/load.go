package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// load is how hard something is done: by how many clients, for how long, and how often.
type load struct {
	Clients int
	For     time.Duration
	Rate    float64 // calls a second of all clients together; 0: as fast as they can
}

// report is what a load did.
type report struct {
	Took      time.Duration
	Latencies []time.Duration // one for each call, sorted
}

// errNothingLeft ends a load early: there is no more to do.
var errNothingLeft = errors.New("nothing is left to do")

// drive lets the clients call op one after another. With a rate, the latency of a call
// counts from when it was due to start, so a stall is not hidden by the calls it kept from starting.
func (l load) drive(ctx context.Context, op func(context.Context) error) (report, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	began := time.Now()
	for client := range l.Clients {
		wg.Go(func() {
			own, err := l.client(ctx, client, began, op)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
			if err != nil && !errors.Is(err, errNothingLeft) {
				failed = err
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	return report{Took: time.Since(began), Latencies: all}, failed
}

func (l load) client(ctx context.Context, client int, began time.Time, op func(context.Context) error) ([]time.Duration, error) {
	var latencies []time.Duration
	var every time.Duration
	if l.Rate > 0 {
		every = time.Duration(float64(l.Clients) / l.Rate * float64(time.Second))
	}
	due := began.Add(every * time.Duration(client) / time.Duration(l.Clients))
	for end := began.Add(l.For); time.Now().Before(end); due = due.Add(every) {
		if every == 0 {
			due = time.Now()
		} else if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		if err := op(ctx); err != nil {
			return latencies, err
		}
		latencies = append(latencies, time.Since(due))
	}
	return latencies, nil
}

// result is a report with what it cost.
type result struct {
	report
	used reading // differences
}

// measured runs a load, once to warm up and once to be measured.
func measured(ctx context.Context, m meter, l load, run func(context.Context, load) (report, error)) (result, error) {
	warm := l
	warm.For = l.For / 5
	if _, err := run(ctx, warm); err != nil {
		return result{}, err
	}
	before, err := m.read(ctx)
	if err != nil {
		return result{}, err
	}
	done, err := run(ctx, l)
	if err != nil {
		return result{}, err
	}
	after, err := m.read(ctx)
	return result{done, after.minus(before)}, err
}

func (r result) ops() int { return len(r.Latencies) }

func (r result) perSecond() float64 { return float64(r.ops()) / r.Took.Seconds() }

// each is a share of one operation.
func (r result) each(total float64) float64 { return total / float64(max(r.ops(), 1)) }

func (r result) quantile(q float64) time.Duration {
	if r.ops() == 0 {
		return 0
	}
	return r.Latencies[min(int(q*float64(r.ops())), r.ops()-1)]
}
