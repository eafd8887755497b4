package triage

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// difference is something other than outcomes in which two sets differ.
type difference struct{ What, Base, Head string }

// telling are the fields of objects of the API that may explain why outcomes changed,
// with their words.
var telling = []struct{ field, words string }{
	{"cloud_id", "Cloud"},
	{"name", "Name"},
	{"job", "Job"},
	{"kernel", "Kernel"},
	{"git_branch", "Branch"},
	{"git_commit", "Commit"},
	{"git_describe", "Describes itself as"},
	{"git_url", "Repository"},
	{"compiler_version_full", "Compiler"},
	{"build_environment", "Build environment"},
	{"image_unique_id", "Image"},
	{"release", "Release"},
	{"base_channel", "Base channel"},
	{"update_channel", "Update channel"},
	{"primary_snap_name", "Snap"},
	{"primary_snap_revision", "Revision of the snap"},
	{"platform", "Platform"},
	{"agent_id", "Agent"},
	{"agent_revno", "Revision of the agent"},
	{"agent_group", "Group of agents"},
	{"device_type", "Device"},
	{"lab_name", "Lab"},
	{"node", "Node"},
	{"format", "Format"},
	{"scope", "Scope"},
}

// maxObject bounds what is read of one object of the API.
const maxObject = 8 << 20

// differences asks the API for both sets and says in which of the telling fields they
// differ. A set that is nowhere by itself has the fields of a part of it.
func differences(v *frame.Visit, base, head *client.ComparedSet) ([]difference, error) {
	if base.Kind == client.SetKindNone || base.Kind != head.Kind {
		return nil, nil
	}
	before, err := fieldsOf(v, base)
	if err != nil {
		return nil, err
	}
	after, err := fieldsOf(v, head)
	if err != nil {
		return nil, err
	}
	var list []difference
	for _, t := range telling {
		if before[t.field] != after[t.field] {
			list = append(list, difference{t.words, before[t.field], after[t.field]})
		}
	}
	return list, nil
}

// fieldsOf are the fields of a set that are texts or numbers. What the visitor may not
// read, or is not there any more, has none.
func fieldsOf(v *frame.Visit, set *client.ComparedSet) (map[string]string, error) {
	path := value(set.Href.Get())
	if set.Kind == client.SetKindKernel {
		parts := refParts(set.Ref)
		if len(parts) != 3 || !v.May("listBuilds") {
			return nil, nil
		}
		path = frame.APIPath("/v1/builds", "job", parts[0], "git_branch", parts[1], "kernel", parts[2], "limit", "1")
	}
	if path == "" {
		return nil, nil
	}
	fields := map[string]string{}
	if err := addFields(v, path, fields); err != nil {
		return nil, err
	}
	if set.Kind == client.SetKindRun { // the result does not say what its run says
		if run, _, ok := strings.Cut(path, "/results/"); ok {
			if err := addFields(v, run, fields); err != nil {
				return nil, err
			}
		}
	}
	return fields, nil
}

func addFields(v *frame.Visit, path string, fields map[string]string) error {
	answer, err := v.Get(path, "application/json")
	if frame.IsNotFound(err) || frame.Refused(err) || isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var object map[string]json.RawMessage
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxObject)).Decode(&object); err != nil {
		return err
	}
	if list := object["result"]; len(list) > 0 && list[0] == '[' { // a list, as KernelCI's are
		var objects []map[string]json.RawMessage
		if json.Unmarshal(list, &objects) != nil || len(objects) == 0 {
			return nil
		}
		object = objects[0]
	}
	for _, t := range telling {
		if _, has := fields[t.field]; has {
			continue
		}
		if text := scalar(object[t.field]); text != "" {
			fields[t.field] = text
		}
	}
	return nil
}

// scalar is a value of JSON as text; "" when it is none or has parts.
func scalar(raw json.RawMessage) string {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return ""
	}
	switch value := value.(type) {
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(value)
	}
	return ""
}

// refParts are the parts of a set's reference behind its kind.
func refParts(ref string) []string {
	_, rest, _ := strings.Cut(ref, ":")
	parts := strings.Split(rest, "/")
	for i := range parts {
		parts[i] = unescaped(parts[i])
	}
	return parts
}

// neighbours are sets of the line that may be compared with the head: older ones, and
// newer ones to see what is fixed by now.
func neighbours(v *frame.Visit, head *client.ComparedSet) ([]frame.Link, error) {
	if head.Kind == client.SetKindRun {
		return neighbourRuns(v, head)
	}
	limit := int32(candidates)
	answer, err := v.API.ListComparisonsWithResponse(v.Context(), &client.ListComparisonsParams{Limit: &limit, Kind: []client.SetKind{head.Kind}})
	if err != nil {
		return nil, err
	}
	var list []frame.Link
	for _, made := range answer.JSON200.Comparisons {
		for _, set := range []client.ComparedSet{made.Head, made.Base} {
			one := frame.Link{Text: set.Title, Href: set.Ref}
			if set.Kind == head.Kind && !slices.Contains(list, one) {
				list = append(list, one)
			}
		}
	}
	return list, nil
}

func neighbourRuns(v *frame.Visit, head *client.ComparedSet) ([]frame.Link, error) {
	id, err := strconv.ParseInt(refParts(head.Ref)[0], 10, 64)
	if err != nil || !v.May("getRun", "listRuns") {
		return nil, nil
	}
	run, err := v.API.GetRunWithResponse(v.Context(), id)
	if frame.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	limit := int32(candidates)
	params := &client.ListRunsParams{Limit: &limit}
	if cloud, err := run.JSON200.CloudID.Get(); err == nil {
		params.CloudID = &cloud
	}
	if name, err := run.JSON200.Name.Get(); err == nil {
		params.Name = &name
	}
	answer, err := v.API.ListRunsWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	var list []frame.Link
	for i := range answer.JSON200.Runs {
		r := &answer.JSON200.Runs[i]
		if !r.CurrentResult.IsNull() {
			list = append(list, frame.Link{Text: joined(", ", value(r.Name.Get()), r.CreatedAt.UTC().Format("2006-01-02 15:04")+" UTC"), Href: "run:" + strconv.FormatInt(r.TestID, 10)})
		}
	}
	return list, nil
}
