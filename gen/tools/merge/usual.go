package main

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// usualProblems are the errors that look the same with every operation, by status.
var usualProblems = map[string]problem{
	"400": {ID: "invalid-request", Detail: `OpenStack-API-Version must read "test-lab 1.0" or "test-lab latest"`, Errors: []mistake{
		{In: "header", Parameter: "OpenStack-API-Version", Message: `must read "test-lab 1.0" or "test-lab latest"`}}},
	"401": {ID: "unauthorized", Detail: "a credential is required: Authorization or X-Auth-Token"},
	"403": {ID: "forbidden", Detail: "the credential does not allow this"},
	"404": {ID: "resource-not-found", Detail: "this does not exist"},
	"406": {ID: "version-not-acceptable", Detail: "the Accept header asks for a version of the API that does not exist; there is application/v1"},
	"409": {ID: "conflict", Detail: "the Idempotency-Key was used for another request to this path within the last 24 hours"},
	"410": {ID: "content-lost", Detail: "the bytes are gone, cut or not what they were; posting the same file again brings them back"},
	"412": {ID: "precondition-failed", Detail: "the file is not the one that If-Match or If-Unmodified-Since names"},
	"413": {ID: "too-large", Detail: "the body is larger than the limit of 1048576 bytes"},
	"415": {ID: "unsupported-media-type", Detail: "the server does not read this Content-Encoding; it reads gzip and zstd"},
	"416": {ID: "range-not-satisfiable", Detail: "the range lies outside the file, which has 1560 bytes"},
	"422": {ID: "unprocessable-content", Detail: "the format of the file is unknown, and strict refuses that; nothing was stored"},
	"429": {ID: "too-many-requests", Detail: "too many requests with this credential"},
	"431": {ID: "header-too-large", Detail: "the header is larger than the limit of 65536 bytes"},
	"501": {ID: "not-implemented", Detail: "this server does not do that"},
	"503": {ID: "temporarily-unavailable", Detail: "the store cannot be reached; nothing was changed"},
	"507": {ID: "insufficient-storage", Detail: "the server has no space left to store this; nothing was changed"},
}

// usual is how an error of a status looks with operations of a dialect. Some systems
// have words of their own for a login that does not do: see package edge.
func usual(status, dialect string, op *yaml.Node) problem {
	p := usualProblems[status]
	switch {
	case dialect == "kernelci" && status == "403":
		p.Detail = "Operation not permitted: provided token is not authorized"
	case dialect == "kernelci" && status == "422":
		p.Detail = "Provided JSON is not valid"
	case dialect == "drydock" && status == "401":
		p.Detail = "Unauthenticated"
	case dialect == "drydock" && status == "403":
		p.ID, p.Detail = "role-required", "Forbidden"
	case status == "410" && strings.HasSuffix(said(op, "operationId"), "Organisation"):
		p.ID = "gone"
	}
	return p
}

// ofOperation makes an error the operation's own where the document tells how: which
// roles are needed, which bodies are read. It reports whether it did; a missing thing
// and a broken rule are always the operation's own.
func (s *showing) ofOperation(status, dialect string, op *yaml.Node, p problem) (problem, bool) {
	switch status {
	case "400", "404", "409":
		return p, true
	case "403":
		roles := s.roles(said(op, "x-permission"))
		if dialect == "kernelci" || dialect == "drydock" || roles == "" {
			return p, false
		}
		if dialect != "spi" {
			p.ID = "role-required"
		}
		p.Detail = "the credential does not allow this; it needs one of the roles " + roles
		return p, true
	case "415":
		if media := mediaOf(op); len(media) > 0 {
			p.Detail = "the operation does not read this Content-Type; it reads " + strings.Join(media, ", ")
			return p, true
		}
	}
	return p, false
}

// roles are those that have a permission, as the server lists them.
func (s *showing) roles(permission string) string {
	_, table := find(s.doc, "x-permissions")
	if table == nil || permission == "" {
		return ""
	}
	_, row := find(table, permission)
	if row == nil {
		return ""
	}
	_, roles := find(row, "roles")
	var names []string
	for _, r := range roles.Content {
		names = append(names, r.Value)
	}
	return strings.Join(names, ", ")
}

// mediaOf are the kinds of bodies that an operation reads, sorted.
func mediaOf(op *yaml.Node) []string {
	_, body := find(op, "requestBody")
	if body == nil {
		return nil
	}
	_, content := find(body, "content")
	if content == nil {
		return nil
	}
	var media []string
	for i := 0; i < len(content.Content); i += 2 {
		media = append(media, content.Content[i].Value)
	}
	slices.Sort(media)
	return media
}
