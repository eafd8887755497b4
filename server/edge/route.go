package edge

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// Router takes the routes that the generated code registers and adds to each
// what stands before its handler and what the document says about its path:
// second names, OPTIONS, parameters that take several segments. What is wrong
// with a registration is reported by Stack.Handler.
type Router struct {
	echo   *echo.Echo
	ops    map[string]*operation // by method and path as Echo writes it
	routed map[string]bool       // operation ids
	allow  map[string]string     // by path without the names of its parameters
	first  map[string]*operation // by path as Echo knows it, one of its operations
	errs   []error

	deepest int // how many segments the longest path has

	// guard makes what stands before the handler of an operation.
	guard func(*operation) echo.MiddlewareFunc

	// notOffered answers a verb that a KernelCI resource does not offer.
	notOffered func(echo.Context, *operation) error
}

func newRouter(e *echo.Echo, ops map[string]*operation) *Router {
	r := &Router{echo: e, ops: map[string]*operation{}, routed: map[string]bool{}, allow: map[string]string{}, first: map[string]*operation{}}
	for _, o := range ops {
		r.ops[o.method+" "+generatedPath(o.path)] = o
	}
	return r
}

var braces = strings.NewReplacer("{", ":", "}", "")

// generatedPath is how the generator writes a path for Echo.
func generatedPath(path string) string { return braces.Replace(path) }

// add is called by the generated code through GET, POST and so on.
func (r *Router) add(method, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	o := r.ops[method+" "+path]
	switch {
	case o == nil:
		r.errs = append(r.errs, fmt.Errorf("%s %s is routed, but not in the document", method, path))
		return nil
	case r.routed[o.id]:
		r.errs = append(r.errs, fmt.Errorf("operation %s is routed twice", o.id))
		return nil
	}
	r.routed[o.id] = true
	m = append([]echo.MiddlewareFunc{r.guard(o)}, m...)
	if o.rest != "" {
		m = append([]echo.MiddlewareFunc{restOfPath(o.rest)}, m...)
	} else {
		m = append([]echo.MiddlewareFunc{oneSegment}, m...)
	}
	var route *echo.Route
	for _, p := range append([]string{o.path}, o.aliases...) {
		p = echoPath(o, p)
		route = r.echo.Add(method, p, h, m...)
		r.addOptions(o, p)
		if r.first[p] == nil {
			r.first[p] = o
		}
		r.deepest = max(r.deepest, strings.Count(p, "/"))
	}
	return route
}

// near returns an operation of the path that a request asks for, or of the
// nearest path above it that there is; nil when there is none. It is for errors
// that no operation answers: they speak the dialect of the path's family.
func (r *Router) near(req *http.Request) *operation {
	path, _ := versionedPath(cleanPath(req.URL.EscapedPath()))
	path = firstSegments(path, r.deepest)
	c := r.echo.AcquireContext()
	defer r.echo.ReleaseContext(c)
	for path != "" {
		c.Reset(req, nil) // what Echo hands out still knows the request before
		r.echo.Router().Find(req.Method, path, c)
		if o := r.first[c.Path()]; o != nil {
			return o
		}
		path = path[:strings.LastIndexByte(path, '/')]
	}
	return nil
}

// firstSegments cuts a path after n segments.
func firstSegments(path string, n int) string {
	for i := range path {
		if i > 0 && path[i] == '/' {
			if n--; n == 0 {
				return path[:i]
			}
		}
	}
	return path
}

// addOptions answers OPTIONS on a path and remembers what its Allow says. On
// KernelCI's paths the four verbs that a resource does not offer are 501 and
// not 405, after the login (app/handlers/base.py).
func (r *Router) addOptions(o *operation, path string) {
	key := nameless(path)
	if r.allow[key] != "" {
		return
	}
	allow := strings.Join(o.offered, ", ")
	r.allow[key] = allow
	r.echo.OPTIONS(path, func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderAllow, allow)
		if o.dialect == kernelci {
			return c.Blob(http.StatusOK, "application/json; charset=UTF-8", []byte(`{"code":200}`))
		}
		return c.NoContent(http.StatusNoContent)
	})
	if o.dialect != kernelci {
		return
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if !slices.Contains(o.offered, method) {
			refuse := func(c echo.Context) error { return r.notOffered(c, o) }
			if o.rest == "" {
				refuse = oneSegment(refuse)
			}
			r.echo.Add(method, path, refuse)
		}
	}
}

// allowed returns what Allow says of a path that was routed.
func (r *Router) allowed(path string) string { return r.allow[nameless(path)] }

// nameless drops the names of parameters: two routes may call the same place
// differently.
func nameless(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, ":") {
			segments[i] = ":"
		}
	}
	return strings.Join(segments, "/")
}

// finish reports what went wrong, and every operation that was not routed.
func (r *Router) finish() error {
	errs := r.errs
	for _, o := range r.ops {
		if !r.routed[o.id] {
			errs = append(errs, fmt.Errorf("operation %s has no route", o.id))
		}
	}
	return errors.Join(errs...)
}

// oneSegment keeps a parameter at the end of a path from taking more than its
// segment, as Echo lets it: a path that the document does not have is 404, also for
// who has no token. The values are still escaped here, so that a slash is one.
func oneSegment(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if slices.ContainsFunc(c.ParamValues(), func(v string) bool { return strings.Contains(v, "/") }) {
			return echo.ErrNotFound
		}
		return next(c)
	}
}

// restOfPath gives the wildcard its name, so that the binding finds it.
func restOfPath(name string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			names := slices.Clone(c.ParamNames())
			for i, n := range names {
				if n == "*" {
					names[i] = name
				}
			}
			c.SetParamNames(names...)
			return next(c)
		}
	}
}

// The generated code calls the method of each verb.

// CONNECT registers the route of an operation.
func (r *Router) CONNECT(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodConnect, p, h, m...)
}

// DELETE registers the route of an operation.
func (r *Router) DELETE(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodDelete, p, h, m...)
}

// GET registers the route of an operation.
func (r *Router) GET(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodGet, p, h, m...)
}

// HEAD registers the route of an operation.
func (r *Router) HEAD(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodHead, p, h, m...)
}

// OPTIONS registers the route of an operation.
func (r *Router) OPTIONS(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodOptions, p, h, m...)
}

// PATCH registers the route of an operation.
func (r *Router) PATCH(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodPatch, p, h, m...)
}

// POST registers the route of an operation.
func (r *Router) POST(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodPost, p, h, m...)
}

// PUT registers the route of an operation.
func (r *Router) PUT(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodPut, p, h, m...)
}

// TRACE registers the route of an operation.
func (r *Router) TRACE(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodTrace, p, h, m...)
}
