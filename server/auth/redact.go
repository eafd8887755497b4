package auth

import (
	"regexp"
	"strings"
)

var anyToken = regexp.MustCompile(`slw[burls]_[0-9A-Za-z]+`) // b: addresses for booting machines (server/lab/boot/key.go)

// Redact takes whatever looks like a token of ours out of a text, such as a path.
func Redact(text string) string {
	if !strings.Contains(text, tokenPrefix) {
		return text
	}
	return anyToken.ReplaceAllStringFunc(text, func(t string) string { return t[:len(tokenPrefix)+2] + "***" })
}

var tokenInPath = regexp.MustCompile(`/tokens?/[^/]+`)

// RedactPath is Redact for a path that was asked for, which may be one of
// KernelCI's: those name a token by its text, and an old text looks like nothing
// in particular. The ids that stand there as well have 24 digits.
func RedactPath(path string) string {
	if strings.Contains(path, "/token") {
		path = tokenInPath.ReplaceAllStringFunc(path, func(m string) string {
			end := strings.LastIndexByte(m, '/') + 1
			if objectID.MatchString(m[end:]) {
				return m
			}
			return m[:end] + "***"
		})
	}
	return Redact(path)
}

var objectID = regexp.MustCompile(`^[0-9a-fA-F]{24}$`)
