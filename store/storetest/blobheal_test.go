package storetest

import (
	"bytes"
	"os"
	"testing"
)

// Whoever posts a content again whose stored bytes are not what they were brings it
// back, also where their number is right.
func TestBlobs_PostedAgain(t *testing.T) {
	t.Parallel()
	eachBlobs(t, func(t *testing.T, k *kept) {
		for _, size := range []int{10_000, 9 << 20} { // of one part and of two
			content := bytes.Repeat([]byte("0123456789"), size/10)
			sha := putBlob(t, k.blobs, content)
			damaged := bytes.Clone(content)
			damaged[size/10*9] ^= 1
			if err := os.WriteFile(k.file(sha), damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			putBlob(t, k.blobs, content)
			got, err := os.ReadFile(k.file(sha))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes: what is stored has %d bytes and is not what was posted, %v", size, len(got), err)
			}
		}
	})
}
