package retention

import "strings"

// What stays whatever the rules say, as conditions of rows. A mark of $now is the time
// at which the run was planned.

// inForce is the condition that a keep k has not ended.
const inForce = "(k.until_at IS NULL OR k.until_at > $now)"

// newestRun is the condition that a run u is the newest complete one of its line.
func (s *Store) newestRun(u string) string {
	return with(`(`+s.yes("U.comparable")+` AND (U.cloud_id IS NOT NULL OR U.name <> '') AND NOT EXISTS (SELECT 1 FROM runs n
		WHERE `+s.yes("n.comparable")+` AND n.cloud_id IS NOT DISTINCT FROM U.cloud_id AND n.name = U.name AND n.tenant = U.tenant
			AND (n.created_at, n.id) > (U.created_at, U.id)))`, "U", u)
}

// keptRun is the condition that the run of this id is kept.
func keptRun(id string) string {
	return "EXISTS (SELECT 1 FROM retention_keeps k WHERE k.run_id = " + id + " AND " + inForce + ")"
}

// verified is the condition that a result r, or one of which it is the stream, is verified.
func verified(r string) string {
	return with(`EXISTS (SELECT 1 FROM published_results p WHERE p.verification_status <> 0 AND p.result_key = R.key)
		OR EXISTS (SELECT 1 FROM published_results p WHERE p.verification_status <> 0 AND p.stream_key = R.key)`, "R", r)
}

// publishedWhole is the condition that the tests of a published result p are whole:
// they are those of its stream where it has one.
func publishedWhole(p string) string {
	return with(`EXISTS (SELECT 1 FROM results w WHERE w.key = COALESCE(P.stream_key, P.result_key) AND w.state = 1 AND w.complete = `+"$true"+` AND w.damage_count = 0 AND w.outcome <> 'error')`, "P", p)
}

// newestPublished is the condition that a result r belongs to the newest complete
// published result of its cpid.
func (s *Store) newestPublished(r string) string {
	newest := s.yes("p.public") + ` AND ` + publishedWhole("p") + ` AND NOT EXISTS (SELECT 1 FROM published_results n
		WHERE ` + s.yes("n.public") + ` AND n.cpid = p.cpid AND n.tenant = p.tenant AND (n.created_at, n.id) > (p.created_at, p.id) AND ` + publishedWhole("n") + `)`
	return with(`EXISTS (SELECT 1 FROM published_results p WHERE p.result_key = R.key AND `+newest+`)
		OR EXISTS (SELECT 1 FROM published_results p WHERE p.stream_key = R.key AND `+newest+`)`, "R", r)
}

// opportunityWhole is the condition that the result o of an opportunity is complete.
func opportunityWhole(o string) string {
	return with(`(O.synthetic = $false AND (O.file_id IS NULL OR EXISTS (SELECT 1 FROM results w WHERE w.id = O.file_id AND w.state = 1
		AND w.complete = $true AND w.damage_count = 0 AND w.outcome <> 'error')))`, "O", o)
}

// newestOpportunity is the condition that the result o is the newest complete one of
// its spec, platform, snap and release.
func newestOpportunity(o string) string {
	return with(`(`+opportunityWhole("O")+` AND NOT EXISTS (SELECT 1 FROM opportunity_results n JOIN opportunities np ON np.id = n.opportunity_id
			JOIN spec_versions nv ON nv.id = np.version_id, opportunities op JOIN spec_versions ov ON ov.id = op.version_id
		WHERE op.id = O.opportunity_id AND n.product_id = O.product_id AND n.spec_name = O.spec_name AND np.release = op.release
			AND nv.platform IS NOT DISTINCT FROM ov.platform AND n.primary_snap_name IS NOT DISTINCT FROM O.primary_snap_name
			AND (n.created_at, n.id) > (O.created_at, O.id) AND `+opportunityWhole("n")+`))`, "O", o)
}

