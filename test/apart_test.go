package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"syscall"
)

// apart is a front that keeps answers by Idempotency-Key in a file of its own and does
// not pass the key on: the store is outside the transaction of the effect. It kills
// its process, once, between an effect and the keeping of its answer.
type apart struct {
	mu      sync.Mutex
	kept    map[string]string // key -> body
	file    *os.File
	answers int
	again   bool // it has been killed before
}

// apartFront serves in front of a node and returns its own address.
func apartFront(backend, path string) string {
	a := &apart{kept: map[string]string{}}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	a.file = file
	a.load()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: backend})
	to.ModifyResponse = a.keep
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		a.mu.Lock()
		body, known := a.kept[key]
		a.mu.Unlock()
		if known && key != "" {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, body)
			return
		}
		r.Header.Del("Idempotency-Key")
		r.Header.Set("X-Apart-Key", key)
		to.ServeHTTP(w, r)
	}))
	return listener.Addr().String()
}

type keptAnswer struct{ Key, Body string }

func (a *apart) load() {
	for lines := bufio.NewScanner(a.file); lines.Scan(); {
		var k keptAnswer
		if json.Unmarshal(lines.Bytes(), &k) == nil {
			a.kept[k.Key] = k.Body
			a.again = true
		}
	}
}

// keep stores an answer after the effect has happened.
func (a *apart) keep(res *http.Response) error {
	key := res.Request.Header.Get("X-Apart-Key")
	if key == "" || res.StatusCode >= 300 {
		return nil
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers++; a.answers == killAfter && !a.again {
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	line, err := json.Marshal(keptAnswer{key, string(body)})
	if err != nil {
		return err
	}
	a.kept[key] = string(body)
	_, err = a.file.Write(append(line, '\n'))
	return err
}
