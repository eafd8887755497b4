package design

import (
	"fmt"
	"strconv"
	"strings"
)

func addBootAction(s *Site, doc *document) *docError {
	assets := doc.data.get("assets")
	if assets.kind != kindList {
		return &docError{true, "assets is missing"}
	}
	b := &BootAction{Ref: doc.ref, Signaling: true, Filter: doc.data.get("node_filter").plain()}
	if err := checkFilter(doc.data.get("node_filter")); err != nil {
		return err
	}
	if signaling := doc.data.get("signaling"); signaling.kind == kindBool {
		b.Signaling = signaling.isTrue()
	}
	for i, item := range assets.items {
		asset, err := decodeAsset(fmt.Sprintf("assets/%d", i), item)
		if err != nil {
			return err
		}
		b.Assets = append(b.Assets, asset)
	}
	s.BootActions = append(s.BootActions, b)
	return nil
}

// checkFilter wants of a filter what Drydock's object model wants. Whether it
// makes sense is the selector's business.
func checkFilter(v *value) *docError {
	if v.kind == kindNull {
		return nil
	}
	m := members{at: "node_filter"}
	m.required(v, "filter_set_type")
	for i, f := range v.get("filter_set").items {
		m.at = fmt.Sprintf("node_filter/filter_set/%d", i)
		m.texts(f, "node_labels", false)
		m.texts(f, "rack_labels", false)
	}
	return m.err
}

// defaultMode is what a file gets that names no permissions.
const defaultMode = 0o600

func decodeAsset(at string, v *value) (Asset, *docError) {
	a := Asset{
		Type:             v.get("type").scalar(),
		Path:             v.get("path").scalar(),
		Mode:             defaultMode,
		Location:         v.get("location").scalar(),
		LocationPipeline: v.get("location_pipeline").texts(),
		DataPipeline:     v.get("data_pipeline").texts(),
	}
	if permissions := v.get("permissions").scalar(); permissions != "" {
		mode, err := strconv.ParseUint(strings.TrimPrefix(permissions, "0o"), 8, 21) // what a tar header holds
		if err != nil {
			return a, &docError{true, at + ".permissions must be octal digits"}
		}
		a.Mode = int64(mode)
	}
	if a.Type == AssetPackages {
		return decodePackages(at, v.get("data"), a)
	}
	return decodeFile(at, v.get("data"), a)
}

// decodePackages wants a map, or a location that will yield one.
func decodePackages(at string, data *value, a Asset) (Asset, *docError) {
	if data.kind != kindMap {
		if a.Location == "" {
			return a, &docError{true, at + ".data must map packages to versions, or location must say where they are"}
		}
		return a, nil
	}
	for _, f := range data.fields {
		a.Packages = append(a.Packages, Package{f.key, f.value.scalar()})
	}
	return a, nil
}

// decodeFile wants a path, and data here or elsewhere. Drydock notices their
// absence only when a node asks for the file, by failing.
func decodeFile(at string, data *value, a Asset) (Asset, *docError) {
	switch {
	case a.Path == "":
		return a, &docError{true, at + " needs a path"}
	case data.kind == kindMap:
		return a, &docError{true, at + ".data must be a string"}
	case data.kind == kindNull && a.Location == "":
		return a, &docError{true, at + " needs data or a location"}
	}
	a.Data = data.scalar()
	return a, nil
}
