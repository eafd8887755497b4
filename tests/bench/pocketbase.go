package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

const (
	pocketMail     = "bench@example.org"
	pocketPassword = "bench-password-0123456789"
)

// preparePocketBase makes the account that the load uses, as its manual says.
func (v *server) preparePocketBase(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, v.program, "superuser", "upsert", pocketMail, pocketPassword, "--dir", v.dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("superuser: %w\n%s", err, out)
	}
	return nil
}

// setUpPocketBase logs in and makes a collection for each sort of object that has a table
// of ours. A collection has no index but that of its ids, or those that our table has.
func (v *server) setUpPocketBase(isSearched bool) error {
	v.token = ""
	var login struct{ Token string }
	err := v.once("POST", "/api/collections/_superusers/auth-with-password",
		fmt.Sprintf(`{"identity": %q, "password": %q}`, pocketMail, pocketPassword), &login, 200)
	if err != nil {
		return err
	}
	v.token = login.Token
	for _, k := range kinds() {
		if k.table == "" {
			continue
		}
		collection, err := pocketCollection(k, isSearched)
		if err != nil {
			return err
		}
		if err := v.once("POST", "/api/collections", collection, nil, 200); err != nil {
			return err
		}
	}
	return nil
}

// pocketCollection is what makes the collection of k: with a field for each of its body's.
func pocketCollection(k create, isSearched bool) (string, error) {
	var example map[string]any
	if err := json.Unmarshal([]byte(k.body(0)), &example); err != nil {
		return "", err
	}
	fields := []map[string]any{}
	for name, value := range example {
		kind := "json"
		switch value.(type) {
		case float64:
			kind = "number"
		case string:
			kind = "text"
		}
		fields = append(fields, map[string]any{"name": name, "type": kind})
	}
	collection := map[string]any{"name": k.table, "type": "base"}
	if isSearched {
		more, indexes, err := pocketIndexes(k.table, example)
		if err != nil {
			return "", err
		}
		fields = append(fields, more...)
		collection["indexes"] = indexes
	}
	collection["fields"] = fields
	body, err := json.Marshal(collection)
	return string(body), err
}

// pocketIndexes returns PocketBase's own words for the indexes of one of our tables, and
// the fields in them that a body of the benchmark does not have, which ours leaves empty
// as well. Left out are the unique ones, for which it has its id, the one of rows that
// belong to a tenant, which is empty, and the columns tenant and seq: less than ours has.
func pocketIndexes(table string, example map[string]any) (fields []map[string]any, indexes []string, err error) {
	schema, err := schemaOf(table)
	if err != nil {
		return nil, nil, err
	}
	fields = append(fields, map[string]any{"name": "created_on", "type": "autodate", "onCreate": true})
	known := map[string]bool{"created_on": true, "tenant": true, "seq": true}
	for name := range example {
		known[name] = true
	}
	index := regexp.MustCompile(`(?m)^CREATE INDEX (\w+) ON ` + table + ` \((.*)\);$`)
	for _, found := range index.FindAllStringSubmatch(schema, -1) {
		var columns []string
		for column := range strings.SplitSeq(strings.ReplaceAll(found[2], `"`, ""), ", ") {
			if column == "tenant" || column == "seq" {
				continue
			}
			columns = append(columns, "`"+column+"`")
			if !known[column] {
				known[column] = true
				fields = append(fields, map[string]any{"name": column, "type": "text"})
			}
		}
		indexes = append(indexes, fmt.Sprintf("CREATE INDEX `%s` ON `%s` (%s)", found[1], table, strings.Join(columns, ", ")))
	}
	return fields, indexes, nil
}
