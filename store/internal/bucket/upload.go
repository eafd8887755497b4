package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"sync"

	"github.com/minio/minio-go/v7"
)

// PartSize is how much of an upload is collected before it is sent. The parts of
// all stores may be as small as 5 MiB; 10 000 of them make 80 GiB, after which
// parts grow (see partSize).
const PartSize = 8 << 20

// Upload is an object that is being written. What is written is sent in parts
// meanwhile, so that it needs memory for Options.Parts and one, and no more. An
// object that ends within its first part is sent with one request, by Finish.
//
// It is not safe for concurrent use.
type Upload struct {
	bucket *Bucket
	ctx    context.Context
	cancel context.CancelFunc
	name   string

	size   int64
	buffer *bytes.Buffer // the part that is being filled
	id     string        // of the multipart upload; empty before the first part is sent
	number int           // of the last part

	slots   chan struct{}
	sending sync.WaitGroup

	mu   sync.Mutex
	done []minio.CompletePart // at number-1
	err  error
}

// Upload begins an object. ctx ends it; Finish or Abort must be called.
func (b *Bucket) Upload(ctx context.Context, name string) *Upload {
	ctx, cancel := context.WithCancel(ctx)
	return &Upload{bucket: b, ctx: ctx, cancel: cancel, name: name, buffer: &bytes.Buffer{}, slots: make(chan struct{}, max(1, b.options.Parts))}
}

// full keeps the memory of parts that were sent for those that come.
var full = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, PartSize)) }}

// partSize is the size of a part: 10 000 parts is the most that S3 takes (the
// limits of multipart uploads in its user guide), and an object may have 5 TiB.
func partSize(number int) int {
	return PartSize << min(number/1024, 8)
}

