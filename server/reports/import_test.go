package reports

import (
	"slices"
	"strings"
	"testing"
)

// What mongoexport writes of kernelci-backend's collection api-token, in its
// relaxed and its canonical form, and what GET /token answers there. The texts
// are made up.
const (
	relaxedToken = `{"_id":{"$oid":"53b1c3d4e7798b0001a0f0aa"},"created_on":{"$date":"2014-06-30T20:11:00.123Z"},"expired":false,"expires_on":null,` +
		`"token":"0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e","username":"lab-x","email":"lab-x@example.org","ip_address":["192.0.2.7"],` +
		`"properties":[0,0,0,1,1,1,0,1,0,0,0,0,0,0,0,0],"version":"1.0"}`
	canonicalToken = `{"_id":{"$oid":"53b1c3d4e7798b0001a0f0ab"},"expired":false,"expires_on":{"$date":{"$numberLong":"4102444800000"}},` +
		`"token":"7b2e0d1c-0a9b-4c8d-8e7f-6a5b4c3d2e1f","email":"ann@example.org","properties":[{"$numberInt":"1"},{"$numberInt":"1"},` +
		`{"$numberInt":"1"},{"$numberInt":"1"},{"$numberInt":"1"},{"$numberInt":"0"},{"$numberInt":"1"},{"$numberInt":"0"},{"$numberInt":"1"},` +
		`{"$numberInt":"0"},{"$numberInt":"0"},{"$numberInt":"0"},{"$numberInt":"0"},{"$numberInt":"0"},{"$numberInt":"0"},{"$numberInt":"0"}]}`
	expiredToken = `{"expired":true,"token":"11111111-2222-4333-8444-555555555555","email":"x@example.org","properties":[0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0]}`
)

func TestReadTokens(t *testing.T) {
	t.Parallel()

	for name, file := range map[string]string{
		"documents":       relaxedToken + "\n" + expiredToken + "\n" + canonicalToken + "\n",
		"a list":          "[" + relaxedToken + "," + canonicalToken + "," + expiredToken + "]",
		"the API's":       `{"code":200,"count":3,"result":[` + relaxedToken + "," + canonicalToken + "," + expiredToken + "]}",
		"nothing":         "",
		"an empty list":   "[]",
		"an empty answer": `{"code":200,"result":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			all, err := ReadTokens(strings.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			if len(file) < 50 {
				if len(all) != 0 {
					t.Errorf("%d tokens in %q", len(all), file)
				}
				return
			}
			if len(all) != 2 {
				t.Fatalf("%d tokens, want 2", len(all))
			}
			lab, admin := all[0].Token, all[1].Token
			if all[0].Text != "0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e" || lab.Name != "lab-x" || !slices.Equal(lab.Roles, []string{"lab"}) ||
				!slices.Equal(lab.Flags, []string{"kernelci", "post", "delete", "lab"}) || !slices.Equal(lab.AllowFrom, []string{"192.0.2.7/32"}) || lab.ExpiresAt != nil {
				t.Errorf("the lab's token: %+v", lab)
			}
			if !slices.Equal(admin.Roles, []string{"admin"}) || admin.Owner != "ann@example.org" || admin.ExpiresAt == nil || admin.ExpiresAt.Year() != 2100 {
				t.Errorf("the administrator's token: %+v", admin)
			}
		})
	}
}

// TestReadTokens_Addresses: the original stores addresses of IPv4 as such of IPv6
// (convert_ip_address in app/models/token.py), and keeps them when a restriction is lifted.
func TestReadTokens_Addresses(t *testing.T) {
	t.Parallel()

	stored := `["::192.0.2.7","::198.51.100.0/120","::ffff:203.0.113.9","2001:db8::/32","::1"]`
	for name, tt := range map[string]struct {
		properties string
		want       []string
	}{
		"restricted": {"[0,0,0,1,1,1,0,1,", []string{"192.0.2.7/32", "198.51.100.0/24", "203.0.113.9/32", "2001:db8::/32", "::1/128"}},
		"lifted":     {"[0,0,0,1,1,0,0,1,", nil},
	} {
		file := `{"token":"0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e","email":"a","ip_address":` + stored + `,"properties":` + tt.properties + `0,0,0,0,0,0,0,0]}`
		all, err := ReadTokens(strings.NewReader(file))
		if err != nil || len(all) != 1 || !slices.Equal(all[0].Token.AllowFrom, tt.want) {
			t.Errorf("%s: %+v, error %v, want addresses %v", name, all, err, tt.want)
		}
	}
}

func TestReadTokens_Refused(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct{ file, says string }{
		"no JSON":               {"token,email\n", "after token 0: not JSON"},
		"cut":                   {relaxedToken[:100], "after token 0: not JSON"},
		"a guessable text":      {relaxedToken + strings.Replace(expiredToken, "11111111-2222-4333-8444-555555555555", "secret", 1), "token 2: its text must be a UUID"},
		"a UUID of version 1":   {strings.Replace(relaxedToken, "-4f0b-", "-1f0b-", 1), "token 1: its text must be a UUID"},
		"no properties":         {`{"token":"0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e"}`, "token 1: its properties must be 16 numbers"},
		"a property of 2":       {strings.Replace(relaxedToken, "[0,0,", "[2,0,", 1), "token 1: must be 0 or 1"},
		"an address that isn't": {strings.Replace(relaxedToken, "192.0.2.7", "everywhere", 1), "token 1: its ip_address"},
		"restricted to nothing": {strings.Replace(relaxedToken, `["192.0.2.7"]`, "null", 1), "contradict"},
		"a number":              {"7", "must be a document"},
		"a wrong type":          {strings.Replace(relaxedToken, `"lab-x@example.org"`, "7", 1), "token 1: its email is no string"},
		"a wrong time":          {strings.Replace(relaxedToken, `"expires_on":null`, `"expires_on":"soon"`, 1), "token 1: a time must be like"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, err := ReadTokens(strings.NewReader(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("ReadTokens: %v, want %q", err, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "0d9f6a52") {
				t.Errorf("the message holds a token: %v", err)
			}
		})
	}
}

func FuzzReadTokens(f *testing.F) {
	for _, seed := range []string{relaxedToken, canonicalToken, "[" + expiredToken + "]", `{"result":[` + relaxedToken + `]}`, "", "{}", "[[]]", `{"$date":1}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		all, err := ReadTokens(strings.NewReader(file))
		for _, one := range all {
			if err == nil && (one.Token == nil || len(one.Text) != 36 || one.Token.Kind == "") {
				t.Errorf("token %+v of %q", one, file)
			}
		}
	})
}