// ownVerdict is the condition that the status of a result o is a test of its own, with
// a verdict; fileVerdict that its file has one.
const (
	fileVerdict = `EXISTS (SELECT 1 FROM results f WHERE f.id = O.file_id AND f.state = 1 AND f.count_success + f.count_xfail + f.count_fail + f.count_uxsuccess > 0)`
	ownVerdict  = `(O.synthetic = $false AND UPPER(O.test_status) IN ('PASSED', 'FAILED') AND (O.file_id IS NULL OR UPPER(O.test_status) <> 'PASSED'
		AND NOT EXISTS (SELECT 1 FROM results f WHERE f.id = O.file_id AND f.count_fail + f.count_uxsuccess + f.count_inprogress + f.count_unknown > 0)))`
)

// imageWhole is the condition that an image i has a test that passed or failed.
func imageWhole(i string) string {
	return with(`EXISTS (SELECT 1 FROM opportunity_results v JOIN opportunities vp ON vp.id = v.opportunity_id JOIN spec_versions vv ON vv.id = vp.version_id
		WHERE v.product_id = I.product_id AND v.image_unique_id = I.image_unique_id AND (`+with(fileVerdict+" OR "+ownVerdict, "O", "v")+`)
			AND NOT EXISTS (SELECT 1 FROM opportunity_results a JOIN opportunities ap ON ap.id = a.opportunity_id JOIN spec_versions av ON av.id = ap.version_id
				WHERE a.product_id = v.product_id AND a.image_unique_id = v.image_unique_id AND a.spec_name = v.spec_name
					AND av.platform IS NOT DISTINCT FROM vv.platform AND a.primary_snap_name IS NOT DISTINCT FROM v.primary_snap_name
					AND (a.created_at, a.id) > (v.created_at, v.id)))`, "I", i)
}

// newestImage is the condition that an image is the newest complete one of its
// product and release.
func newestImage(product, image string) string {
	return with(`EXISTS (SELECT 1 FROM images i WHERE i.product_id = PRODUCT AND i.image_unique_id = IMAGE AND i.advertised_at > 0 AND `+imageWhole("i")+`
		AND NOT EXISTS (SELECT 1 FROM images j WHERE j.product_id = i.product_id AND j.release = i.release AND j.advertised_at > 0
			AND (j.advertised_at, j.image_unique_id) > (i.advertised_at, i.image_unique_id) AND `+imageWhole("j")+`))`, "PRODUCT", product, "IMAGE", image)
}

// keptImage is the condition that an image is kept.
func keptImage(product, image string) string {
	return with(`EXISTS (SELECT 1 FROM retention_keeps k WHERE k.product_id = PRODUCT AND k.image_unique_id = IMAGE AND `+inForce+`)`, "PRODUCT", product, "IMAGE", image)
}

// resultStays is the condition of results r, files of opportunities among them.
func (s *Store) resultStays(r string) string {
	return with(`(`+verified("R")+` OR `+s.newestPublished("R")+
		` OR (R.run_id IS NOT NULL AND (`+keptRun("R.run_id")+` OR EXISTS (SELECT 1 FROM runs u WHERE u.id = R.run_id AND u.result_key = R.key AND `+s.newestRun("u")+`)))
		OR EXISTS (SELECT 1 FROM opportunity_results o WHERE o.file_id = R.id AND `+resultOfOpportunityStays("o")+`))`, "R", r)
}

// resultOfOpportunityStays is the condition of results o of opportunities.
func resultOfOpportunityStays(o string) string {
	return "(" + keptImage(o+".product_id", o+".image_unique_id") + " OR " + newestOpportunity(o) + " OR " + newestImage(o+".product_id", o+".image_unique_id") + ")"
}

// runStays is the condition of runs u: RefStack's published results lie in runs of
// their own, and stay as those do.
func (s *Store) runStays(u string) string {
	return with(`(`+keptRun("U.id")+` OR `+s.newestRun("U")+` OR EXISTS (SELECT 1 FROM results r WHERE r.run_id = U.id AND (`+verified("r")+` OR `+s.newestPublished("r")+`))
		OR EXISTS (SELECT 1 FROM results r WHERE r.run_id = U.id AND r.state = 0))`, "U", u)
}

