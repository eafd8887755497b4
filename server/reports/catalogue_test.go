package reports

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/query"
)

// TestCatalogueOf holds the searchable fields of every resource by kind, as the
// documentation of the original and its lists of keys have them.
func TestCatalogueOf(t *testing.T) {
	t.Parallel()

	tests := []struct {
		schema *document.Schema
		want   map[query.Kind]string
	}{
		{document.Boot, map[query.Kind]string{
			query.ID:   "_id build_id defconfig_id job_id",
			query.Date: "created_on time",
			query.Int:  "kernel_image_size retries warnings",
			query.Text: "arch board boot_job_id boot_job_url bootloader bootloader_version build_environment chainloader compiler " +
				"compiler_version defconfig defconfig_full endian filesystem git_branch git_commit git_describe git_url job kernel " +
				"kernel_image lab_name mach name status",
		}},
		{document.Job, map[query.Kind]string{
			query.ID: "_id", query.Date: "created_on", query.Bool: "private",
			query.Text: "git_branch git_commit git_describe job kernel kernel_version name status",
		}},
		{document.Build, map[query.Kind]string{
			query.ID: "_id job_id", query.Date: "created_on",
			query.Int: "build_log_size errors kernel_config_size kernel_image_size modules_size system_map_size vmlinux_bss_size " +
				"vmlinux_data_size vmlinux_file_size vmlinux_text_size warnings",
			query.Text: "arch build_environment build_log build_type compiler compiler_version defconfig defconfig_full dirname " +
				"git_branch git_commit git_describe job kconfig_fragments kernel kernel_config kernel_image kernel_version modules " +
				"modules_dir name status system_map text_offset",
		}},
		{document.Lab, map[query.Kind]string{
			query.ID: "_id token", query.Date: "created_on updated_on", query.Bool: "private", query.Text: "name",
		}},
		{document.Token, map[query.Kind]string{
			query.ID: "_id", query.Date: "created_on expires_on", query.Bool: "expired",
			query.Text: "email ip_address token username version",
		}},
		{document.Group, map[query.Kind]string{
			query.ID: "_id boot_id build_id job_id parent_id", query.Date: "created_on time", query.Int: "index",
			query.Text: "arch board board_instance build_environment defconfig defconfig_full git_branch git_commit git_url job " +
				"kernel lab_name mach name plan version",
		}},
		{document.Case, map[query.Kind]string{
			query.ID: "_id regression_id test_group_id", query.Date: "created_on time", query.Int: "index",
			query.Text: "arch build_environment defconfig_full device_type git_branch git_commit job kernel lab_name mach name plan " +
				"status test_case_path",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.schema.Name, func(t *testing.T) {
			t.Parallel()

			got := map[query.Kind][]string{}
			for name, f := range catalogueOf(tt.schema) {
				got[f.Kind] = append(got[f.Kind], name)
			}
			for kind, names := range got {
				slices.Sort(names)
				if joined := strings.Join(names, " "); joined != tt.want[kind] {
					t.Errorf("%s fields %s\nwant %s", kind, joined, tt.want[kind])
				}
			}
			if len(got) != len(tt.want) {
				t.Errorf("kinds %v, want those of %v", slices.Collect(maps.Keys(got)), tt.want)
			}
		})
	}
	if f := catalogueOf(document.Boot)["time"]; !f.RangeOnly {
		t.Error("a boot's time is a filter, want only ranges of it")
	}
}

func TestBootSelection(t *testing.T) {
	t.Parallel()

	for name, f := range bootSelection() {
		if f.Kind != query.Text && f.Kind != query.ID {
			t.Errorf("%s has kind %q, want text or id", name, f.Kind)
		}
	}
}
