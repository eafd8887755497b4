package call

import (
	"net/http/httptest"
	"testing"
)

func TestAnswer_Paged(t *testing.T) {
	t.Parallel()

	ctx := With(t.Context(), &Info{Path: "/v1/runs", Query: "limit=2&cursor=a&page=3", Origin: Origin{Prefix: "/slipway"}})
	for _, tt := range []struct {
		name, next string
		answer     *Answer
		want, link string
	}{
		{"more", "b", OK(map[string]any{"runs": []int{1}}), `{"runs":[1],"next":"b"}` + "\n", `</slipway/v1/runs?after=b&limit=2>; rel="next"`},
		{"the last page", "", OK(map[string]any{"runs": []int{}}), `{"runs":[],"next":null}` + "\n", ""},
		{"an object without members", "", OK(struct{}{}), `{"next":null}` + "\n", ""},
		{"a text", `"`, Text(200, "application/json", []byte("{\"a\": 1}\n")), `{"a": 1,"next":"\""}` + "\n", `</slipway/v1/runs?after=%22&limit=2>; rel="next"`},
		{"an array", "b", OK([]int{1}), "[1]\n", `</slipway/v1/runs?after=b&limit=2>; rel="next"`},
		{"with a link of its own", "b", OK(struct{}{}).With("Link", "</2>"), `{"next":"b"}` + "\n", "</2>"},
	} {
		rec := httptest.NewRecorder()
		if err := tt.answer.Paged(ctx, tt.next).WriteResponse(rec); err != nil {
			t.Fatal(err)
		}
		if got := rec.Body.String(); got != tt.want || rec.Header().Get("Link") != tt.link {
			t.Errorf("%s: %q, Link %q; want %q, %q", tt.name, got, rec.Header().Get("Link"), tt.want, tt.link)
		}
	}
}
