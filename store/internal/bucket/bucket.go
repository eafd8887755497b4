package bucket

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// What can go wrong.
var (
	// ErrMissing: there is no such object, or it is shorter than was asked for.
	ErrMissing = errors.New("object is missing")

	// ErrAway: the object store cannot be reached, refuses us, or failed.
	// Trying again may help.
	ErrAway = errors.New("object store cannot be used")
)

// Options are how the store is spoken to.
type Options struct {
	// CredentialsFile is in the format of the command-line tools of AWS; empty
	// asks the environment first, then the usual file, then the machine.
	CredentialsFile string

	// CAFile holds further certificates (PEM) that the endpoint's may be signed
	// by; empty: those of the system.
	CAFile string

	// Timeout is how long one request may take: a part that is sent, a piece
	// that is read. A request that failed is tried again.
	Timeout time.Duration

	// Parts is how many parts of one upload are under way at once.
	Parts int
}

// Bucket is a bucket, or the part of it below a prefix. It is safe for
// concurrent use.
type Bucket struct {
	Address Address

	core    *minio.Core
	options Options
}

// tries is how often a request is sent. The pauses between them add up to about
// two seconds.
const tries = 5

// Open returns the bucket without asking whether it is there.
func Open(a Address, o Options) (*Bucket, error) {
	transport, err := minio.DefaultTransport(!a.Plain)
	if err != nil {
		return nil, err
	}
	transport.DialContext = (&net.Dialer{Timeout: min(o.Timeout, 10*time.Second), KeepAlive: 30 * time.Second}).DialContext
	transport.ResponseHeaderTimeout = o.Timeout
	if o.CAFile != "" {
		roots, err := roots(o.CAFile)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig.RootCAs = roots
	}
	creds, err := o.credentials()
	if err != nil {
		return nil, err
	}
	region := a.Region
	if region == "" && a.Host != amazon {
		region = "us-east-1" // what those say that have none
	}
	core, err := minio.NewCore(a.Host, &minio.Options{
		Creds: creds, Secure: !a.Plain, Region: region, BucketLookup: lookup(a), Transport: transport, MaxRetries: tries,
	})
	if err != nil {
		return nil, err
	}
	core.SetAppInfo("slipway", "1")
	return &Bucket{Address: a, core: core, options: o}, nil
}

func roots(file string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

func (o Options) credentials() (*credentials.Credentials, error) {
	if o.CredentialsFile != "" {
		if _, err := os.Stat(o.CredentialsFile); err != nil {
			return nil, err
		}
		return credentials.NewFileAWSCredentials(o.CredentialsFile, ""), nil
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.EnvMinio{},
		&credentials.FileAWSCredentials{},
		&credentials.IAM{Client: &http.Client{Timeout: 5 * time.Second}},
	}), nil
}

func lookup(a Address) minio.BucketLookupType {
	switch {
	case a.PathStyle == "":
		return minio.BucketLookupAuto
	case strings.HasPrefix(strings.ToLower(a.PathStyle), "t") || a.PathStyle == "1":
		return minio.BucketLookupPath
	}
	return minio.BucketLookupDNS
}

// deadline bounds one request with everything that is tried again.
func (b *Bucket) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, b.options.Timeout)
}

// problem says what an error of the client library means.
func problem(doing, object string, err error) error {
	if err == nil {
		return nil
	}
	kind := ErrAway
	answer := minio.ToErrorResponse(err)
	switch answer.Code {
	case minio.NoSuchKey, "NotFound", "InvalidRange":
		kind = ErrMissing
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s %s: %w", doing, object, err)
	}
	return fmt.Errorf("%s %s: %w: %v", doing, object, kind, err) //nolint:errorlint // a deadline in there is ours, not the caller's
}

// Put stores a small object.
func (b *Bucket) Put(ctx context.Context, name string, content []byte) error {
	return b.put(ctx, name, content)
}

// Size asks for the size of an object.
func (b *Bucket) Size(ctx context.Context, name string) (int64, error) {
	ctx, cancel := b.deadline(ctx)
	defer cancel()
	info, err := b.core.StatObject(ctx, b.Address.Bucket, b.Address.Key(name), minio.StatObjectOptions{})
	if err != nil {
		return 0, problem("look at", name, err)
	}
	return info.Size, nil
}

