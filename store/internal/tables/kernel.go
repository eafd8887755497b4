package tables

// DropKernel removes a kernel from kernel_sets that has no test any more: it is no set
// then, and stands in no line. Who adds a test to it meanwhile holds its row (KeepKernel)
// until that test can be seen.
func (d *DB) DropKernel(tenant, job, branch, kernel string) error {
	const one = " WHERE tenant = ? AND job = ? AND git_branch = ? AND kernel = ?"
	if d.Postgres { // a statement of its own, so that the next one sees what was waited for
		if err := d.Put("SELECT 1 FROM kernel_sets"+one+" FOR UPDATE", tenant, job, branch, kernel); err != nil {
			return err
		}
	}
	return d.Put("DELETE FROM kernel_sets"+one+" AND NOT EXISTS (SELECT 1 FROM kernel_tests t"+
		" WHERE t.job = kernel_sets.job AND t.kernel = kernel_sets.kernel AND COALESCE(t.git_branch, '') = kernel_sets.git_branch AND t.tenant = kernel_sets.tenant AND t.replaced = 0)",
		tenant, job, branch, kernel)
}

// KeepKernel ends a query of a row of kernel_sets: nobody drops the kernel until the
// transaction ends, and nobody else who adds to it has to wait.
func (d *DB) KeepKernel() string {
	if d.Postgres {
		return " FOR KEY SHARE"
	}
	return ""
}
