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
		{"role:admin or is_admin:1", "admin", true}, // Drydock's admin_required
		{"role:nobody or is_admin:1", "admin", true},
		{"is_admin:1", "operator lab runner reader", false},
		{"is_admin:True", "admin", true},
		{"not is_admin:1", "operator", true},
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
		"", " ", "role", "role:", "role:%(role)s", "is_admin:", "is_admin:0", "is_admin:False", "is_admin:2", "is_admin:%(is_admin)s", "is_admin", "http://example.org", "project_id:%(project_id)s", "True:%(x)s",
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

	for name, tt := range map[string]struct{ file, says string }{
		"a list":                       {"- a\n", "line 1: a policy file is an object"},
		"a rule that is a list":        {"\na: [role:admin]\n", `line 2: rule "a": lists are not understood`},
		"a rule that is a number":      {"a: 1\n", `line 1: rule "a": a rule must be text`},
		"an empty rule":                {"b: '@'\n\na: \"\"\n", `line 3: rule "a": byte 0: a check is missing`},
		"null":                         {"a:\n", `line 1: rule "a": a rule must be text`},
		"a rule that is not there":     {"\n\na: rule:b\n", `line 3: rule "a" names the rule "b", which does not exist`},
		"a circle":                     {"a: rule:b\nb: not rule:a\n", `line 1: rule "a" leads back to itself`},
		"a rule that names itself":     {"a: rule:a\n", `line 1: rule "a" leads back to itself`},
		"a check of the context":       {"a: is_admin:0\n", `line 1: rule "a": byte 0: "is_admin:0" is not understood`},
		"a check of the target":        {"a: \"role:admin or project_id:%(project_id)s\"\n", `line 1: rule "a": byte 14: "project_id:%" is not understood`},
		"a check by another server":    {"a: \"http://example.org/\"\n", "is not understood"},
		"a literal":                    {"a: \"'admin':%(role)s\"\n", "is not understood"},
		"a missing parenthesis":        {"a: \"(role:a or role:b\"\n", `line 1: rule "a": byte 17: a parenthesis is not closed`},
		"an operator without an end":   {"a: role:a and\n", `line 1: rule "a": byte 10: a check is missing at the end`},
		"two checks without operator":  {"a: role:a role:b\n", `line 1: rule "a": byte 7: "role:b" is not expected here`},
		"all mistakes at once, first":  {"a: x\nb: y\n", "line 1: rule \"a\""},
		"all mistakes at once, second": {"a: x\nb: y\n", "line 2: rule \"b\""},
		"too many rules":               {"x: \"@\"\n" + manyRules(), "at most 1000 rules"},
		"the same name twice":          {"a: \"@\"\na: \"!\"\n", `line 2: rule "a": the name is in line 1 already`},
		"two documents":                {"a: \"@\"\n---\na: \"!\"\n", "one document"},
		"too large a file":             {"a: \"@\"\n#" + strings.Repeat("x", MaxFile), "at most"},
		"an alias that grows":          {"a: &a [x,x]\nb: [*a,*a]\n", "lists are not understood"},
		"not YAML":                     {"a: \"", "not YAML"},
	} {
		if _, err := Read([]byte(tt.file)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
	for name, file := range map[string]string{"nothing": "", "comments": "# \"a\": \"role:admin\"\n", "an empty object": "{}", "JSON": `{"a": "role:admin or rule:b", "b": "!"}`} {
		if _, err := Read([]byte(file)); err != nil {
			t.Errorf("%s: %v", name, err)
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
