package main

import (
	"database/sql"
	"encoding/json"
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
	if err := flags.Parse(args); err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(*dir, "bare.db")+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS reports (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"); err != nil {
		return err
	}
	insert, err := db.Prepare("INSERT INTO reports (body) VALUES (?)") //nolint:sqlclosecheck // closed below, at the end
	if err != nil {
		return err
	}
	defer insert.Close()
	put := func(body []byte) error {
		_, err := insert.Exec(string(body))
		return err
	}
	if *group {
		put = together(db, insert)
	}
	http.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("POST /reports", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && !json.Valid(body) {
			err = errors.New("no JSON")
		}
		if err == nil {
			err = put(body)
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
func together(db *sql.DB, insert *sql.Stmt) func(body []byte) error {
	type waiting struct {
		body []byte
		done chan error
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
				if _, e := all.Exec(string(w.body)); e != nil {
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
	return func(body []byte) error {
		w := waiting{body, make(chan error, 1)}
		queue <- w
		return <-w.done
	}
}
