package client

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestWithProblems: an answer that refuses is a Go error, whoever wrote it.
func TestWithProblems(t *testing.T) {
	t.Parallel()

	const problem = `{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no run 7","code":404,"id":"resource-not-found","request_id":"req-1","errors":[],"url":null}`
	tests := []struct {
		name       string
		status     int
		body       string
		is         error
		wantDetail string
	}{
		{"the server's own words", 404, problem, ErrNotFound, "there is no run 7"},
		{"a proxy's page", 403, "<html>no</html>\n", ErrForbidden, "<html>no</html>"},
		{"a Problem about something else", 409, problem, ErrConflict, problem},
		{"an empty body", 401, "", ErrUnauthorized, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			c, err := NewClientWithResponses(server.URL, WithProblems())
			if err != nil {
				t.Fatal(err)
			}
			answer, err := c.GetRunWithResponse(context.Background(), 7)
			var p *Problem
			if !errors.As(err, &p) || !errors.Is(err, tt.is) || errors.Is(err, &Problem{Status: 418}) {
				t.Fatalf("GetRun: %v, %v; want a Problem that is %v", answer, err, tt.is)
			}
			if p.Detail != tt.wantDetail || !strings.Contains(p.Error(), tt.wantDetail) {
				t.Errorf("detail %q, error %q; want %q", p.Detail, p.Error(), tt.wantDetail)
			}
		})
	}
}

// TestWithProblems_Good: what succeeds is as it is without the option.
func TestWithProblems_Good(t *testing.T) {
	t.Parallel()

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"test_id":7}`))
	}))
	defer server.Close()
	c, err := NewClientWithResponses(server.URL, WithHTTPClient(server.Client()), WithProblems())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.GetRunWithResponse(context.Background(), 7)
	if err != nil || answer.JSON200 == nil || answer.JSON200.TestID != 7 {
		t.Errorf("GetRun: %v, %v; want run 7", answer, err)
	}
}
