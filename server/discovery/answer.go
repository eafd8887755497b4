package discovery

import "github.com/slipway-lab/slipway/server/edge/call"

const (
	noCache = "no-cache"
	oneHour = "max-age=3600"
)

// cached says how long an answer may be kept. Its ETag is made from the bytes that
// go out, and a matching If-None-Match turns it into a 304.
func cached(info *call.Info, a *call.Answer, cache string) *call.Answer {
	return a.With("Cache-Control", cache).Tagged(info)
}

// linked says where the document and the explorer are.
func linked(info *call.Info, a *call.Answer) *call.Answer {
	return a.With("Link", `<`+info.Origin.Prefix+`/openapi.json>; rel="service-desc", <`+info.Origin.Prefix+`/docs/>; rel="service-doc"`)
}
