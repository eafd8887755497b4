package refstack_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
)

func sample(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// decode reads an answer, and fails the test unless it has the status.
func decode[T any](t *testing.T, a servertest.Answer, status int) T {
	t.Helper()
	var v T
	if a.Status != status {
		t.Fatalf("status %d, want %d\n%.600s", a.Status, status, a.Body)
	}
	if len(a.Body) == 0 && status >= 200 && status < 300 {
		return v
	}
	if err := json.Unmarshal(a.Body, &v); err != nil {
		t.Fatalf("%v\n%.600s", err, a.Body)
	}
	return v
}

type published struct {
	TestID    string `json:"test_id"`
	TestRunID string `json:"test_run_id"`
	URL       string
}

type result struct {
	ID                 string
	CPID               *string
	CreatedAt          string `json:"created_at"`
	DurationSeconds    int64  `json:"duration_seconds"`
	Meta               map[string]string
	Results            []string
	UserRole           string `json:"user_role"`
	URL                string
	VerificationStatus int `json:"verification_status"`
	ProductVersion     any `json:"product_version"`
}

type page struct {
	Results    []result
	Pagination struct {
		CurrentPage int `json:"current_page"`
		TotalPages  int `json:"total_pages"`
	}
}

type problem struct {
	Code                   int
	Title, Detail, Message string
	Errors                 []struct{ Pointer, Parameter, In, Message string }
}

// post uploads a list of passed tests and returns its id.
func post(t *testing.T, s *servertest.Server, body string, options ...servertest.Option) string {
	t.Helper()
	options = append([]servertest.Option{servertest.JSON()}, options...)
	return decode[published](t, s.Do("POST", "/v1/results/", body, options...), 201).TestID
}

const onePass = `{"cpid": "abc", "duration_seconds": 25, "results": [{"name": "tempest.api.test_a"}]}`

// keys are made once: RSA keys take a while.
var keys = sync.OnceValue(func() []*rsa.PrivateKey {
	var list []*rsa.PrivateKey
	for range 2 {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		list = append(list, k)
	}
	return list
})

func sign(t testing.TB, key *rsa.PrivateKey, text string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(signature)
}

func publicLine(t testing.TB, key *rsa.PrivateKey) string {
	t.Helper()
	k, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

// signed adds the headers of an upload.
func signed(t testing.TB, key *rsa.PrivateKey, body string) servertest.Option {
	signature, line := sign(t, key, body), publicLine(t, key)
	return func(r *http.Request) {
		r.Header.Set("X-Signature", signature)
		r.Header.Set("X-Public-Key", line)
	}
}

// owner makes a token that names an owner.
func owner(t *testing.T, s *servertest.Server, name string) string {
	t.Helper()
	text := auth.NewToken(auth.PersonToken)
	row := &store.Token{Kind: "u", Name: name, Owner: name, Prefix: auth.DisplayPrefix(text), Hash: s.Auth.Hash(text), Roles: store.Strings{"runner"}}
	if err := s.Store.CreateToken(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	return text
}

// register registers a key under the owner of the token, and returns its id.
func register(t *testing.T, s *servertest.Server, token string, key *rsa.PrivateKey) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"raw_key": publicLine(t, key) + " me@example.org", "self_signature": sign(t, key, "signature")})
	if err != nil {
		t.Fatal(err)
	}
	return decode[string](t, s.Do("POST", "/v1/profile/pubkeys", string(body), servertest.JSON(), servertest.As(token)), 201)
}
