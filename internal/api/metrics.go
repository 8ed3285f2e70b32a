package api

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the HTTP door. Routes are patterns, so that their number is bounded.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	streams  prometheus.Gauge
	dropped  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "paceline_http_requests_total", Help: "Requests answered, by route and status."}, []string{"route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "paceline_http_request_seconds", Help: "Time to answer, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "paceline_http_requests_in_flight", Help: "Requests being answered, event streams among them."}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "paceline_event_streams", Help: "Open event streams."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "paceline_event_streams_dropped_total", Help: "Event streams ended because the client was too slow."}),
	}
	reg.MustRegister(m.requests, m.duration, m.inFlight, m.streams, m.dropped)
	return m
}
