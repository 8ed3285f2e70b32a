package gateway

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the front by app, and of the servers by address. Apps and servers come from
// the table, so their number is bounded.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
	open     prometheus.Gauge
	tunnels  prometheus.Gauge
	refused  prometheus.Counter
	crowded  prometheus.Counter

	meters sync.Map // of *meter, by app
	nobody *meter   // of requests for no app
}

func newMetrics(reg *prometheus.Registry, g *Gateway) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "paceline_gateway_requests_total", Help: "Requests answered, by app and status."}, []string{"app", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "paceline_gateway_request_seconds", Help: "Time from a request's head to the end of its answer, by app.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}, []string{"app"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "paceline_gateway_answer_bytes_total", Help: "Bytes of answers' content, by app."}, []string{"app"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "paceline_gateway_requests_open", Help: "Requests under way, streams among them."}),
		tunnels: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "paceline_gateway_websockets", Help: "Open WebSockets."}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "paceline_gateway_refused_total", Help: "Requests refused for their form."}),
		crowded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "paceline_gateway_connections_refused_total", Help: "Connections beyond a limit."}),
	}
	m.nobody = m.meter("none")
	reg.MustRegister(m.requests, m.duration, m.bytes, m.open, m.tunnels, m.refused, m.crowded, servers{g})
	return m
}

// servers collects what the pools know when they are asked.
type servers struct{ gateway *Gateway }

var (
	serverLabels   = []string{"pool", "server"}
	serverUp       = prometheus.NewDesc("paceline_gateway_server_ready", "1 when the server takes requests.", serverLabels, nil)
	serverInFlight = prometheus.NewDesc("paceline_gateway_server_in_flight", "Requests at the server.", serverLabels, nil)
	serverRequests = prometheus.NewDesc("paceline_gateway_server_requests_total", "Requests sent to the server, repeats among them.", serverLabels, nil)
	serverFailures = prometheus.NewDesc("paceline_gateway_server_failures_total", "Requests that the server did not answer.", serverLabels, nil)
	serverRepeats  = prometheus.NewDesc("paceline_gateway_server_repeats_total", "Requests that came to the server after another try.", serverLabels, nil)
	poolHeld       = prometheus.NewDesc("paceline_gateway_held", "Requests that wait for a ready server.", []string{"pool"}, nil)
)

// Describe is prometheus.Collector's.
func (s servers) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{serverUp, serverInFlight, serverRequests, serverFailures, serverRepeats, poolHeld} {
		out <- d
	}
}

// Collect is prometheus.Collector's.
func (s servers) Collect(out chan<- prometheus.Metric) {
	live := s.gateway.live.Load()
	if live == nil {
		return
	}
	for name, p := range live.pools {
		all, held := p.Status()
		out <- prometheus.MustNewConstMetric(poolHeld, prometheus.GaugeValue, float64(held), name)
		for _, st := range all {
			ready := 0.0
			if st.State == "ready" {
				ready = 1
			}
			out <- prometheus.MustNewConstMetric(serverUp, prometheus.GaugeValue, ready, name, st.Address)
			out <- prometheus.MustNewConstMetric(serverInFlight, prometheus.GaugeValue, float64(st.InFlight), name, st.Address)
			out <- prometheus.MustNewConstMetric(serverRequests, prometheus.CounterValue, float64(st.Requests), name, st.Address)
			out <- prometheus.MustNewConstMetric(serverFailures, prometheus.CounterValue, float64(st.Failures), name, st.Address)
			out <- prometheus.MustNewConstMetric(serverRepeats, prometheus.CounterValue, float64(st.Repeats), name, st.Address)
		}
	}
}

// meter is the metrics of one app, found once and not for each request.
type meter struct {
	app      string
	requests *prometheus.CounterVec
	status   [600]atomic.Pointer[prometheus.Counter]
	duration prometheus.Observer
	bytes    prometheus.Counter
}

// meter gives the one of the app.
func (m *metrics) meter(app string) *meter {
	if found, ok := m.meters.Load(app); ok {
		return found.(*meter)
	}
	made, _ := m.meters.LoadOrStore(app, &meter{app: app, requests: m.requests, duration: m.duration.WithLabelValues(app), bytes: m.bytes.WithLabelValues(app)})
	return made.(*meter)
}

func (m *meter) count(status int) {
	if status < 0 || status >= len(m.status) {
		m.requests.WithLabelValues(m.app, strconv.Itoa(status)).Inc()
		return
	}
	counter := m.status[status].Load()
	if counter == nil {
		c := m.requests.WithLabelValues(m.app, strconv.Itoa(status))
		counter = &c
		m.status[status].Store(counter)
	}
	(*counter).Inc()
}

// account writes one request's metrics and its line of the access log.
func (g *Gateway) account(v *visit, took time.Duration) {
	m := g.metrics.nobody
	if v.route != nil {
		m = v.route.meter
	}
	m.count(v.status)
	if v.status != http.StatusSwitchingProtocols {
		m.duration.Observe(took.Seconds())
	}
	m.bytes.Add(float64(v.bytes))
	if g.access != nil {
		g.access.line(v, m.app, took)
	}
}
