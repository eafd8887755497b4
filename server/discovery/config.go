package discovery

import (
	"context"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/prometheus/client_golang/prometheus"
)

// Config holds the area's settings, and what the handlers need.
type Config struct {
	V1Public   bool `name:"discovery-v1-public" help:"Show the version document to callers without a credential."`
	DocsPublic bool `default:"true" negatable:"" help:"Serve the API explorer, and the document to callers without a credential."`

	Document *openapi3.T                `kong:"-"`
	Build    string                     `kong:"-"` // names the build, such as 0.3.0.dev43.g22d1a96
	Full     func(context.Context) bool `kong:"-"` // the free space is below its floor; nil: never
	Store    Store                      `kong:"-"`
	Metrics  prometheus.Gatherer        `kong:"-"`
}
