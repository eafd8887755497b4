// Command areas generates gen/<area> from the document: the types and the strict
// interface of the operations whose x-area names it. An area is a package of its
// own, so that a change in one is compiled, and read, in one place.
//
// The two templates replace the generator's own: every response is one interface
// that writes itself, because the answers of five systems cannot be expressed by
// generated types alone and the errors among them are written in one place.
package main

import (
	"embed"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
	"github.com/oapi-codegen/oapi-codegen/v2/pkg/util"
	"go.yaml.in/yaml/v3"
)

//go:embed server.yaml
var settings []byte

//go:embed templates/*.tmpl
var templates embed.FS

// replaced names, for each template of the generator, the one that stands in
// for it.
var replaced = map[string]string{
	"strict/strict-interface.tmpl": "templates/strict-interface.tmpl",
	"strict/strict-echo.tmpl":      "templates/strict-echo.tmpl",
}

func main() {
	doc := flag.String("doc", "openapi/slipway.yaml", "the document")
	overlay := flag.String("overlay", "openapi/overlay.yaml", "what the generator does not see of it")
	out := flag.String("out", "gen", "folder that gets a folder for each area")
	flag.Parse()
	if err := run(*doc, *overlay, *out); err != nil {
		fmt.Fprintln(os.Stderr, "areas:", err)
		os.Exit(1)
	}
}

func run(doc, overlay, out string) error {
	load := func() (*openapi3.T, error) {
		return util.LoadSwaggerWithOverlay(doc, util.LoadSwaggerWithOverlayOpts{Path: overlay, Strict: true})
	}
	whole, err := load()
	if err != nil {
		return err
	}
	areas, err := operations(whole)
	if err != nil {
		return err
	}
	for _, area := range slices.Sorted(maps.Keys(areas)) {
		part, err := load() // generating takes away what it does not need
		if err != nil {
			return err
		}
		if err := generate(part, area, areas[area], out); err != nil {
			return fmt.Errorf("area %s: %w", area, err)
		}
	}
	return nil
}

// operations returns the ids of the document's operations by area, sorted.
func operations(doc *openapi3.T) (map[string][]string, error) {
	areas := map[string][]string{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			area, _ := op.Extensions["x-area"].(string)
			if area == "" || op.OperationID == "" {
				return nil, fmt.Errorf("%s %s has no x-area or no operationId", method, path)
			}
			areas[area] = append(areas[area], op.OperationID)
		}
	}
	for _, ids := range areas {
		slices.Sort(ids)
	}
	return areas, nil
}

// generate writes the package of one area.
func generate(doc *openapi3.T, area string, ids []string, out string) error {
	var config codegen.Configuration
	if err := yaml.Unmarshal(settings, &config); err != nil {
		return fmt.Errorf("server.yaml: %w", err)
	}
	config = config.UpdateDefaults()
	config.PackageName = area + "api"
	config.OutputOptions.IncludeOperationIDs = ids
	config.OutputOptions.UserTemplates = map[string]string{}
	for name, own := range replaced {
		text, err := templates.ReadFile(own)
		if err != nil {
			return err
		}
		config.OutputOptions.UserTemplates[name] = string(text)
	}
	if err := config.Validate(); err != nil {
		return err
	}
	only(doc, area)
	withoutNext(doc)
	code, err := codegen.Generate(doc, config)
	if err != nil {
		return err
	}
	folder := filepath.Join(out, area)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, area+".gen.go"), []byte(code), 0o644)
}
