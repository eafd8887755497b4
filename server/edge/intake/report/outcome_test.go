package report

import "testing"

func TestWorst(t *testing.T) {
	t.Parallel()
	order := []Status{Fail, Unknown, InProgress, UXSuccess, XFail, Success, Skip, Exists}
	for i, a := range order {
		for j, b := range order {
			if got := Worst(a, b); got != order[min(i, j)] {
				t.Errorf("Worst(%s, %s) = %s, want %s", a, b, got, order[min(i, j)])
			}
		}
	}
}

func TestParseStatus(t *testing.T) {
	t.Parallel()
	for s := range Status(statusCount) {
		if got, ok := ParseStatus(s.String()); got != s || !ok {
			t.Errorf("ParseStatus(%q) = %s, %v", s.String(), got, ok)
		}
		if want := s != Unknown && s != InProgress; s.Final() != want {
			t.Errorf("%s.Final() = %v, want %v", s, s.Final(), want)
		}
	}
	if got, ok := ParseStatus("PASS"); got != Unknown || ok {
		t.Errorf("ParseStatus(PASS) = %s, %v", got, ok)
	}
	if got := Status(99).String(); got != "unknown" {
		t.Errorf("Status(99) = %q", got)
	}
}

func TestCounts_Outcome(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		counts Counts
		format Format
		damage int
		want   Outcome
	}{
		{"all passed", Counts{Success: 2, XFail: 1, Skip: 3, Exists: 1}, FormatV2, 0, OutcomePass},
		{"only expected failures", Counts{XFail: 1}, FormatV1, 0, OutcomePass},
		{"one failed", Counts{Success: 2, Fail: 1}, FormatV2, 0, OutcomeFail},
		{"unexpected success", Counts{Success: 2, UXSuccess: 1}, FormatV2, 0, OutcomeFail},
		{"unfinished", Counts{Success: 2, InProgress: 1}, FormatV2, 0, OutcomeFail},
		{"without a status", Counts{Success: 2, Unknown: 1}, FormatV2, 0, OutcomeFail},
		{"failed and damaged", Counts{Fail: 1}, FormatV2, 3, OutcomeFail},
		{"green and damaged", Counts{Success: 1}, FormatV2, 1, OutcomeIncomplete},
		{"skipped and damaged", Counts{Skip: 1}, FormatV2, 1, OutcomeIncomplete},
		{"only skipped", Counts{Skip: 1, Exists: 5}, FormatV2, 0, OutcomeSkip},
		{"only listed", Counts{Exists: 5}, FormatV2, 0, OutcomeEmpty},
		{"nothing", Counts{}, FormatEmpty, 0, OutcomeEmpty},
		{"nothing but damage", Counts{}, FormatV2, 1, OutcomeError},
		{"unknown format", Counts{}, FormatUnknown, 0, OutcomeError},
	}
	for _, tt := range tests {
		if got := tt.counts.Outcome(tt.format, tt.damage); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestCounts_groups(t *testing.T) {
	t.Parallel()
	c := Counts{Unknown: 1, Exists: 2, InProgress: 4, Success: 8, UXSuccess: 16, Skip: 32, Fail: 64, XFail: 128}
	if c.Passed() != 136 || c.Failed() != 85 || c.Skipped() != 32 || c.NotRun() != 2 || c.Tests() != 255 {
		t.Errorf("passed %d, failed %d, skipped %d, not run %d of %d", c.Passed(), c.Failed(), c.Skipped(), c.NotRun(), c.Tests())
	}
}

func TestReport_AddDamage(t *testing.T) {
	t.Parallel()
	r := &Report{keep: 2}
	r.Add(Damage{Offset: 1})
	r.Add(Damage{Offset: 2})
	r.Add(Damage{Offset: 3})
	r.AddDamage(Damage{Kind: KindGzip})
	if r.DamageCount != 4 || len(r.Damage) != 2 || r.Damage[0].Kind != KindGzip || r.Damage[1].Offset != 1 || r.Complete() {
		t.Errorf("damage %v (%d)", r.Damage, r.DamageCount)
	}
}
