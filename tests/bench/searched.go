package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The peers whose name ends in this have an index wherever our tables have one: what can
// be searched costs more to write, whoever writes it. Those without it search nothing.
// The second ending is for PocketBase when it, too, has on the disk what it acknowledges.
const (
	searched = "-searched"
	durable  = "-durable"
)

// reportsFile makes our tables of boots, test groups and jobs with their indexes.
const reportsFile = "store/migrations/sqlite/00050_reports.sql"

// schemaOf returns the statements that make one of our tables and its indexes.
func schemaOf(table string) (string, error) {
	text, err := os.ReadFile(reportsFile)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for statement := range strings.SplitAfterSeq(string(text), ";\n") {
		if strings.Contains(statement, "CREATE TABLE "+table+" (") || strings.Contains(statement, " ON "+table+" (") {
			b.WriteString(statement)
		}
	}
	if b.Len() == 0 {
		return "", fmt.Errorf("%s makes no %s", reportsFile, table)
	}
	return b.String(), nil
}

// insertion stores a body: in one table, by one statement, with the values that values finds.
type insertion struct {
	schema, insert string
	values         func(body []byte) ([]any, error)
}

// anyBody stores a body of JSON as it is.
var anyBody = insertion{
	schema: "CREATE TABLE reports (id INTEGER PRIMARY KEY, body TEXT NOT NULL)",
	insert: "INSERT INTO reports (body) VALUES (?)",
	values: func(body []byte) ([]any, error) {
		if !json.Valid(body) {
			return nil, errors.New("no JSON")
		}
		return []any{string(body)}, nil
	},
}

// searchedBody stores a boot in our table with its indexes, and does nothing else that we do.
func searchedBody() (insertion, error) {
	schema, err := schemaOf("kernel_boots")
	if err != nil {
		return insertion{}, err
	}
	return insertion{
		schema: schema,
		insert: `INSERT INTO kernel_boots (tenant, identity, "_id", created_on, lab_name, job, kernel, git_branch, defconfig, defconfig_full,` +
			` arch, board, status, "time", name, rest) VALUES ('', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		values: func(body []byte) ([]any, error) {
			var boot struct {
				Lab       string `json:"lab_name"`
				Job       string `json:"job"`
				Kernel    string `json:"kernel"`
				Branch    string `json:"git_branch"`
				Defconfig string `json:"defconfig"`
				Arch      string `json:"arch"`
				Board     string `json:"board"`
				Result    string `json:"boot_result"`
				Time      int64  `json:"boot_time"`
			}
			if err := json.Unmarshal(body, &boot); err != nil {
				return nil, err
			}
			id := uuid.New()
			name := strings.Join([]string{boot.Board, boot.Job, boot.Kernel, boot.Defconfig, boot.Arch}, "-")
			return []any{
				id[:], id.String(), time.Now().UnixMicro(), boot.Lab, boot.Job, boot.Kernel, boot.Branch, boot.Defconfig, boot.Defconfig,
				boot.Arch, boot.Board, boot.Result, boot.Time, name, string(body),
			}, nil
		},
	}, nil
}

// prepare makes the table and its statement.
func (i insertion) prepare(db *sql.DB) (*sql.Stmt, error) {
	if _, err := db.Exec(i.schema); err != nil {
		return nil, err
	}
	return db.Prepare(i.insert)
}
