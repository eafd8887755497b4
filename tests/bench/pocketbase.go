package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
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

// setUpPocketBase logs in and makes a collection with a field for each of a boot's.
// It has no index but that of its ids.
func (v *server) setUpPocketBase(context.Context) error {
	v.token = ""
	var login struct{ Token string }
	err := v.once("POST", "/api/collections/_superusers/auth-with-password",
		fmt.Sprintf(`{"identity": %q, "password": %q}`, pocketMail, pocketPassword), &login, 200)
	if err != nil {
		return err
	}
	v.token = login.Token
	var boot map[string]any
	if err := json.Unmarshal([]byte(bootBody(0)), &boot); err != nil {
		return err
	}
	var fields []string
	for name, value := range boot {
		kind := "text"
		if _, ok := value.(float64); ok {
			kind = "number"
		}
		fields = append(fields, fmt.Sprintf(`{"name": %q, "type": %q}`, name, kind))
	}
	return v.once("POST", "/api/collections", `{"name": "boots", "type": "base", "fields": [`+strings.Join(fields, ", ")+`]}`, nil, 200)
}
