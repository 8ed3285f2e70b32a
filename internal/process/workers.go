package process

import (
	"slices"
	"sync"
)

// workers are those outside who wait for a job here, in the order in which they came. mu
// guards byType.
type workers struct {
	mu     sync.Mutex
	byType map[string][]chan struct{}
}

// add waits for jobs of the types; leave ends it.
func (w *workers) add(types []string) (heard <-chan struct{}, leave func()) {
	bell := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byType == nil {
		w.byType = map[string][]chan struct{}{}
	}
	for _, typ := range types {
		w.byType[typ] = append(w.byType[typ], bell)
	}
	return bell, func() { w.remove(types, bell) }
}

func (w *workers) remove(types []string, bell chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, typ := range types {
		w.byType[typ] = slices.DeleteFunc(w.byType[typ], func(c chan struct{}) bool { return c == bell })
		if len(w.byType[typ]) == 0 {
			delete(w.byType, typ)
		}
	}
}

// ring tells one who waits that there is a job of the type.
func (w *workers) ring(typ string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, bell := range w.byType[typ] {
		select {
		case bell <- struct{}{}:
			return
		default: // told already
		}
	}
}
