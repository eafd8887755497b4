package keystone

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// document is the part of Keystone's answer that counts.
type document struct {
	Token struct {
		User      named     `json:"user"`
		Project   *named    `json:"project"`
		Domain    *named    `json:"domain"`
		Roles     []named   `json:"roles"`
		ExpiresAt time.Time `json:"expires_at"`
		System    *struct {
			All bool `json:"all"`
		} `json:"system"`
		ApplicationCredential *struct {
			AccessRules *[]Rule `json:"access_rules"`
		} `json:"application_credential"`
	} `json:"token"`
}

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// parse reads the body of an answer with status 200.
func parse(body []byte) (*Token, error) {
	var d document
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("the answer of Keystone cannot be read: %w", err)
	}
	if d.Token.User.ID == "" || d.Token.ExpiresAt.IsZero() {
		return nil, errors.New("the answer of Keystone names no user or no end")
	}
	t := &Token{UserID: d.Token.User.ID, UserName: d.Token.User.Name, ExpiresAt: d.Token.ExpiresAt}
	if d.Token.Project != nil {
		t.ProjectID = d.Token.Project.ID
	}
	if d.Token.Domain != nil {
		t.DomainID = d.Token.Domain.ID
	}
	t.System = d.Token.System != nil && d.Token.System.All
	for _, r := range d.Token.Roles {
		t.Roles = append(t.Roles, r.Name)
	}
	if c := d.Token.ApplicationCredential; c != nil && c.AccessRules != nil {
		t.Restricted, t.Rules = true, *c.AccessRules
	}
	return t, nil
}
