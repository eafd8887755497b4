// Package openapi holds the one document that describes Slipway's API.
//
// The fragments NN-area.yaml are what people edit; slipway.yaml and
// slipway.json are merged from them by gen/tools/merge. Everything else comes from the merged document: the
// server stubs, the client, the validation of requests, the explorer.
package openapi

import _ "embed"

// YAML is the merged document as it was written, comments included. Do not
// change it.
//
//go:embed slipway.yaml
var YAML []byte

// JSON is the same document as JSON, which is read ten times as fast. Do not
// change it.
//
//go:embed slipway.json
var JSON []byte

// Permissions is the fragment that holds the permission table. Do not change it.
//
//go:embed 05-permissions.yaml
var Permissions []byte
