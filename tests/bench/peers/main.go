// Command pocketbase is PocketBase as it ships, for comparison. With BENCH_DURABLE in
// its environment what it acknowledges is on the disk.
package main

import (
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
)

func main() {
	connect := core.DefaultDBConnect
	if os.Getenv("BENCH_DURABLE") != "" {
		connect = durable
	}
	if err := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: connect}).Start(); err != nil {
		log.Fatal(err)
	}
}

// durable opens a database as PocketBase does, with synchronous=FULL where records are.
func durable(path string) (*dbx.DB, error) {
	if filepath.Base(path) != "data.db" { // the log of requests, which it keeps apart
		return core.DefaultDBConnect(path)
	}
	pragmas := []string{
		"busy_timeout(10000)", "journal_mode(WAL)", "journal_size_limit(200000000)", "synchronous(FULL)", "foreign_keys(ON)",
		"temp_store(MEMORY)", "cache_size(-32000)",
	}
	return dbx.Open("sqlite", path+"?_pragma="+strings.Join(pragmas, "&_pragma="))
}
