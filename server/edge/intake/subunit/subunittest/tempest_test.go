package subunittest

import (
	"bytes"
	"testing"
)

// TestWriteTempestLike holds the stream to the size that benchmarks rely on.
func TestWriteTempestLike(t *testing.T) {
	t.Parallel()
	var first, second bytes.Buffer
	if err := WriteTempestLike(&first, 2000, 4, 42); err != nil {
		t.Fatal(err)
	}
	if err := WriteTempestLike(&second, 2000, 4, 42); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same seed gives different streams")
	}
	if per := first.Len() / 2000; per < 600 || per > 850 {
		t.Errorf("%d bytes a test, want about 720", per)
	}
}
