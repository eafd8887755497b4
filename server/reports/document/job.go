package document

import "strings"

// Job is one revision of one branch of one kernel tree. Reports of builds make
// it; a POST of its own changes its status.
var Job = Schema{
	Name:     "job",
	Identity: []string{"job", "kernel", "git_branch"},
	Fields: []Field{
		{Name: "_id", Kind: ID, Flags: Search},
		{Name: "created_on", Kind: Date, Flags: Search},
		{Name: "version", Kind: Text, From: "version", Default: "1.0"},
		{Name: "name", Kind: Text, Flags: Search, Max: 2*maxSearchText + 1},
		{Name: "job", Kind: Text, From: "job", Flags: Must | Search | Distinct},
		{Name: "kernel", Kind: Text, From: "kernel", Flags: Must | Search | Distinct},
		{Name: "kernel_version", Kind: Text, From: "kernel_version", Flags: Search | Distinct},
		{Name: "git_branch", Kind: Text, From: "git_branch", Flags: Search | Distinct},
		{Name: "git_commit", Kind: Text, From: "git_commit", Flags: Search | Distinct},
		{Name: "git_describe", Kind: Text, From: "git_describe", Flags: Search | Distinct},
		{Name: "git_describe_v", Kind: Text, From: "git_describe_v", Flags: Distinct},
		{Name: "git_url", Kind: Text, From: "git_url", Flags: Distinct, Max: maxURL},
		{Name: "status", Kind: Text, From: "status", Flags: Search, Default: "PASS",
			Only: []string{"BUILD", "FAIL", "PASS", "UNKNOWN"}},
		{Name: "private", Kind: Bool, From: "private", Flags: Search, Default: false},
		{Name: "compiler", Kind: Text, From: "compiler", Flags: Distinct},
		{Name: "compiler_version", Kind: Text, From: "compiler_version", Flags: Distinct},
		{Name: "compiler_version_ext", Kind: Text, From: "compiler_version_ext", Flags: Distinct},
		{Name: "compiler_version_full", Kind: Text, From: "compiler_version_full", Flags: Distinct},
		{Name: "cross_compile", Kind: Text, From: "cross_compile"},
	},
	finish: finishJob,
}.prepare()

func finishJob(d *Document) {
	if branch := CleanBranch(d.Text("git_branch")); branch != "" {
		d.Set("git_branch", branch)
	} else {
		d.Set("git_branch", nil)
	}
	d.Set("name", d.Text("job")+"-"+d.Text("kernel"))
}

// CleanBranch returns what follows the last slash of a branch: build systems
// report the branch of their own checkout, local/master for master. As in the
// original only jobs hold it so; boots and builds keep the branch as it was sent.
func CleanBranch(branch string) string {
	return branch[strings.LastIndexByte(branch, '/')+1:]
}

// UpdateJob applies a second report of a job: the status, and those of the
// other fields that the report has.
func UpdateJob(job, report *Document) {
	for i, f := range Job.Fields {
		if f.Name == "status" || report.given[i] && report.values[i] != nil {
			job.values[i] = report.values[i]
		}
	}
	finishJob(job)
}
