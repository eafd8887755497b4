package server_test

// kind says what a tenant may learn of another one by an operation.
type kind int

const (
	_      kind = iota
	hidden      // it names objects, and those of another tenant do not exist
	own         // it names none: the caller reads and makes his own
	metal       // it belongs to the lab, which has no tenants and is for those of a setting
	keyed       // it is opened by a key of its own, or says the same to everybody
	logged      // it tells what callers did, among it every look of this test: those of the own tenant
)

// visit is how an operation is called with the objects of a world, whose names stand
// in braces.
type visit struct {
	kind   kind
	status int // of hidden: 0 is 404; of own: 0 is any
	query  string
	body   string
	media  string // application/json when empty
	lease  bool   // with the header Lease-Token

	nothing   bool // the world has no such object
	private   bool // of no tenant, and private to its owner, or for its owner only
	elsewhere bool // of no tenant: another error comes first
	more      bool // it lists what has no keys: that of no tenant too
}

const form, stream, octets = "application/x-www-form-urlencoded", "text/plain", "application/octet-stream"

// visits has a row for each operation of the document.
var visits = map[string]visit{
	"getVersions": {kind: keyed}, "getVersion": {kind: keyed}, "listLabVersions": {kind: keyed}, "getHealth": {kind: keyed}, "getReadiness": {kind: keyed},
	"getMetrics": {kind: keyed}, "getOpenAPIJSON": {kind: keyed}, "getOpenAPIYAML": {kind: keyed},

	// RefStack's first API
	"updateTestStatus":  {kind: hidden, status: 400, body: "test_id={test_id}&status=seen", media: form},
	"updateRunStatus":   {kind: hidden, status: 400, body: "status=seen", media: form},
	"postResult":        {kind: hidden, status: 400, query: "test_id={test_id}", body: "test: a\nsuccess: a\n", media: stream},
	"getMiniconf":       {kind: hidden, status: 400, query: "test_id={test_id}"},
	"getTestcases":      {kind: hidden, status: 400, query: "test_id={test_id}"},
	"getScript":         {kind: own, status: 200},
	"listClouds":        {kind: own, status: 200, query: "label=stage"},
	"createCloud":       {kind: own, status: 201, body: cloudBody},
	"getCloud":          {kind: hidden},
	"replaceCloud":      {kind: hidden, body: cloudBody},
	"updateCloud":       {kind: hidden, body: `{"label":"taken"}`},
	"deleteCloud":       {kind: hidden, query: "cascade=true"},
	"listRuns":          {kind: hidden, status: 200, query: "cloud_id={cloud_id}"},
	"createRun":         {kind: hidden, status: 400, body: `{"cloud_id":{cloud_id}}`},
	"getRun":            {kind: hidden},
	"deleteRun":         {kind: hidden},
	"listStatuses":      {kind: hidden},
	"listRunResults":    {kind: hidden},
	"getRunResult":      {kind: hidden},
	"listTests":         {kind: hidden},
	"getTest":           {kind: hidden},
	"getAttachment":     {kind: hidden},
	"getRaw":            {kind: hidden},
	"getRunFile":        {kind: hidden},
	"listFormats":       {kind: keyed},
	"downloadResult":    {kind: hidden},
	"searchTestResults": {kind: own, status: 200, more: true},

	// RefStack's later API
	"listPublishedResults":  {kind: own, status: 200, more: true},
	"publishResult":         {kind: own, status: 201, body: passesBody},
	"getPassListSchema":     {kind: keyed},
	"compareResults":        {kind: hidden, query: "to={published_id}%7C{signed_id}", private: true},
	"getPublishedResult":    {kind: hidden},
	"updatePublishedResult": {kind: hidden, body: `{"verification_status":1}`},
	"deletePublishedResult": {kind: hidden},
	"getResultMeta":         {kind: hidden},
	"getResultMetaKey":      {kind: hidden},
	"setResultMetaKey":      {kind: hidden, body: "seen", media: stream},
	"deleteResultMetaKey":   {kind: hidden},
	"getProfile":            {kind: own, status: 200},
	"listPublicKeys":        {kind: own, status: 200},
	"createPublicKey":       {kind: own, status: 409, body: keyBody},
	"deletePublicKey":       {kind: hidden, elsewhere: true},
	"createSubunit":         {kind: hidden, query: "test_id={test_id}", body: "test: a\nsuccess: a\n", media: octets},
	"getSubunit":            {kind: hidden, private: true},
	"linkSubunit":           {kind: hidden, body: "test: a\nsuccess: a\n", media: octets},
	"deleteSubunit":         {kind: hidden},
	"getSubunitAttachment":  {kind: hidden, private: true},

	// SPI
	"listProducts":        {kind: own, status: 200, query: "name=board"},
	"createProduct":       {kind: own, status: 409, body: productBody},
	"getProduct":          {kind: hidden},
	"replaceProduct":      {kind: hidden, body: productBody},
	"updateProduct":       {kind: hidden, body: `{"supersede":true}`},
	"deleteProduct":       {kind: hidden, query: "force=true"},
	"listTestSpecs":       {kind: hidden},
	"createTestSpec":      {kind: hidden, body: specBody},
	"getTestSpec":         {kind: hidden},
	"replaceTestSpec":     {kind: hidden, body: specBody},
	"updateTestSpec":      {kind: hidden, body: `{"enabled":false}`},
	"deleteTestSpec":      {kind: hidden, query: "force=true"},
	"listImages":          {kind: hidden},
	"advertiseImage":      {kind: hidden, body: imageBody},
	"listSnaps":           {kind: hidden},
	"advertiseSnap":       {kind: hidden, body: snapBody},
	"listGoldMasters":     {kind: hidden},
	"advertiseGoldMaster": {kind: hidden, body: goldMasterBody},
	"getGoldMaster":       {kind: hidden},
	"updateGoldMaster":    {kind: hidden, body: `{"released":true}`},
	"advertiseSnapToAll":  {kind: own, status: 201, body: snapBody},
	"listTestEvents":      {kind: hidden},
	"listTestResults":     {kind: hidden},
	"postTestResult":      {kind: hidden, body: `{"test_opportunity_id":"{test_opportunity_id}","test_status":"PASSED","agent_id":"{agent_id}"}`},
	"getTestResult":       {kind: hidden},
	"listResultTests":     {kind: hidden},
	"getResultTest":       {kind: hidden},
	"getResultAttachment": {kind: hidden},
	"getResultRaw":        {kind: hidden},
	"getResultFile":       {kind: hidden},
	"listOpportunities":   {kind: hidden},

	"listAllOpportunities": {kind: own, status: 200},
	"getOpportunity":       {kind: hidden},
	"updateOpportunity":    {kind: hidden, body: `{"priority":90}`},
	"releaseOpportunity":   {kind: hidden, body: `{"lease_token":"{lease}","reason":"seen"}`},
	"takeBackOpportunity":  {kind: hidden, body: `{"reason":"seen"}`},
	"cancelOpportunity":    {kind: hidden, body: `{"reason":"seen"}`},
	"retryOpportunity":     {kind: hidden},
	"getOutput":            {kind: hidden},
	"appendOutput":         {kind: hidden, query: "offset=0", body: "seen", media: octets, lease: true},
	"listAgents":           {kind: own, status: 200},
	"getAgent":             {kind: hidden},
	"registerAgent":        {kind: own, status: 200, body: agentBody},
	"updateAgent":          {kind: hidden, body: `{"mode":"draining"}`},
	"deleteAgent":          {kind: hidden},
	"takeBackFromAgent":    {kind: hidden, body: `{"reason":"seen"}`},
	"pickOpportunity":      {kind: hidden, body: `{}`},
	"sendHeartbeat":        {kind: hidden, body: `{"leases":[{"test_opportunity_id":"{test_opportunity_id}","token":"{lease}"}]}`},
	"listEvents":           {kind: hidden, status: 200, query: "product_id={product_id}"},
	"listWebhooks":         {kind: own, status: 200},
	"createWebhook":        {kind: own, status: 201, body: hookBody},
	"getWebhook":           {kind: hidden},
	"updateWebhook":        {kind: hidden, body: `{"description":"seen"}`},
	"deleteWebhook":        {kind: hidden},
	"listDeliveries":       {kind: hidden},
	"getDelivery":          {kind: hidden, nothing: true},
	"retryDelivery":        {kind: hidden, nothing: true},
	"getOrganisation":      {kind: keyed},
	"postOrganisation":     {kind: keyed},

	// KernelCI
	"listBoots":            {kind: hidden, status: 200, query: "job_id={job_id}"},
	"createBoot":           {kind: own, status: 202, body: bootBody},
	"deleteBoots":          {kind: own, query: "job=next&kernel=next-1"},
	"getBoot":              {kind: hidden},
	"deleteBoot":           {kind: hidden},
	"listBootValues":       {kind: own, status: 200},
	"listJobs":             {kind: own, status: 200},
	"createJob":            {kind: own, body: jobBody},
	"getJob":               {kind: hidden},
	"deleteJob":            {kind: hidden},
	"listJobValues":        {kind: own, status: 200},
	"listBuilds":           {kind: hidden, status: 200, query: "job_id={job_id}"},
	"createBuild":          {kind: own, status: 202, body: buildBody},
	"getBuild":             {kind: hidden},
	"deleteBuild":          {kind: hidden},
	"listBuildValues":      {kind: own, status: 200},
	"listLabs":             {kind: own, status: 200},
	"createLab":            {kind: own, body: labBody},
	"getLab":               {kind: hidden},
	"updateLab":            {kind: hidden, body: `{"private":true}`},
	"deleteLab":            {kind: hidden},
	"listTokens":           {kind: own, status: 200},
	"createToken":          {kind: own, status: 201, body: `{"email":"x{tenant}@example.org","username":"reader","get":true}`},
	"getToken":             {kind: hidden, elsewhere: true, private: true},
	"refuseToken":          {kind: keyed},
	"updateToken":          {kind: hidden, body: `{"expired":true}`, elsewhere: true},
	"deleteToken":          {kind: hidden, elsewhere: true},
	"listTestGroups":       {kind: hidden, status: 200, query: "job_id={job_id}"},
	"createTestGroup":      {kind: own, status: 201, body: groupBody},
	"getTestGroup":         {kind: hidden},
	"updateTestGroup":      {kind: hidden, body: `{"vcs_commit":"seen"}`},
	"deleteTestGroup":      {kind: hidden},
	"listTestGroupValues":  {kind: own, status: 200},
	"countTestGroupValues": {kind: own, status: 200},
	"listTestCases":        {kind: hidden, status: 200, query: "test_group_id={test_group_id}"},
	"createTestCase":       {kind: hidden, status: 400, body: `{"name":"seen","test_group_id":"{test_group_id}","status":"PASS"}`},
	"getTestCase":          {kind: hidden},
	"updateTestCase":       {kind: hidden, body: `{"status":"FAIL"}`},
	"deleteTestCase":       {kind: hidden},
	"listTestCaseValues":   {kind: own, status: 200},
	"countTestCaseValues":  {kind: own, status: 200},
	"listTestRegressions":  {kind: keyed}, "getTestRegression": {kind: keyed}, "sendReport": {kind: keyed}, "listReports": {kind: keyed}, "getReport": {kind: keyed},
	"listStatistics": {kind: keyed}, "listJobLogs": {kind: keyed}, "listBuildLogs": {kind: keyed}, "getBisection": {kind: keyed}, "listBisections": {kind: keyed}, "sendBisection": {kind: keyed}, "getServiceVersion": {kind: keyed},
	"listCounts":      {kind: own, status: 200},
	"getCount":        {kind: hidden, status: 200, query: "job_id={job_id}"},
	"runBatch":        {kind: hidden, status: 200, body: `{"batch":[{"method":"GET","operation_id":"o","resource":"count","document":"boot","query":"job_id={job_id}"}]}`},
	"uploadFiles":     {kind: own, status: 200, body: filesBody, media: "multipart/form-data; boundary=x"},
	"uploadFile":      {kind: own, body: "seen by {tenant}", media: octets},
	"getFile":         {kind: hidden},
	"receiveLavaTest": {kind: own, status: 202, query: "lab_name=lab-alder", body: lavaBody},
	"receiveLavaBoot": {kind: own, status: 202, query: "lab_name=lab-alder", body: lavaBody},

	// what changed, what is flaky, what is known
	"listComparisons":   {kind: own, status: 200},
	"getActivity":       {kind: own, status: 200, more: true},
	"compareSets":       {kind: hidden, query: "head=run:{test_id}&base=none"},
	"getTestHistory":    {kind: own, status: 200, query: "name=a", more: true},
	"listFlakyTests":    {kind: hidden, query: "cloud_id={cloud_id}"},
	"listKnownIssues":   {kind: own, status: 200, more: true},
	"createKnownIssue":  {kind: own, status: 201, body: issueBody},
	"getRunLine":        {kind: hidden, query: "cloud={cloud_id}"},
	"previewKnownIssue": {kind: own, status: 200, body: `{"match":{"name":"*"}}`},
	"getKnownIssue":     {kind: hidden},
	"updateKnownIssue":  {kind: hidden, body: `{"state":"closed"}`},
	"deleteKnownIssue":  {kind: hidden},

	// how long what is kept
	"getRetention":        {kind: own, status: 200, more: true},
	"replaceRetention":    {kind: own, status: 200, body: `{"rules":[{"class":"tests","days":900}]}`},
	"listRetentionRuns":   {kind: own, status: 200},
	"createRetentionRun":  {kind: own, status: 200, query: "dry_run=true"},
	"getRetentionRun":     {kind: hidden, nothing: true},
	"listRetentionKeeps":  {kind: own, status: 200, more: true},
	"createRetentionKeep": {kind: hidden, body: `{"set":"run:{test_id}","reason":"of {tenant}"}`},
	"getRetentionKeep":    {kind: hidden},
	"deleteRetentionKeep": {kind: hidden},

	// Drydock
	"listTasks": {kind: metal}, "createTask": {kind: metal, body: `{"action":"validate_design","design_ref":"x"}`}, "purgeTasks": {kind: metal}, "getTask": {kind: metal},
	"cancelTask": {kind: metal}, "listTaskBuildData": {kind: metal}, "listNodes": {kind: metal}, "listNodeBuildData": {kind: metal},
	"createNodeBuildData": {kind: metal, query: "generator=lshw", body: "<list/>", media: "application/xml"}, "getNodeManifest": {kind: metal},
	"filterNodes": {kind: metal, body: `{"design_ref":"x"}`}, "validateDesign": {kind: metal, body: `{"rel":"design","href":"x","type":"application/x-yaml"}`},
	"getExtendedHealth": {kind: metal}, "listDesigns": {kind: metal}, "createDesign": {kind: metal, body: "---\n", media: "application/x-yaml"},
	"getDesign": {kind: metal}, "deleteDesign": {kind: metal}, "getDesignDocuments": {kind: metal}, "listMachines": {kind: metal},
	"registerMachine": {kind: metal, body: `{"macs":["52:54:00:ce:da:08"]}`}, "getMachine": {kind: metal}, "updateMachine": {kind: metal, body: `{"hold":true}`},
	"deleteMachine": {kind: metal}, "rotateMachineKey": {kind: metal}, "getNetboot": {kind: metal},
	"getLabHealth": {kind: keyed}, "getBootFiles": {kind: keyed}, "getBootUnits": {kind: keyed}, "signalBootAction": {kind: keyed, body: `{"status":"Success"}`},
	"pollMachineWork": {kind: keyed}, "reportMachineWork": {kind: keyed, body: `{"status":"success"}`}, "getNetbootScript": {kind: keyed},
	"getSeedUserData": {kind: keyed}, "getSeedMetaData": {kind: keyed}, "getSeedVendorData": {kind: keyed}, "getSeedNetworkConfig": {kind: keyed},
	"reportSeed": {kind: keyed, body: `{"status":"success"}`}, "getIdentityVersion": {kind: keyed}, "createIdentityToken": {kind: keyed, body: `{}`},

	// tokens and the audit log
	"getWhoami":         {kind: own, status: 200},
	"listAccessTokens":  {kind: own, status: 200},
	"createAccessToken": {kind: own, status: 201, body: `{"name":"made by {tenant}","roles":["reader"]}`},
	"getAccessToken":    {kind: hidden},
	"revokeAccessToken": {kind: hidden},
	"rotateAccessToken": {kind: hidden, body: `{}`},
	"listAudit":         {kind: logged},
}

