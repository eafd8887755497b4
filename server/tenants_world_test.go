package server_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

// world is a tenant with an object of every kind, made over HTTP. The empty tenant is
// none.
type world struct {
	t      testing.TB
	s      *servertest.Server
	tenant string
	as     servertest.Option // an administrator
	look   servertest.Option // a reader, who sees no more than the tenant does

	// names are the ids and texts that tell of the world, by the parameters of the
	// document; one with an operation before it is that operation's alone.
	names map[string]string
}

func newWorld(t *testing.T, s *servertest.Server, tenant string) *world {
	t.Helper()
	w := &world{t: t, s: s, tenant: tenant, names: map[string]string{"tenant": tenant}}
	w.as, w.look = servertest.As(s.TokenOf(tenant, auth.Admin)), servertest.As(s.TokenOf(tenant, auth.Reader))
	w.makeRuns()
	w.makePublished()
	w.makeProduct()
	w.makeOpportunities()
	w.makeReports()
	token := w.post("createAccessToken", 201)
	w.names["token_id"] = find(token, "access_token", "id")
	w.names["keep_id"] = find(w.post("createRetentionKeep", 201), "id")
	w.names["issue_id"] = find(w.post("createKnownIssue", 201), "id")
	return w
}

// sharedKey signs for every tenant.
var sharedKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func sign(text string) string {
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, sharedKey(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(signature)
}

func publicLine() string {
	public, err := ssh.NewPublicKey(&sharedKey().PublicKey)
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))
}

// fixed are the parameters that name no object of a world, and what all worlds share.
var fixed = sync.OnceValue(func() map[string]string {
	const hex24, id = "0123456789abcdef01234567", "6b1f8a52-3c94-4d0e-8f27-9a5de0c47b13"
	return map[string]string{
		"raw_key": publicLine(), "self_signature": sign("signature"),
		"key": "shared", "field_name": "job", "collection": "boot", "rest": "x", "delivery_id": id, "run_id": id, "action_id": "01JD3Z7Q8M4T0K9V6X2C5B1N7A",
		"hostname": "n1", "design": id, "task_id": id, "machine_id": "01JD3Z7Q8M4T0K9V6X2C5B1N7A", "boot_key": strings.Repeat("0", 64), "seed_key": strings.Repeat("0", 64),
		"mac": "52:54:00:ce:da:08", "report_id": hex24, "regression_id": hex24, "document_id": hex24, "refuseToken.token": hex24,
		"registerAgent.agent_id": "a1", "uploadFile.file_path": "next/shared/boot.log",
		"listTestGroupValues.field_name": "name", "countTestGroupValues.field_name": "name", "listTestCaseValues.field_name": "name", "countTestCaseValues.field_name": "name",
	}
})

var placeholder = regexp.MustCompile(`\{([a-z_]+)\}`)

// fill puts the world's names into a text in the place of {name}.
func (w *world) fill(op, text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		name := m[1 : len(m)-1]
		for _, from := range []map[string]string{w.names, fixed()} {
			for _, key := range []string{op + "." + name, name} {
				if value, ok := from[key]; ok {
					return value
				}
			}
		}
		w.t.Fatalf("%s: there is no %s in the world %q", op, m, w.tenant)
		return ""
	})
}

// placeInside are names of places in an object of the world.
var placeInside = map[string]bool{
	"k": true, "getTest.n": true, "getAttachment.n": true, "getRunFile.n": true, "getSubunitAttachment.test_run_id": true,
	"getResultTest.n": true, "getResultAttachment.n": true, "getResultFile.n": true,
}

// otherID is an id of the same kind.
func otherID(id string) string {
	if len(id) < 6 {
		return "98765432" + id // a number
	}
	other := strings.Map(func(r rune) rune {
		if r >= '1' && r <= '8' {
			return '0' + '9' - r
		}
		return r
	}, id)
	if other == id {
		other += "x"
	}
	return other
}

// nobody is the world with ids that nobody has.
func (w *world) nobody() *world {
	of := *w
	of.names = maps.Clone(w.names)
	for name, value := range w.names {
		if name != "tenant" && !placeInside[name] {
			of.names[name] = otherID(value)
		}
	}
	return &of
}

