package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// router takes the routes that the generated code registers and adds to each
// what the document says about its path: second names, OPTIONS, parameters
// that take several segments.
type router struct {
	*echo.Echo
	ops    map[string]*operation // by method and path as Echo writes it
	routed map[string]bool       // operation ids
	allow  map[string]string     // by path without the names of its parameters
	first  map[string]*operation // by path as Echo knows it, one of its operations
	errs   []error

	// notOffered answers a verb that a KernelCI resource does not offer.
	notOffered func(echo.Context, *operation) error
}

func newRouter(e *echo.Echo, ops map[string]*operation) *router {
	r := &router{Echo: e, ops: map[string]*operation{}, routed: map[string]bool{}, allow: map[string]string{}, first: map[string]*operation{}}
	for _, o := range ops {
		r.ops[o.method+" "+generatedPath(o.path)] = o
	}
	return r
}

// generatedPath is how the generator writes a path for Echo.
func generatedPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// add is called by the generated code through GET, POST and so on.
func (r *router) add(method, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	o := r.ops[method+" "+path]
	switch {
	case o == nil:
		r.errs = append(r.errs, fmt.Errorf("%s %s is routed, but not in the document", method, path))
		return nil
	case len(m) == 0:
		r.errs = append(r.errs, fmt.Errorf("operation %s would not be validated", o.id))
		return nil
	}
	r.routed[o.id] = true
	if name := o.manySegments(); name != "" {
		m = append([]echo.MiddlewareFunc{restOfPath(name)}, m...)
	} else {
		m = append([]echo.MiddlewareFunc{oneSegment}, m...)
	}
	var route *echo.Route
	for _, p := range append([]string{o.path}, o.aliases...) {
		p = echoPath(o, p)
		route = r.Echo.Add(method, p, h, m...)
		r.addOptions(o, p)
		if r.first[p] == nil {
			r.first[p] = o
		}
	}
	return route
}

// near returns an operation of the path that a request asks for, nil when there
// is none. It is for errors that happen in front of the router: they speak the
// dialect of the path.
func (r *router) near(req *http.Request) *operation {
	path, _ := versionedPath(cleanPath(req.URL.EscapedPath()))
	c := r.AcquireContext()
	defer r.ReleaseContext(c)
	r.Router().Find(req.Method, path, c)
	return r.first[c.Path()]
}

// addOptions answers OPTIONS on a path and remembers what its Allow says. On
// KernelCI's paths the four verbs that a resource does not offer are 501 and
// not 405, after the login (app/handlers/base.py).
func (r *router) addOptions(o *operation, path string) {
	key := nameless(path)
	if r.allow[key] != "" {
		return
	}
	methods := methodsOf(o.item)
	allow := strings.Join(methods, ", ")
	r.allow[key] = allow
	r.Echo.OPTIONS(path, func(c echo.Context) error {
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
		if !slices.Contains(methods, method) {
			refuse := func(c echo.Context) error { return r.notOffered(c, o) }
			if o.manySegments() == "" {
				refuse = oneSegment(refuse)
			}
			r.Echo.Add(method, path, refuse)
		}
	}
}

// allowed returns what Allow says of a path that was routed.
func (r *router) allowed(path string) string { return r.allow[nameless(path)] }

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
func (r *router) finish() error {
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

// GET registers a route.
func (r *router) GET(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodGet, p, h, m...)
}

// POST registers a route.
func (r *router) POST(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodPost, p, h, m...)
}

// PUT registers a route.
func (r *router) PUT(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodPut, p, h, m...)
}

// PATCH registers a route.
func (r *router) PATCH(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodPatch, p, h, m...)
}

// DELETE registers a route. It and its brothers are what the generated code calls.
func (r *router) DELETE(p string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route {
	return r.add(http.MethodDelete, p, h, m...)
}
