package subunit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// hostileCase is one entry of hostile.expected.json.
type hostileCase struct {
	File   string
	Oracle *struct {
		Records [][2]string
		Damage  []Damage
		Noise   int64 `json:"noise_bytes"`
	} `json:"tolerant_oracle"`
	Must string
}

// read is what came of a hostile upload, with the damage of its gzip layer.
type read struct {
	outcomeOf
	counts  Counts
	outcome Outcome
}

func readUpload(t *testing.T, data []byte, lim Limits) read {
	t.Helper()
	var layer *Damage
	if IsGzip(data) {
		var out bytes.Buffer
		var err error
		if _, layer, err = Gunzip(&out, bytes.NewReader(data), lim.WithDefaults().DecompressedBytes); err != nil {
			t.Fatal(err)
		}
		data = out.Bytes()
	}
	r := read{outcomeOf: parseAll(t, data, lim, windowStart)}
	if layer != nil {
		r.report.AddDamage(*layer)
	}
	var tally Tally
	for _, rec := range r.records {
		tally.Add(rec.ID, rec.Status)
	}
	r.counts = tally.Counts()
	r.outcome = r.counts.Outcome(r.report.Format, r.report.DamageCount)
	return r
}

func (r read) String() string {
	var b strings.Builder
	for _, rec := range r.records {
		id, _ := cut(rec.ID, 40)
		fmt.Fprintf(&b, "%q %s complete=%v; ", id, rec.Status, rec.Complete)
	}
	return fmt.Sprintf("%s %s [%s] damage %v (%d) noise %d", r.report.Format, r.outcome, b.String(),
		r.report.Damage, r.report.DamageCount, r.report.NoiseBytes)
}

// oracleDiffers lists the cases whose oracle the contract overrules.
var oracleDiffers = map[string]func(r read) bool{
	// Ids are cut at 64 KiB, with damage.
	"34_id_long.bin": func(r read) bool {
		return len(r.records) == 3 && len(r.records[1].ID) == 64<<10 && r.hasDamage(27, KindContent)
	},
	// A chunk that is cut short is "truncated".
	"40_v1_truncated_in_multipart.bin": func(r read) bool {
		return len(r.records) == 1 && r.records[0].Status == Fail && r.hasDamage(29, KindTruncated) && r.report.NoiseBytes == 0
	},
	"42_v1_huge_chunk.bin": func(r read) bool {
		return len(r.records) == 1 && r.records[0].Status == Fail && r.hasDamage(31, KindTruncated) && r.report.NoiseBytes == 26
	},
	// No colon, no outcome that closes a test: not subunit.
	"48_v1_prose.bin": func(r read) bool { return r.report.Format == FormatUnknown && len(r.records) == 0 },
}

func (r read) hasDamage(offset int64, kind Kind) bool {
	return slices.ContainsFunc(r.report.Damage, func(d Damage) bool { return d.Offset == offset && d.Kind == kind })
}

// hostileMust says what each case without an oracle must come to.
var hostileMust = map[string]func(r read) bool{
	"49_gzip_cut.bin": func(r read) bool {
		return r.report.Damage[0] == Damage{Offset: 53, Kind: KindGzip, Reason: "the gzip stream is cut short"} && len(r.records) > 0
	},
	"50_gzip_bomb.bin":    func(r read) bool { return r.report.Format == FormatUnknown && r.outcome == OutcomeError },
	"51_gzip_of_gzip.bin": func(r read) bool { return r.report.Format == FormatUnknown && r.outcome == OutcomeError },
	"52_json_deep.bin": func(r read) bool {
		return r.report.Format == FormatJSON && r.hasDamage(64, KindJSON) && len(r.records) == 0
	},
	"53_json_bom.bin": func(r read) bool {
		return r.outcome == OutcomePass && len(r.records) == 1 && r.records[0].ID == "a.b" && r.report.Scope == ScopePasses
	},
	"54_json_nan.bin": func(r read) bool {
		return r.hasDamage(31, KindJSON) && len(r.records) == 0 && r.outcome == OutcomeError
	},
	"55_json_dup_key.bin": func(r read) bool {
		return r.report.DamageCount == 1 && len(r.records) == 1 && *r.report.CPID == "y" && r.outcome == OutcomeIncomplete
	},
	"56_xml_entities.bin": func(r read) bool {
		return r.report.Format == FormatJUnit && r.report.DamageCount == 1 && len(r.records) == 0
	},
	"57_xml_external.bin": func(r read) bool {
		return r.report.Format == FormatJUnit && r.report.DamageCount == 1 && len(r.records) == 0
	},
}

// TestParse_hostile compares every damaged upload with what a tolerant reader
// finds in it, or with what the contract says about it.
func TestParse_hostile(t *testing.T) {
	t.Parallel()
	var sidecar struct{ Cases []hostileCase }
	if err := json.Unmarshal(readSample(t, "hostile/hostile.expected.json"), &sidecar); err != nil {
		t.Fatal(err)
	}
	if len(sidecar.Cases) != 60 {
		t.Fatalf("%d cases, want 60", len(sidecar.Cases))
	}
	for _, c := range sidecar.Cases {
		t.Run(c.File, func(t *testing.T) {
			t.Parallel()
			r := readUpload(t, readSample(t, "hostile/"+c.File), Limits{})
			t.Log(r)
			checkHostile(t, c, r)
		})
	}
}

func checkHostile(t *testing.T, c hostileCase, r read) {
	t.Helper()
	if strings.Contains(c.Must, "never a pass") && r.outcome == OutcomePass {
		t.Errorf("outcome %s; must: %s", r.outcome, c.Must)
	}
	if check, ok := oracleDiffers[c.File]; ok {
		if !check(r) {
			t.Errorf("got %s", r)
		}
		return
	}
	if check, ok := hostileMust[c.File]; ok {
		if !check(r) {
			t.Errorf("got %s; must: %s", r, c.Must)
		}
		return
	}
	if c.Oracle == nil {
		t.Fatal("a case without an oracle and without a check")
	}
	var records [][2]string
	for _, rec := range r.records {
		records = append(records, [2]string{rec.ID, rec.Status.String()})
	}
	if !slices.Equal(records, c.Oracle.Records) {
		t.Errorf("records %q, want %q", records, c.Oracle.Records)
	}
	if !slices.Equal(r.report.Damage, c.Oracle.Damage) {
		t.Errorf("damage %v, want %v", r.report.Damage, c.Oracle.Damage)
	}
	if r.report.NoiseBytes != c.Oracle.Noise {
		t.Errorf("noise %d, want %d", r.report.NoiseBytes, c.Oracle.Noise)
	}
}
