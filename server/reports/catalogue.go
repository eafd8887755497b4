package reports

import (
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/query"
)

// catalogueOf returns the fields of a resource that the query language may
// name. The two packages share no type, but the words of their kinds.
func catalogueOf(s *document.Schema) query.Catalogue {
	c := query.Catalogue{}
	for _, f := range s.Fields {
		if f.Flags&(document.Search|document.Range) == 0 {
			continue
		}
		c[f.Name] = query.Field{
			Kind:      queryKind(f.Kind),
			Name:      f.Of,
			RangeOnly: f.Flags&document.Search == 0,
		}
	}
	return c
}

// queryKind tells how the values of a field are written in a query string:
// durations like times, in milliseconds, and the elements of a list as text.
func queryKind(k document.Kind) query.Kind {
	switch k {
	case document.Seconds:
		return query.Date
	case document.List:
		return query.Text
	}
	return query.Kind(k)
}

// bootSelection holds the fields by which boots can be deleted.
func bootSelection() query.Catalogue {
	c := query.Catalogue{}
	all := catalogueOf(document.Boot)
	for _, name := range document.BootSelectors {
		c[name] = all[name]
	}
	return c
}
