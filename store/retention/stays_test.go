package retention

import "testing"

func TestWith(t *testing.T) {
	t.Parallel()
	const sql = "S.a IN ('PASS', S.SS, SUM(S.b)) AND xS = S"
	if got, want := with(sql, "S", "m"), "m.a IN ('PASS', m.SS, SUM(m.b)) AND xS = m"; got != want {
		t.Errorf("with(%q): %q, want %q", sql, got, want)
	}
}
