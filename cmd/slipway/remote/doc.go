// Package remote holds the commands that call a server. They are clients of the
// published document, with the caller's own credential: what they may do and what
// they see is what the server says.
//
// A list is read page by page through the Link header, and printed from the JSON
// that came, so that --output json shows what the API says and nothing else.
package remote