// Get reads a whole small object, of which it takes at most limit bytes.
func (b *Bucket) Get(ctx context.Context, name string, limit int64) ([]byte, error) {
	ctx, cancel := b.deadline(ctx)
	defer cancel()
	body, _, _, err := b.core.GetObject(ctx, b.Address.Bucket, b.Address.Key(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, problem("read", name, err)
	}
	defer body.Close()
	content, err := io.ReadAll(io.LimitReader(body, limit))
	return content, problem("read", name, err)
}

// ReadRange fills p with the bytes of the object from off on. It returns
// ErrMissing when the object ends before.
func (b *Bucket) ReadRange(ctx context.Context, name string, p []byte, off int64) error {
	if len(p) == 0 {
		return nil
	}
	var err error
	for try := range tries {
		if try > 0 {
			select {
			case <-time.After(50 * time.Millisecond << try):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err = b.readRange(ctx, name, p, off); !errors.Is(err, errBroken) {
			return err
		}
	}
	return err
}

// errBroken: the answer began well and its body broke off.
var errBroken = fmt.Errorf("%w: the body broke off", ErrAway)

func (b *Bucket) readRange(ctx context.Context, name string, p []byte, off int64) error {
	ctx, cancel := b.deadline(ctx)
	defer cancel()
	var opts minio.GetObjectOptions
	if err := opts.SetRange(off, off+int64(len(p))-1); err != nil {
		return err
	}
	body, info, _, err := b.core.GetObject(ctx, b.Address.Bucket, b.Address.Key(name), opts)
	if err != nil {
		return problem("read", name, err)
	}
	defer body.Close()
	if info.Size < int64(len(p)) { // the length of the answer
		return fmt.Errorf("read %s: %w: it ends at byte %d", name, ErrMissing, off+info.Size)
	}
	if n, err := io.ReadFull(body, p); err != nil {
		if errors.Is(err, context.Canceled) {
			return err
		}
		return fmt.Errorf("read %s at %d: %w: %v", name, off+int64(n), errBroken, err) //nolint:errorlint // its end is not the object's
	}
	return nil
}

// Remove removes an object; none is no error.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	ctx, cancel := b.deadline(ctx)
	defer cancel()
	err := problem("remove", name, b.core.RemoveObject(ctx, b.Address.Bucket, b.Address.Key(name), minio.RemoveObjectOptions{}))
	if errors.Is(err, ErrMissing) {
		return nil
	}
	return err
}

// Object is an object in a list.
type Object struct {
	Name     string // without the prefix
	Size     int64
	Modified time.Time
}

// List calls f with the objects whose names begin with start, at most a thousand at
// a time. An error of f ends it.
func (b *Bucket) List(ctx context.Context, start string, f func([]Object) error) error {
	const chunk = 1000
	var some []Object
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for info := range b.core.ListObjectsIter(ctx, b.Address.Bucket, minio.ListObjectsOptions{Prefix: b.Address.Key(start), Recursive: true, MaxKeys: chunk}) {
		if info.Err != nil {
			return problem("list", start, info.Err)
		}
		name := strings.TrimPrefix(info.Key, b.Address.Key(""))
		some = append(some, Object{Name: name, Size: info.Size, Modified: info.LastModified})
		if len(some) == chunk {
			if err := f(some); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	if len(some) == 0 {
		return ctx.Err()
	}
	return f(some)
}

// AbortUploads ends the uploads that began before the given time and were never
// completed, and says how many.
func (b *Bucket) AbortUploads(ctx context.Context, before time.Time) (int, error) {
	n := 0
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for up := range b.core.ListIncompleteUploads(ctx, b.Address.Bucket, b.Address.Key(""), true) {
		if up.Err != nil {
			return n, problem("list uploads", "", up.Err)
		}
		if !up.Initiated.Before(before) {
			continue
		}
		if err := b.core.AbortMultipartUpload(ctx, b.Address.Bucket, up.Key, up.UploadID); err != nil {
			return n, problem("end upload", up.Key, err)
		}
		n++
	}
	return n, nil
}
