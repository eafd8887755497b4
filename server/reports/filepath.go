package reports

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFilePath bounds the path of a file in bytes.
const maxFilePath = 512

// filePath checks the path of a file as it came and once more after percent
// decoding, because what is decoded twice somewhere must not lead elsewhere. The
// original lets ".." leave its storage. Here a path is a name in a table and
// never a place on disk; it is refused all the same, so that nobody who copies
// files out is surprised. The error is meant for the client.
func filePath(path string) (string, error) {
	decoded, err := url.PathUnescape(path)
	if err != nil {
		decoded = path // a percent sign that stands for itself
	}
	for _, p := range []string{path, decoded} {
		if err := checkPath(p); err != nil {
			return "", err
		}
	}
	return path, nil
}

func checkPath(path string) error {
	switch {
	case path == "":
		return fmt.Errorf("must not be empty")
	case len(path) > maxFilePath:
		return fmt.Errorf("must not be longer than %d bytes", maxFilePath)
	case !utf8.ValidString(path):
		return fmt.Errorf("must be UTF-8")
	case strings.HasPrefix(path, "/"):
		return fmt.Errorf("must not begin with a slash")
	case strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }):
		return fmt.Errorf("must hold neither control characters nor backslashes")
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("must not have an empty part, nor one of dots alone")
		}
	}
	return nil
}

// withoutDots leaves out the parts of a path that mean the folder they stand in:
// kernelci-core names the files of a folder ./config (kernelci/storage.py,
// discover_files).
func withoutDots(path string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(path, "/"), func(part string) bool { return part == "." }), "/")
}
