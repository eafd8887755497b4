package bootfiles

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Asset is what a boot action brings to a node: a file or unit, or a list of
// packages. Where Location is set, the data are fetched from there.
type Asset struct {
	Path             string
	Mode             int64
	Location         string
	LocationPipeline []string // only Template
	Data             string
	DataPipeline     []string
}

// Package is a package to install; an empty version means any.
type Package struct{ Name, Version string }

// Renderer renders assets. Its zero value works with DefaultLimits and without
// locations.
type Renderer struct {
	Limits Limits
	// Fetch gets the data of an asset with a location. It is given the
	// rendered location and the greatest length of its answer.
	Fetch func(ctx context.Context, location string, most int) ([]byte, error)
}

// A RenderError says which asset cannot be rendered and why. It shows neither
// data nor keys.
type RenderError struct {
	Path string // of the asset; "pkg_list" for one without
	Err  error
}

func (e *RenderError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap makes a *FetchError and a cancelled context visible.
func (e *RenderError) Unwrap() error { return e.Err }

// A FetchError says that data of an asset could not be fetched. Trying again
// later may help, which no other fault of a boot action allows.
type FetchError struct{ Err error }

func (e *FetchError) Error() string { return "the data cannot be fetched: " + e.Err.Error() }

// Unwrap gives what Renderer.Fetch returned.
func (e *FetchError) Unwrap() error { return e.Err }

// File renders a file or unit. Every error is a *RenderError.
func (r *Renderer) File(ctx context.Context, a Asset, c Context) (File, error) {
	vars := c.vars()
	raw, err := r.source(ctx, a, vars)
	if err != nil {
		return File{}, &RenderError{a.Path, err}
	}
	out, err := r.pipe(ctx, a.DataPipeline, data{raw: raw}, vars)
	if err != nil {
		return File{}, &RenderError{a.Path, err}
	}
	return File{Path: a.Path, Mode: a.Mode, Data: out.raw}, nil
}

// Packages fetches and reads the package list of an asset with a location.
// Every error is a *RenderError.
func (r *Renderer) Packages(ctx context.Context, a Asset, c Context) ([]Package, error) {
	raw, err := r.source(ctx, a, c.vars())
	if err != nil {
		return nil, &RenderError{"pkg_list", err}
	}
	list, err := parsePackages(raw, r.Limits.orDefault().Packages)
	if err != nil {
		return nil, &RenderError{"pkg_list", err}
	}
	return list, nil
}

// source returns the data of an asset before its data pipeline.
func (r *Renderer) source(ctx context.Context, a Asset, vars map[string]any) ([]byte, error) {
	if a.Location == "" {
		return []byte(a.Data), nil
	}
	location, err := r.pipe(ctx, a.LocationPipeline, data{[]byte(a.Location), true}, vars)
	if err != nil {
		return nil, fmt.Errorf("location: %w", err)
	}
	if r.Fetch == nil {
		return nil, errors.New("locations are not available here")
	}
	most := r.Limits.orDefault().Fetched
	raw, err := r.Fetch(ctx, strings.TrimSpace(string(location.raw)), most)
	if err != nil {
		return nil, &FetchError{err}
	}
	if len(raw) > most {
		return nil, &FetchError{fmt.Errorf("more than %d bytes", most)}
	}
	return raw, nil
}

// parsePackages reads a YAML or JSON object of packages and versions; null means
// any version. The order stays.
func parsePackages(raw []byte, most int) (list []Package, err error) {
	defer func() {
		if recover() != nil { // yaml.v3 panics on a few malformed inputs
			list, err = nil, errors.New("the package list is not readable as YAML or JSON")
		}
	}()
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, errors.New("the package list is not readable as YAML or JSON")
	}
	if doc.Kind != yaml.DocumentNode || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("the package list must be an object of packages and versions")
	}
	content := doc.Content[0].Content
	if len(content)/2 > most {
		return nil, fmt.Errorf("the package list has %d entries, at most %d are allowed", len(content)/2, most)
	}
	list = make([]Package, 0, len(content)/2)
	for i := 0; i+1 < len(content); i += 2 {
		name, version := content[i], content[i+1]
		if name.Kind != yaml.ScalarNode || name.ShortTag() != "!!str" {
			return nil, fmt.Errorf("line %d: a package name must be a string", name.Line)
		}
		p := Package{Name: name.Value}
		switch {
		case version.Kind == yaml.ScalarNode && version.ShortTag() == "!!str":
			p.Version = version.Value
		case version.Kind == yaml.ScalarNode && version.ShortTag() == "!!null":
		default:
			return nil, fmt.Errorf("line %d: a version must be a string or null", version.Line)
		}
		list = append(list, p)
	}
	return list, nil
}