// Write implements io.Writer. It waits while as many parts are under way as may be.
func (u *Upload) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), partSize(u.number)-u.buffer.Len())
		u.grow(n)
		u.buffer.Write(p[:n]) // never fails
		p, written, u.size = p[n:], written+n, u.size+int64(n)
		if u.buffer.Len() == partSize(u.number) {
			if err := u.send(); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

// grow moves a part that is no longer small into memory for a whole one.
func (u *Upload) grow(n int) {
	const small = 1 << 20
	if have := u.buffer.Len(); have < small && have+n >= small || u.buffer.Cap() == 0 && u.number > 0 {
		b := full.Get().(*bytes.Buffer) // nothing else is in there
		b.Reset()
		b.Write(u.buffer.Bytes())
		u.buffer = b
	}
}

// Whole is what was written, when it is still in memory: it fits one part. Nothing
// of it was sent.
func (u *Upload) Whole() ([]byte, bool) { return u.buffer.Bytes(), u.id == "" }

// Size is how many bytes were written.
func (u *Upload) Size() int64 { return u.size }

// send hands the part over to a goroutine.
func (u *Upload) send() error {
	if err := u.failed(); err != nil {
		return err
	}
	if u.id == "" {
		if err := u.begin(); err != nil {
			return err
		}
	}
	select {
	case u.slots <- struct{}{}:
	case <-u.ctx.Done():
		return u.ctx.Err()
	}
	u.number++
	part, number := u.buffer, u.number
	u.buffer = &bytes.Buffer{}
	u.mu.Lock()
	u.done = append(u.done, minio.CompletePart{})
	u.mu.Unlock()
	u.sending.Go(func() {
		done, err := u.sendPart(number, part.Bytes())
		u.mu.Lock()
		u.done[number-1], u.err = done, errors.Join(u.err, err)
		u.mu.Unlock()
		if part.Cap() == PartSize {
			full.Put(part)
		}
		<-u.slots
	})
	return nil
}

func (u *Upload) failed() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

func (u *Upload) begin() error {
	ctx, cancel := u.bucket.deadline(u.ctx)
	defer cancel()
	id, err := u.bucket.core.NewMultipartUpload(ctx, u.bucket.Address.Bucket, u.key(), minio.PutObjectOptions{
		ContentType: contentType, UserMetadata: map[string]string{"x-amz-checksum-algorithm": minio.ChecksumCRC32C.String()},
	})
	u.id = id
	return problem("begin", u.name, err)
}

const contentType = "application/octet-stream"

func (u *Upload) key() string { return u.bucket.Address.Key(u.name) }

func (u *Upload) sendPart(number int, part []byte) (minio.CompletePart, error) {
	ctx, cancel := u.bucket.deadline(u.ctx)
	defer cancel()
	sum := checksum(part)
	opts := minio.PutObjectPartOptions{CustomHeader: map[string][]string{}, DisableContentSha256: true, Sha256Hex: u.bucket.signature(part)}
	opts.CustomHeader.Set(minio.ChecksumCRC32C.Key(), sum)
	sent, err := u.bucket.core.PutObjectPart(ctx, u.bucket.Address.Bucket, u.key(), u.id, number, bytes.NewReader(part), int64(len(part)), opts)
	if err != nil {
		return minio.CompletePart{}, problem("write", u.name, err)
	}
	done := minio.CompletePart{PartNumber: number, ETag: sent.ETag, ChecksumCRC32C: sent.ChecksumCRC32C}
	return done, nil
}

// signature is the hash of a body that is part of the request's signature. TLS
// needs none.
func (b *Bucket) signature(body []byte) string {
	if !b.Address.Plain {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// castagnoli is the polynomial of the checksum that every processor counts fast.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is what the store is to compare with, and keeps where it offers that.
func checksum(p []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.Checksum(p, castagnoli)))
}

// Finish makes the object: when it returns nil, all of it is in the store.
func (u *Upload) Finish() error {
	defer u.cancel()
	if whole, ok := u.Whole(); ok {
		return u.bucket.put(u.ctx, u.name, whole)
	}
	if u.buffer.Len() > 0 {
		if err := u.send(); err != nil {
			return errors.Join(err, u.Abort())
		}
	}
	u.sending.Wait()
	if err := u.failed(); err != nil {
		return errors.Join(err, u.Abort())
	}
	if err := u.complete(); err != nil {
		return errors.Join(err, u.Abort())
	}
	u.id = ""
	return nil
}

// complete may have succeeded although it failed: the store made the object, and
// its answer was lost.
func (u *Upload) complete() error {
	ctx, cancel := u.bucket.deadline(u.ctx)
	defer cancel()
	_, err := u.bucket.core.CompleteMultipartUpload(ctx, u.bucket.Address.Bucket, u.key(), u.id, u.done, minio.PutObjectOptions{})
	if err == nil {
		return nil
	}
	if size, lookErr := u.bucket.Size(u.ctx, u.name); lookErr == nil && size == u.size {
		return nil
	}
	return problem("finish", u.name, err)
}

// Abort ends an upload that is not finished. What it cannot tell the store any
// more, AbortUploads finds. After Finish it does nothing.
func (u *Upload) Abort() error {
	u.cancel()
	u.sending.Wait()
	u.buffer = &bytes.Buffer{}
	if u.id == "" {
		return nil
	}
	ctx, cancel := u.bucket.deadline(context.WithoutCancel(u.ctx))
	defer cancel()
	err := u.bucket.core.AbortMultipartUpload(ctx, u.bucket.Address.Bucket, u.key(), u.id)
	u.id = ""
	return problem("end upload", u.name, err)
}

// put stores an object with one request, which is sent again when it fails.
func (b *Bucket) put(ctx context.Context, name string, content []byte) error {
	ctx, cancel := b.deadline(ctx)
	defer cancel()
	opts := minio.PutObjectOptions{
		ContentType: contentType, DisableContentSha256: true,
		UserMetadata: map[string]string{minio.ChecksumCRC32C.Key(): checksum(content)},
	}
	_, err := b.core.PutObject(ctx, b.Address.Bucket, b.Address.Key(name), bytes.NewReader(content), int64(len(content)), "", b.signature(content), opts)
	return problem("write", name, err)
}
