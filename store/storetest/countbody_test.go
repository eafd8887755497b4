package storetest

import (
	"net/http"
	"sync/atomic"
)

// countBodies adds up the bytes of all answers.
func countBodies(h http.Handler, sum *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(countedWriter{w, sum}, r)
	})
}

type countedWriter struct {
	http.ResponseWriter
	sum *atomic.Int64
}

func (w countedWriter) Write(p []byte) (int, error) {
	w.sum.Add(int64(len(p)))
	return w.ResponseWriter.Write(p)
}