// The bodies of what worlds are made of. The tenants' objects have the same keys.
const (
	cloudBody = `{"label":"stage","endpoint":"http://198.51.100.7:5000/v2.0","admin_endpoint":"http://198.51.100.7:35357/v2.0",
		"test_user":"user of {tenant}","admin_user":"admin","extra_config":{"compute":{"image_ref":"image of {tenant}"}}}`
	passesBody     = `{"cpid":"cpid of {tenant}","duration_seconds":5,"results":[{"name":"tempest.by.{tenant}"}]}`
	keyBody        = `{"raw_key":"{raw_key}","self_signature":"{self_signature}"}`
	productBody    = `{"name":"board","release":"release of {tenant}","snaps":["test-snap.foo"]}`
	specBody       = `{"name":"smoke","test_payload":{"of":"payload of {tenant}"}}`
	imageBody      = `{"image_unique_id":"I1","extra_snaps":[],"channel":"edge","image_reference":"image of {tenant}"}`
	agentBody      = `{"platform":"armhf","silence_seconds":0}` // never silent, however slow the test is
	snapBody       = `{"name":"test-snap.foo","revision":2,"channel":"edge"}`
	goldMasterBody = `{"snaps":[{"name":"test-snap.foo","revision":1}],"channel":"stable"}`
	issueBody      = `{"title":"issue of {tenant}","match":{"name":"*"}}`
	hookBody       = `{"url":"https://ci.example.com/hooks/{tenant}","enabled":false}`
	jobBody        = `{"job":"next","kernel":"next-1","git_branch":"master","git_url":"http://git.example.org/{tenant}"}`
	buildBody      = `{"job":"next","kernel":"next-1","git_branch":"master","arch":"arm64","defconfig":"defconfig","build_environment":"gcc-8",
		"build_result":"PASS","build_log":"log-of-{tenant}.txt"}`
	bootBody = `{"version":"1.1","lab_name":"lab-alder","job":"next","kernel":"next-1","defconfig":"defconfig","defconfig_full":"defconfig","board":"juno",
		"arch":"arm64","git_branch":"master","boot_result":"PASS","boot_result_description":"boot of {tenant}"}`
	labBody   = `{"name":"lab-alder","contact":{"name":"name of {tenant}","surname":"Person","email":"x{tenant}@example.org"}}`
	groupBody = `{"name":"usb","lab_name":"lab-alder","job":"next","kernel":"next-1","git_branch":"master","arch":"x86","defconfig":"x86_64_defconfig",
		"board":"juno","boot_log":"log-of-{tenant}.txt","test_cases":[{"name":"usb-case-00","status":"PASS"}]}`
	filesBody = "--x\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\nnext/master/next-1\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"boot.log\"\r\n\r\nlog of {tenant}\r\n--x--\r\n"
	lavaBody = `{"id":370874,"status":2,"status_string":"complete","actual_device_id":"device-of-{tenant}",
		"definition":"metadata: {kernel.tree: next, kernel.version: next-1, git.branch: master, job.arch: arm64, kernel.defconfig: defconfig, device.type: meson, test.plan: baseline}",
		"results":{"lava":"- {name: login-action, result: pass}"},"log":"- {\"dt\": \"2020-11-19T07:03:25.393174\", \"lvl\": \"info\", \"msg\": \"log of {tenant}\"}"}`
)
