package upload

import (
	"context"
	"hash"
	"io"
)

// Raw is a request body that nobody has read yet. A middleware puts it aside
// for the operations that the document marks "x-body: stream", because the
// generated code in between would read it its own way.
type Raw struct {
	Body          io.ReadCloser // closed by the server, not by who reads it
	ContentType   string        // the header as sent; may be empty
	ContentLength int64         // -1 when not known
	Query         string        // the query string as sent, without "?"
}

// Request returns what Read and ReadText take. The path values may be nil.
func (r *Raw) Request(pathValues map[string]string) Request {
	return Request{Body: r.Body, ContentType: r.ContentType, Query: r.Query, PathValues: pathValues}
}

type (
	contextKey struct{}
	sentKey    struct{}
	bytesKey   struct{}
)

// NewContext returns a context that carries the untouched body.
func NewContext(ctx context.Context, raw *Raw) context.Context {
	return context.WithValue(ctx, contextKey{}, raw)
}

// FromContext returns the body that NewContext put aside, and false when the
// request's body was not put aside.
func FromContext(ctx context.Context) (*Raw, bool) {
	raw, ok := ctx.Value(contextKey{}).(*Raw)
	return raw, ok && raw != nil
}

// WithSentSum returns a context that carries the hash of a compressed body's
// bytes as they were sent, which whoever undoes the compression fills.
func WithSentSum(ctx context.Context, sum hash.Hash) context.Context {
	return context.WithValue(ctx, sentKey{}, sum)
}

// WithSentBytes returns a context that tells how many bytes of a compressed body
// were read so far, as they were sent.
func WithSentBytes(ctx context.Context, sent func() int64) context.Context {
	return context.WithValue(ctx, bytesKey{}, sent)
}

// SentBytes returns what WithSentBytes put there, nil for a body that was not
// compressed.
func SentBytes(ctx context.Context) func() int64 {
	sent, _ := ctx.Value(bytesKey{}).(func() int64)
	return sent
}

// SentSum returns the sum of the bytes that were sent, once the body has been
// read to its end; nil for a body that was not compressed.
func SentSum(ctx context.Context) []byte {
	if sum, ok := ctx.Value(sentKey{}).(hash.Hash); ok {
		return sum.Sum(nil)
	}
	return nil
}
