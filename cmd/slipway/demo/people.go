package demo

import (
	"context"
	"fmt"
	"time"
)

// people makes the tokens of everybody in the story. Nobody learns their texts but
// ada's, who may do everything.
func (s *story) people(ctx context.Context) error {
	labs := []string{}
	for _, d := range devices {
		labs = append(labs, d.lab)
	}
	type person struct {
		name, kind string
		roles      []string
		labs       []string
	}
	list := []person{
		{"ada", "person", []string{"admin"}, nil},
		{"grace", "person", []string{"operator"}, nil},
		{"linus <b>", "person", []string{"reader"}, nil},
		{"ci-runner-3", "runner", []string{"runner"}, nil},
		{"ランナー東", "runner", []string{"runner"}, nil},
		{"build-farm", "service", []string{"admin"}, nil},
		{"agents", "service", []string{"operator", "runner"}, nil},
	}
	seen := map[string]bool{}
	for _, lab := range labs {
		if !seen[lab] {
			seen[lab] = true
			list = append(list, person{lab, "lab", []string{"lab"}, []string{lab}})
		}
	}
	for _, p := range list {
		body := object{"name": p.name, "kind": p.kind, "roles": p.roles}
		if p.labs != nil {
			body["labs"] = p.labs
		}
		made, err := s.json(ctx, s.tokens["root"], "POST", "/v1/access-tokens", body)
		if err != nil {
			return fmt.Errorf("token of %s: %w", p.name, err)
		}
		s.tokens[p.name] = text(made, "token")
		s.count("tokens", 1)
	}
	s.made.Admin = s.tokens["ada"]
	return s.oldToken(ctx)
}

// oldToken is one that was rotated and revoked.
func (s *story) oldToken(ctx context.Context) error {
	made, err := s.json(ctx, s.tokens["ada"], "POST", "/v1/access-tokens", object{"name": "laptop of ada", "kind": "person", "roles": []string{"operator"}})
	if err != nil {
		return err
	}
	row, _ := made["access_token"].(object)
	_, err = s.send(ctx, s.tokens["ada"], "DELETE", "/v1/access-tokens/"+text(row, "id"), "", nil)
	return err
}

// issues tells of known issues and of webhooks.
func (s *story) issues() {
	add := func(ago time.Duration, body object) {
		s.at(s.ago(ago), func(ctx context.Context) error {
			s.count("known issues", 1)
			_, err := s.json(ctx, s.tokens["grace"], "POST", "/v1/known-issues", body)
			return err
		})
	}
	add(11*24*time.Hour, object{"title": "guests lose their address after a live migration", "url": "https://bugs.example.org/4471", "match": object{"name": "*", "message": "SSHTimeout"}})
	add(5*24*time.Hour, object{"title": "未対応: 空の合言葉 <i>で入れる</i>", "match": object{"name": "日本語.試験.*"}, "expires_on": s.ago(-30 * 24 * time.Hour).UTC().Format(time.RFC3339)})
	add(20*24*time.Hour, object{"title": "sifive-unmatched never knew openat2", "url": "https://bugs.example.org/99", "match": object{"name": "ltp.*openat201", "context": object{"device_type": "sifive-unmatched"}}})
	add(25*24*time.Hour, object{"title": "volumes fail to build", "match": object{"name": "*", "message": "BuildErrorException"}, "state": "closed"})
	hook := func(ago time.Duration, body object) {
		s.at(s.ago(ago), func(ctx context.Context) error {
			s.count("webhooks", 1)
			_, err := s.json(ctx, s.tokens["ada"], "POST", "/v1/webhooks", body)
			return err
		})
	}
	hook(30*24*time.Hour, object{
		"url": "https://chat.lab.example/hooks/slipway", "description": "the channel of those who triage", "event_types": []string{"comparison"}, "filter": object{"new_failures_at_least": 1},
	})
	hook(9*24*time.Hour, object{"url": "https://ci.lab.example/slipway", "description": "starts builds", "event_types": []string{"run.result", "job.completed"}})
}
