package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest/objectstore"
)

// BenchmarkObjectUpload compares an upload to an object store with a bare put of the
// same bytes by the same client library to the same server, in turns, and prints the
// ratio of the medians. An upload does not know its size before, and counts a hash.
func BenchmarkObjectUpload(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"64kB", 64 << 10}, {"88MB", 88 << 20}} {
		for _, cache := range []struct {
			name  string
			bytes int64
		}{{"no-cache", 0}, {"cache", 1 << 30}} {
			b.Run(size.name+"/"+cache.name, func(b *testing.B) { benchUpload(b, size.bytes, cache.bytes) })
		}
	}
}

func benchUpload(b *testing.B, size int, cache int64) {
	objects := objectstore.Start(b)
	s := Open(b, store.Config{DataDir: b.TempDir(), Blobs: objects.URL("bench"), BlobCredentials: objects.Credentials, BlobCacheBytes: cache})
	client, err := minio.New(objects.Endpoint()[len("http://"):], &minio.Options{
		Creds: credentials.NewStaticV4(objectstore.AccessKey, objectstore.SecretKey, ""), Region: "us-east-1",
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	content := make([]byte, size)
	_, _ = rand.Read(content)
	var ours, bare []time.Duration
	b.SetBytes(int64(size))
	for b.Loop() {
		content[0], content[1], content[2] = content[0]+1, byte(len(ours)), byte(len(ours)>>8)
		begin := time.Now()
		w, err := s.Blobs.Create(ctx)
		if err != nil {
			b.Fatal(err)
		}
		for rest := content; len(rest) > 0; { // as a body comes
			n := min(len(rest), 32<<10)
			if _, err := w.Write(rest[:n]); err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
		sha, _, err := w.Commit()
		if err != nil {
			b.Fatal(err)
		}
		ours = append(ours, time.Since(begin))
		begin = time.Now()
		if _, err := client.PutObject(ctx, objectstore.Bucket, "bare", bytes.NewReader(content), int64(size), minio.PutObjectOptions{}); err != nil {
			b.Fatal(err)
		}
		bare = append(bare, time.Since(begin))
		if err := s.Blobs.Remove(ctx, sha); err != nil { // the disk is not what is measured
			b.Fatal(err)
		}
	}
	slices.Sort(ours)
	slices.Sort(bare)
	b.ReportMetric(float64(ours[len(ours)/2].Microseconds()), "upload-µs")
	b.ReportMetric(float64(bare[len(bare)/2].Microseconds()), "bare-µs")
	b.ReportMetric(float64(bare[len(bare)/2])/float64(ours[len(ours)/2]), "of-bare")
}