// opportunityStays is the condition of opportunities p.
func opportunityStays(p string) string {
	return with(`(`+keptImage("P.product_id", "P.image_unique_id")+` OR `+newestImage("P.product_id", "P.image_unique_id")+`
		OR EXISTS (SELECT 1 FROM opportunity_results o WHERE o.opportunity_id = P.id AND `+newestOpportunity("o")+`))`, "P", p)
}

// kernelWhole is the condition that a kernel s has a test that passed or failed.
func kernelWhole(s string) string {
	return with(`(S.verdicts = 1 AND EXISTS (SELECT 1 FROM kernel_tests t WHERE t.job = S.job AND t.kernel = S.kernel AND COALESCE(t.git_branch, '') = S.git_branch
		AND t.tenant = S.tenant AND t.replaced = 0 AND UPPER(t.status) IN ('PASS', 'FAIL')))`, "S", s)
}

// keptKernel is the condition that the kernel of a report x is kept.
func keptKernel(x string) string {
	return with(`EXISTS (SELECT 1 FROM retention_keeps k WHERE k.job = X."job" AND k.kernel = X."kernel" AND k.git_branch = COALESCE(X."git_branch", '')
		AND k.tenant = X.tenant AND `+inForce+`)`, "X", x)
}

// newestKernel is the condition that a kernel m is the newest complete one of its line.
func newestKernel(m string) string {
	return with(`(`+kernelWhole("M")+` AND NOT EXISTS (SELECT 1 FROM kernel_sets n WHERE n.tenant = M.tenant AND n.job = M.job
		AND n.git_branch = M.git_branch AND (n.first_at, n.kernel) > (M.first_at, M.kernel) AND `+kernelWhole("n")+`))`, "M", m)
}

// kernelStays is the condition of reports x: their kernel is kept, or the newest
// complete one of its line.
func kernelStays(x string) string {
	return with(`(`+keptKernel("X")+` OR EXISTS (SELECT 1 FROM kernel_sets m WHERE m.tenant = X.tenant AND m.job = X."job" AND m.git_branch = COALESCE(X."git_branch", '')
		AND m.kernel = X."kernel" AND `+newestKernel("m")+`))`, "X", x)
}

// kernelPath is the condition that a file f lies where the files of a kernel k do: under
// job/branch/kernel, or job/kernel, as older uploads have it
// (app/handlers/upload.py of kernelci-backend takes any path; its clients send these).
func kernelPath(f, k string) string {
	under := func(path string) string { return "SUBSTR(F.path, 1, LENGTH(" + path + ")) = " + path }
	return with("("+under("K.job || '/' || K.git_branch || '/' || K.kernel || '/'")+" OR "+under("K.job || '/' || K.kernel || '/'")+")", "F", f, "K", k)
}

// fileStays is the condition of files f beside reports: their kernel is kept, or the
// newest complete one of its line.
func (s *Store) fileStays(f string) string {
	job := "SUBSTR(F.path, 1, INSTR(F.path, '/') - 1)"
	if s.db.Postgres {
		job = "SPLIT_PART(F.path, '/', 1)"
	}
	return with(`(EXISTS (SELECT 1 FROM retention_keeps k WHERE k.tenant = F.tenant AND k.job IS NOT NULL AND `+inForce+` AND `+kernelPath("F", "k")+`)
		OR EXISTS (SELECT 1 FROM kernel_sets m WHERE m.tenant = F.tenant AND m.job = `+job+` AND `+kernelPath("F", "m")+` AND `+newestKernel("m")+`))`, "F", f)
}

// with puts names of tables and columns in the places of capital words.
func with(sql string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		sql = replaceWord(sql, pairs[i], pairs[i+1])
	}
	return sql
}

// replaceWord replaces a word, not parts of others.
func replaceWord(sql, word, by string) string {
	var out strings.Builder
	for at := 0; at < len(sql); {
		end := at + len(word)
		whole := strings.HasPrefix(sql[at:], word) && (at == 0 || !letter(sql[at-1])) && (end == len(sql) || !letter(sql[end]))
		if whole {
			out.WriteString(by)
			at = end
			continue
		}
		out.WriteByte(sql[at])
		at++
	}
	return out.String()
}

func letter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
