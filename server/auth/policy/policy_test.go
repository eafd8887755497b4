package policy

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()

	tests := []struct {
		rule  string
		roles string
		want  bool
	}{
		{"@", "", true},
		{"!", "admin", false},
		{"role:admin", "admin", true},
		{"role:Admin", "admin", true},
		{"role:admin", "reader", false},
		{"role:admin or role:operator", "operator", true},
		{"role:admin and role:operator", "operator", false},
		{"role:admin and role:operator", "operator admin", true},
		{"not role:reader", "operator", true},
		{"not not role:reader", "operator", false},
		{"role:a or role:b and role:c", "a", true}, // and binds closer
		{"(role:a or role:b) and role:c", "a", false},
		{"(role:a OR role:b) AND NOT role:c", "b", true},
		{"((@))", "", true},
		{"rule:base", "operator", true},
		{"rule:base and not role:operator", "operator", false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()

			e, err := Parse(tt.rule)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.rule, err)
			}
			set := &Set{rules: map[string]Expr{"base": role("operator")}}
			set.rules["asked"] = e
			if got := set.Allows("asked", strings.Fields(tt.roles)); got != tt.want {
				t.Errorf("%q for %q: %v, want %v", tt.rule, tt.roles, got, tt.want)
			}
		})
	}
}

func TestParse_NotUnderstood(t *testing.T) {
	t.Parallel()

	for _, rule := range []string{
		"", " ", "role", "role:", "role:%(role)s", "is_admin:1", "http://example.org", "project_id:%(project_id)s", "True:%(x)s",
		"role:a role:b", "role:a and", "or role:a", "not", "(role:a", "role:a)", "()", "role:a,role:b", "@@", "rule:", "rôle:a",
		strings.Repeat("(", 100) + "@" + strings.Repeat(")", 100), strings.Repeat("not ", 100) + "@", strings.Repeat("@ or ", 2000) + "@",
	} {
		var syntax *SyntaxError
		if e, err := Parse(rule); !errors.As(err, &syntax) {
			t.Errorf("Parse(%.40q): %v, %v; want a SyntaxError", rule, e, err)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()

	file, err := os.ReadFile("testdata/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		rule, roles string
		want        bool
	}{
		{"physical_provisioner:read_task", "reader", true},
		{"physical_provisioner:create_task", "reader", false},
		{"physical_provisioner:create_task", "operator", true},
		{"physical_provisioner:destroy_nodes", "operator", false},
		{"physical_provisioner:destroy_nodes", "admin", true},
		{"physical_provisioner:health_data", "", true},
		{"physical_provisioner:ingest_data", "admin", false},
		{"not there", "admin", false},
	} {
		if got := s.Allows(tt.rule, strings.Fields(tt.roles)); got != tt.want {
			t.Errorf("%s for %q: %v, want %v", tt.rule, tt.roles, got, tt.want)
		}
	}
}

func TestRead_Refused(t *testing.T) {
	t.Parallel()

	for name, file := range map[string]string{
		"a list":                   "- a\n",
		"a rule that is no text":   "a: [role:admin]\n",
		"an empty rule":            "a: \"\"\n",
		"null":                     "a:\n",
		"a rule that is not there": "a: rule:b\n",
		"a circle":                 "a: rule:b\nb: not rule:a\n",
		"a rule that names itself": "a: rule:a\n",
		"unknown syntax":           "a: is_admin:1\n",
		"too many rules":           strings.Repeat("x", 1) + ": \"@\"\n" + manyRules(),
		"the same name twice":      "a: \"@\"\na: \"!\"\n",
		"too large a file":         "a: \"@\"\n#" + strings.Repeat("x", MaxFile),
		"an alias that grows":      "a: &a [x,x]\nb: [*a,*a]\n",
		"not YAML":                 "a: \"",
	} {
		if _, err := Read([]byte(file)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func manyRules() string {
	var b strings.Builder
	for i := range MaxRules {
		b.WriteString("r")
		b.WriteString(strings.Repeat("x", i%10))
		b.WriteString(string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + ": \"@\"\n")
	}
	return b.String()
}

// FuzzParse looks for rules that crash the parser, and checks that a rule and its
// opposite never decide alike.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"@", "!", "role:a and (rule:b or not role:c)", "not (", "role:%(x)s", "((", "is_admin:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rule string) {
		e, err := Parse(rule)
		if err != nil {
			return
		}
		s := &Set{rules: map[string]Expr{"b": everybody{}, "\x00asked": e, "\x00opposite": not{e}}}
		if s.Allows("\x00asked", []string{"a"}) == s.Allows("\x00opposite", []string{"a"}) {
			t.Errorf("%q and its opposite decide alike", rule)
		}
		e.references(func(string) {})
	})
}

// FuzzRead looks for files that crash the reader or make rules without an end.
func FuzzRead(f *testing.F) {
	if file, err := os.ReadFile("testdata/policy.yaml"); err == nil {
		f.Add(file)
	}
	f.Add([]byte("a: rule:b\nb: rule:a\n"))
	f.Fuzz(func(_ *testing.T, file []byte) {
		s, err := Read(file)
		if err != nil {
			return
		}
		for _, name := range s.Names() {
			s.Allows(name, []string{"admin"})
		}
	})
}