// post creates something by an operation, and returns the answer.
func (w *world) post(op string, want int, options ...servertest.Option) any {
	w.t.Helper()
	for _, o := range operations(w.t) {
		if o.id != op {
			continue
		}
		a := o.call(w, append(options, w.as)...)
		if a.Status != want {
			w.t.Fatalf("%s for %q: %d %.600s, want %d", op, w.tenant, a.Status, a.Body, want)
		}
		return w.json(a)
	}
	w.t.Fatalf("there is no operation %s", op)
	return nil
}

func (w *world) json(a servertest.Answer) any {
	var v any
	if len(a.Body) > 0 && json.Unmarshal(a.Body, &v) != nil {
		w.t.Fatalf("no JSON: %.300s", a.Body)
	}
	return v
}

// do sends a request and returns the answer.
func (w *world) do(method, path, body string, want int, options ...servertest.Option) any {
	w.t.Helper()
	options = append([]servertest.Option{w.as, servertest.JSON()}, options...)
	a := w.s.Do(method, path, w.fill("", body), options...)
	if a.Status != want {
		w.t.Fatalf("%s %s for %q: %d %.600s, want %d", method, path, w.tenant, a.Status, a.Body, want)
	}
	return w.json(a)
}

// find walks into an answer: the members of objects, the first of lists.
func find(v any, path ...string) string {
	for _, name := range path {
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		object, _ := v.(map[string]any)
		v = object[name]
	}
	if n, ok := v.(float64); ok {
		return fmt.Sprint(int64(n))
	}
	s, _ := v.(string)
	return s
}

// subunit is a stream with a test that passed and one that failed and says why.
const subunit = "test: pkg.of.{tenant}\nsuccess: pkg.of.{tenant}\n" +
	"test: pkg.fails\nfailure: pkg.fails [ multipart\nContent-Type: text/plain\ntraceback of {tenant}\n5\r\nhello0\r\n]\n"

func (w *world) makeRuns() {
	w.t.Helper()
	w.names["cloud_id"] = find(w.post("createCloud", 201), "id")
	w.names["test_id"] = find(w.post("createRun", 201), "test_id")
	run := w.names["test_id"]
	w.do("POST", "/v1/update-test-status?test_id="+run, "status=status+of+{tenant}", 201, servertest.With("Content-Type", form))
	w.names["result_id"] = find(w.do("POST", "/v1/post-result?test_id="+run, subunit, 201, servertest.With("Content-Type", stream)), "result_id")
	w.names["getTest.n"], w.names["getAttachment.n"], w.names["getRunFile.n"], w.names["k"] = "1", "1", "0", "0"
}

func (w *world) makePublished() {
	w.t.Helper()
	a := w.s.Do("POST", "/v1/profile/pubkeys", w.fill("", keyBody), w.as, servertest.JSON())
	if a.Status != 201 || json.Unmarshal(a.Body, new(string)) != nil {
		w.t.Fatalf("a key: %d %s", a.Status, a.Body)
	}
	w.names["key_id"] = strings.Trim(string(a.Body), `"`)
	w.names["published_id"] = find(w.post("publishResult", 201), "test_id")
	shared := w.names["published_id"]
	w.do("POST", "/v1/results/"+shared+"/meta/shared", "note of {tenant}", 201)
	private := w.fill("", passesBody) + " "
	signed := w.do("POST", "/v1/results", private, 201, servertest.With("X-Signature", sign(private)), servertest.With("X-Public-Key", publicLine()))
	w.names["signed_id"] = find(signed, "test_id")
	made := w.do("POST", "/v1/subunit?cpid=cpid-of-stream", subunit, 201, servertest.With("Content-Type", octets))
	w.names["subunit_id"] = find(made, "subunit-uuid")
	w.names["linkSubunit.subunit_id"] = shared
	w.names["getSubunitAttachment.test_run_id"] = "2"
}

