// Package bucket speaks with an S3-compatible object store: it reads the address
// of a bucket, uploads objects in parts while they are being written, and reads
// ranges of them. What the objects are, and that a database knows them, is the
// business of package store.
package bucket

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Address is where objects lie: s3://bucket/prefix with the parameters endpoint,
// region and path-style.
type Address struct {
	Bucket string
	Prefix string // without slashes around it; may be empty

	Host   string // of the endpoint, with its port
	Plain  bool   // http instead of https
	Region string // empty: the store is asked

	// PathStyle is "true" when the bucket stands in the path, "false" when it is
	// a part of the host's name, and empty when the endpoint decides.
	PathStyle string
}

// amazon is where buckets are when the address names no endpoint.
const amazon = "s3.amazonaws.com"

// ParseAddress reads the address. Its errors name the part that is wrong and
// what is allowed there, and hold no credentials.
func ParseAddress(text string) (Address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" {
		return Address{}, errors.New("must be s3://bucket/prefix?endpoint=…&region=…&path-style=…")
	}
	if u.User != nil {
		return Address{}, errors.New("must hold no credentials: they come from the environment or a file")
	}
	if u.Host == "" || u.Fragment != "" {
		return Address{}, errors.New("must name a bucket: s3://bucket/prefix")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Address{}, errors.New("has parameters that cannot be read")
	}
	a := Address{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), Host: amazon}
	for name, values := range query {
		if err := a.set(name, values[0]); err != nil {
			return Address{}, err
		}
	}
	return a, nil
}

func (a *Address) set(name, value string) error {
	switch name {
	case "endpoint":
		scheme, host, found := strings.Cut(value, "://")
		if !found {
			scheme, host = "https", value
		}
		host = strings.TrimSuffix(host, "/")
		if scheme != "https" && scheme != "http" || host == "" || strings.ContainsAny(host, "/@?#") {
			return errors.New("endpoint must be https://host or https://host:port; http:// is without TLS")
		}
		a.Host, a.Plain = host, scheme == "http"
	case "region":
		a.Region = value
	case "path-style":
		if _, err := strconv.ParseBool(value); err != nil {
			return errors.New("path-style must be true or false")
		}
		a.PathStyle = value
	default:
		return fmt.Errorf("has no parameter %.40q: there are endpoint, region and path-style", name)
	}
	return nil
}

// String is the address again; it can be parsed.
func (a Address) String() string {
	query := url.Values{}
	if a.Host != amazon || a.Plain {
		scheme := "https://"
		if a.Plain {
			scheme = "http://"
		}
		query.Set("endpoint", scheme+a.Host)
	}
	if a.Region != "" {
		query.Set("region", a.Region)
	}
	if a.PathStyle != "" {
		query.Set("path-style", a.PathStyle)
	}
	u := url.URL{Scheme: "s3", Host: a.Bucket, Path: "/" + a.Prefix, RawQuery: query.Encode()}
	return u.String()
}

// Key is the name of an object in the bucket.
func (a Address) Key(name string) string {
	if a.Prefix == "" {
		return name
	}
	return a.Prefix + "/" + name
}
