package main

import (
	"database/sql"
	"errors"
	"flag"
	"io"
	"net/http"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3" // the database of the bare handler
)

// serveBare is what net/http and SQLite cost and nothing else: a handler that reads a
// body, sees that it is JSON and inserts it, durably. With -group those that wait at
// the same time share a transaction. No server that keeps its promise can be faster.
func serveBare(args []string) error {
	flags := flag.NewFlagSet("bare", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address")
	dir := flags.String("dir", ".", "directory of the database")
	group := flags.Bool("group", false, "share transactions")
	search := flags.Bool("searched", false, "store boots in our table with its indexes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(*dir, "bare.db")+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	into := anyBody
	if *search {
		if into, err = searchedBody(); err != nil {
			return err
		}
	}
	insert, err := into.prepare(db) //nolint:sqlclosecheck // closed below, at the end
	if err != nil {
		return err
	}
	defer insert.Close()
	put := func(values []any) error {
		_, err := insert.Exec(values...)
		return err
	}
	if *group {
		put = together(db, insert)
	}
	http.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("POST /reports", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var values []any
		if err == nil {
			values, err = into.values(body)
		}
		if err == nil {
			err = put(values)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	return http.ListenAndServe(*listen, nil) //nolint:gosec // a benchmark's, on loopback
}

// together returns an insert whose callers share transactions.
func together(db *sql.DB, insert *sql.Stmt) func(values []any) error {
	type waiting struct {
		values []any
		done   chan error
	}
	queue := make(chan waiting, 1024)
	commit := func(first waiting) {
		batch := []waiting{first}
		for len(batch) < 256 && len(queue) > 0 {
			batch = append(batch, <-queue)
		}
		tx, err := db.Begin()
		if err == nil {
			all := tx.Stmt(insert) //nolint:sqlclosecheck // ends with the transaction
			for _, w := range batch {
				if _, e := all.Exec(w.values...); e != nil {
					err = e
				}
			}
			err = errors.Join(err, tx.Commit())
		}
		for _, w := range batch {
			w.done <- err
		}
	}
	go func() {
		for w := range queue {
			commit(w)
		}
	}()
	return func(values []any) error {
		w := waiting{values, make(chan error, 1)}
		queue <- w
		return <-w.done
	}
}