func (w *world) makeProduct() {
	w.t.Helper()
	w.names["product_id"] = find(w.post("createProduct", 201), "id")
	w.names["spec_id"] = find(w.post("createTestSpec", 201), "id")
	product := "/v1/products/" + w.names["product_id"]
	w.post("advertiseGoldMaster", 201)
	w.names["gold_master_id"] = find(w.do("GET", product+"/gold-masters", "", 200), "gold_masters", "id")
	w.names["webhook_id"] = find(w.post("createWebhook", 201), "id")
	w.names["agent_id"] = "only of " + w.tenant
	w.do("PUT", "/v1/agents/only%20of%20"+w.tenant, agentBody, 201)
	w.do("PUT", "/v1/agents/a1", agentBody, 201)
}

// makeOpportunities makes one that was run, with output and a result that has a file,
// one that an agent holds, and one that waits.
func (w *world) makeOpportunities() {
	w.t.Helper()
	product := "/v1/products/" + w.names["product_id"]
	w.post("advertiseImage", 201)
	o := w.do("POST", "/v1/agents/a1/pick", "{}", 200)
	done, lease := find(o, "test_opportunity_id"), servertest.With("Lease-Token", find(o, "lease", "token"))
	w.do("POST", product+"/tests/opportunities/"+done+"/output?offset=0", "output of {tenant}", 200, lease, servertest.With("Content-Type", octets))
	result := "--x\r\nContent-Disposition: form-data; name=\"result\"\r\n\r\n" +
		`{"test_opportunity_id":"` + done + `","test_status":"FAILED","agent_id":"a1","result_payload":"payload of {tenant}"}` +
		"\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"out.subunit\"\r\n\r\n" + subunit +
		"\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"notes.txt\"\r\n\r\nnotes of {tenant}\r\n--x--\r\n"
	w.names["getTestResult.result_id"] = find(w.do("POST", product+"/tests/results", result, 201, servertest.With("Content-Type", "multipart/form-data; boundary=x")), "id")
	for _, op := range []string{"listResultTests", "getResultTest", "getResultAttachment", "getResultRaw", "getResultFile"} {
		w.names[op+".result_id"] = w.names["getTestResult.result_id"]
		w.names[op+".n"] = "1"
	}
	w.names["getResultFile.n"] = "0"
	w.names["getOutput.test_opportunity_id"] = done
	w.do("POST", product+"/images", `{"image_unique_id":"I2","extra_snaps":[],"channel":"edge","image_reference":"x"}`, 201)
	held := w.do("POST", "/v1/agents/a1/pick", "{}", 200)
	w.names["test_opportunity_id"], w.names["lease"] = find(held, "test_opportunity_id"), find(held, "lease", "token")
	w.post("advertiseSnap", 201)
}

func (w *world) makeReports() {
	w.t.Helper()
	for _, made := range []struct {
		op, list, name string
		status         int
	}{
		{"createLab", "/v1/lab", "lab_id", 201},
		{"createJob", "/v1/job", "job_id", 202},
		{"createBuild", "/v1/build", "build_id", 202},
		{"createBoot", "/v1/boot", "boot_id", 202},
		{"createTestGroup", "/v1/test/group", "test_group_id", 201},
	} {
		w.post(made.op, made.status)
		w.names[made.name] = find(w.do("GET", made.list, "", 200, w.look), "result", "_id", "$oid")
	}
	w.names["test_case_id"] = find(w.do("GET", "/v1/test/case", "", 200, w.look), "result", "_id", "$oid")
	w.names["getToken.token"] = find(w.post("createToken", 201), "result", "token")
	list, _ := w.do("GET", "/v1/token", "", 200).(map[string]any)["result"].([]any)
	for _, row := range list {
		if find(row, "email") == w.fill("", "x{tenant}@example.org") && find(row, "username") == "reader" {
			w.names["token"] = find(row, "_id", "$oid")
		}
	}
	w.names["file_path"] = "next/of-" + w.tenant + "/boot.log"
	for _, path := range []string{w.names["file_path"], "next/shared/boot.log"} {
		w.do("PUT", "/v1/upload/"+path, "log of {tenant}", 201, servertest.With("Content-Type", octets))
	}
}
