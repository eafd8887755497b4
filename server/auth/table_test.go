package auth

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-lab/slipway/openapi"
)

// TestTable: whatever names a permission, in the code or in the document, names
// a row of the table.
func TestTable(t *testing.T) {
	t.Parallel()

	if err := CheckTable(); err != nil {
		t.Fatal(err)
	}
	constants := constantsOf(t, "permission.go", "Permission")
	if len(constants) < len(kernelCI) {
		t.Errorf("the constants are %q, want at least those of KernelCI's tokens", constants)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(openapi.YAML, &document); err != nil {
		t.Fatal(err)
	}
	operations := valuesOf(&document, "x-permission")
	if len(operations) < 100 {
		t.Errorf("%d operations name a permission, want over 100", len(operations))
	}
	for _, name := range append(constants, operations...) {
		if p := Permission(name); !p.Known() || len(p.Roles()) == 0 {
			t.Errorf("%s has no row", name)
		}
	}
}

// constantsOf are the values of the constants of a type in a file.
func constantsOf(t *testing.T, name, typ string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) == 0 {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typ {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Errorf("%s: %v", spec.Names[0], err)
			}
			values = append(values, text)
		}
		return true
	})
	return values
}

// valuesOf are the values that a key has anywhere.
func valuesOf(n *yaml.Node, key string) []string {
	var values []string
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == key {
			values = append(values, child.Value)
		}
		values = append(values, valuesOf(child, key)...)
	}
	return values
}

func TestReadTable_Refused(t *testing.T) {
	t.Parallel()

	whole := string(openapi.Permissions)
	for _, tt := range []struct {
		name, from, to, want string
	}{
		{"a role that does not exist", "runner.call: {roles: [runner,", "runner.call: {roles: [walker,", `runner.call names the role "walker"`},
		{"a role twice", "audit.read: {roles: [admin]", "audit.read: {roles: [admin, admin]", `audit.read names the role "admin"`},
		{"no roles", "audit.read: {roles: [admin],", "audit.read: {roles: [],", "audit.read must have roles"},
		{"no words", `summary: "Read the audit log."`, `summary: ""`, "audit.read must have roles and a summary"},
		{"a misspelled key", "audit.read: {roles:", "audit.read: {role:", "field role not found"},
		{"a constant without a row", "tokens.write:", "token.write:", "tokens.write has no row"},
		{"a permission twice", "tokens.write:", "tokens.read:", `"tokens.read" already defined`},
		{"no table", "x-permissions:", "x-permission:", "not found"},
	} {
		changed := strings.Replace(whole, tt.from, tt.to, 1)
		if changed == whole {
			t.Fatalf("%s: the table does not have %q", tt.name, tt.from)
		}
		if _, err := readTable([]byte(changed)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
