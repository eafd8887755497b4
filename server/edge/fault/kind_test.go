package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/openapi"
)

// statuses are the kinds of problems and the statuses that they come with.
func statuses(t *testing.T) map[string][]int {
	t.Helper()
	kinds, err := openapi.Problems()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]int{}
	for _, k := range kinds {
		all[k.ID] = k.Status
		for _, s := range k.Status {
			if http.StatusText(s) == "" || s < 400 {
				t.Errorf("%s: %d is no status of an error", k.ID, s)
			}
		}
	}
	return all
}

// TestKinds_Code reads the server's code: each id that it gives an error is in the
// table, and each id of the table is one that the code gives. The tests of the server
// hold every answer against the document, whose Problem lists the same ids.
func TestKinds_Code(t *testing.T) {
	t.Parallel()

	known := statuses(t)
	given := map[string]bool{}
	for _, id := range idsInCode(t, "../..") {
		given[id] = true
		if known[id] == nil {
			t.Errorf("the code gives an error the id %q, which the table of problems does not have", id)
		}
	}
	for id := range known {
		if !given[id] {
			t.Errorf("the table of problems has %q, which no error in the code has", id)
		}
	}
}

var slug = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// idsInCode returns what stands as id in calls of fault.New, in the constants that
// are ids, and in the member ID of a Fault.
func idsInCode(t *testing.T, root string) []string {
	t.Helper()
	var ids []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := idOf(n, file.Name.Name); ok {
				ids = append(ids, id)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func idOf(n ast.Node, in string) (string, bool) {
	switch n := n.(type) {
	case *ast.CallExpr:
		if name := nameOf(n.Fun); (name == "fault.New" || name == "New") && len(n.Args) >= 3 {
			return text(n.Args[1])
		}
	case *ast.CompositeLit:
		if name := nameOf(n.Type); name != "fault.Fault" && name != "Fault" {
			return "", false
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && nameOf(kv.Key) == "ID" {
				return text(kv.Value)
			}
		}
	case *ast.ValueSpec: // the refusals of package lifecycle
		if in == "lifecycle" && nameOf(n.Type) == "Code" && len(n.Values) == 1 {
			return text(n.Values[0])
		}
	}
	return "", false
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return nameOf(e.X) + "." + e.Sel.Name
	}
	return ""
}

func text(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	value, err := strconv.Unquote(lit.Value)
	return value, err == nil && slug.MatchString(value)
}
