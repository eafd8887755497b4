package edge

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestNameVersion(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, target, accept string
		want                 string // path behind; empty: 406
	}{
		{name: "the prefix", target: "/v1/runs", want: "/v1/runs"},
		{name: "Drydock's prefix", target: "/api/v1.0/tasks", want: "/v1/tasks"},
		{name: "no prefix", target: "/runs", want: "/v1/runs"},
		{name: "no prefix and version 1", target: "/runs", accept: "application/v1", want: "/v1/runs"},
		{name: "no prefix and version 2", target: "/runs", accept: "application/v2"},
		{name: "version 1 among others", target: "/runs", accept: "application/v2, application/v1", want: "/v1/runs"},
		{name: "anything will do", target: "/runs", accept: "application/v2, */*;q=0.1", want: "/v1/runs"},
		{name: "capitals", target: "/runs", accept: "APPLICATION/V1", want: "/v1/runs"},
		{name: "what cannot be read", target: "/runs", accept: "///", want: "/v1/runs"},
		{name: "two versions that do not exist", target: "/runs", accept: "application/v2, application/v3;q=0.2"},
		{name: "a version that is refused", target: "/runs", accept: "application/v2, application/v1;q=0"},
		{name: "a comma in quotes", target: "/runs", accept: `application/v2;profile="a,b\";c", application/v3`},
		{name: "a comma in quotes, and version 1", target: "/runs", accept: `application/v2;profile="a,b", application/v1;profile=","`, want: "/v1/runs"},
		{name: "a quote that does not end", target: "/runs", accept: `application/v2;profile="a,b`, want: "/v1/runs"},
		{name: "version 10", target: "/runs", accept: "application/v10"},
		{name: "the prefix wins over the header", target: "/v1/runs", accept: "application/v2", want: "/v1/runs"},
		{name: "many slashes", target: "//v1///runs//1/", want: "/v1/runs/1"},
		{name: "a trailing slash", target: "/v1/", want: "/v1"},
		{name: "a name that begins like the prefix", target: "/v1x", want: "/v1/v1x"},
		{name: "outside the version", target: "/healthz/", accept: "application/v2", want: "/healthz"},
		{name: "the root", target: "//", want: "/"},
		{name: "an escaped slash stays in its segment", target: "/v1/files/a%2Fb", want: "/v1/files/a%2Fb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got := ""
			h := nameVersion(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.EscapedPath() }),
				func(http.ResponseWriter, *http.Request, error) {})
			r := httptest.NewRequest(http.MethodGet, "http://lab"+tt.target, nil)
			if tt.accept != "" {
				r.Header.Set("Accept", tt.accept)
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			if got != tt.want {
				t.Errorf("%s reaches %q, want %q", tt.target, got, tt.want)
			}
		})
	}
}

// TestMicroversion: OpenStack's clients read from the answer what there is.
func TestMicroversion(t *testing.T) {
	t.Parallel()

	for header, want := range map[string]int{
		"": 0, "test-lab 1.0": 0, "test-lab latest": 0, "compute 2.1": 0, "compute 2.1, test-lab 1.0": 0, "test-lab 1.0 ,test-lab latest": 0,
		"test-lab 1.1": 406, "test-lab 2.0": 406, "compute 2.1,test-lab 99999999999999999999.0": 406,
		"test-lab": 400, "test-lab 1": 400, "test-lab 01.0": 400, "test-lab 1.00": 400, "test-lab 1.0 x": 400,
	} {
		err := checkMicroversion([]string{header})
		if (err == nil) != (want == 0) || err != nil && faultOf(err).Status != want {
			t.Errorf("%q: %v, want %d", header, err, want)
		}
		if want == 406 && (faultOf(err).MinVersion != "1.0" || faultOf(err).MaxVersion != "1.0") {
			t.Errorf("%q: the answer does not say which there are", header)
		}
	}
}
