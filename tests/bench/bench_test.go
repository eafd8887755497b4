package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 4}, 4}, {[]float64{8, 1, 4, 2}, 3}} {
		if got := median(tt.values); got != tt.want {
			t.Errorf("median(%v) = %v, want %v", tt.values, got, tt.want)
		}
	}
}

// TestDrive: what waits for a slow server waits from the time at which it was due.
func TestDrive(t *testing.T) {
	t.Parallel()
	const slow = 20 * time.Millisecond
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(slow) }))
	defer s.Close()
	v := &server{subject: &subject{}, address: strings.TrimPrefix(s.URL, "http://")}
	got, err := v.drive(context.Background(), load{conns: 1, rate: 1000, count: 10, limit: time.Minute}, func(c *conn, _ int64) error {
		_, _, err := c.ask("GET", "/", "", 200)
		return err
	})
	if err != nil || len(got.took) != 10 {
		t.Fatalf("drive: %d requests, %v; want 10", len(got.took), err)
	}
	if last := got.at(1); last < 10*milliseconds(slow)-10 {
		t.Errorf("the last one took %.1f ms, want the time of all that were before it", last)
	}
	_, err = v.drive(context.Background(), load{conns: 2, count: 10, limit: time.Minute}, func(c *conn, _ int64) error {
		_, _, err := c.ask("GET", "/", "", 204)
		return err
	})
	if err == nil {
		t.Error("drive: nil, want the error of a wrong status")
	}
}

// TestReport: ratios are those to the server of this tree.
func TestReport(t *testing.T) {
	t.Parallel()
	var r report
	for _, of := range []struct {
		subject string
		values  []float64
	}{{ourName, []float64{10, 30, 20}}, {"peer", []float64{5}}} {
		r.now("creates", of.subject)
		for _, v := range of.values {
			r.add("boot", "/s", v)
		}
	}
	var out bytes.Buffer
	r.print(&out)
	for _, want := range []string{"creates   boot    slipway  20.0    10.0   30.0  /s", "creates   boot    peer     5.00    5.00   5.00  /s    0.25"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed\n%s\nwant a line %q", out.String(), want)
		}
	}
}

// TestSearched: what is given to the peers follows our tables.
func TestSearched(t *testing.T) {
	t.Chdir("../..") // where the program is started
	db, err := sql.Open("sqlite3", filepath.Join(t.TempDir(), "bare.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	into, err := searchedBody()
	if err != nil {
		t.Fatal(err)
	}
	insert, err := into.prepare(db)
	if err != nil {
		t.Fatal(err)
	}
	defer insert.Close()
	values, err := into.values([]byte(bootBody(7)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := insert.Exec(values...); err != nil {
		t.Error(err)
	}
	for _, k := range kinds() {
		if k.table == "" {
			continue
		}
		text, err := pocketCollection(k, true)
		if err != nil {
			t.Fatal(err)
		}
		var collection struct {
			Fields  []struct{ Name string }
			Indexes []string
		}
		if err := json.Unmarshal([]byte(text), &collection); err != nil {
			t.Fatal(err)
		}
		if len(collection.Indexes) < 15 {
			t.Errorf("%s: %d indexes", k.table, len(collection.Indexes))
		}
		for _, index := range collection.Indexes {
			for _, quoted := range strings.Split(index[strings.Index(index, "("):], "`") {
				if !strings.ContainsAny(quoted, "(), ") && !slices.ContainsFunc(collection.Fields, func(f struct{ Name string }) bool { return f.Name == quoted }) {
					t.Errorf("%s: %s names %q, which is no field", k.table, index, quoted)
				}
			}
		}
	}
}
