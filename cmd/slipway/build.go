package main

import (
	"runtime/debug"
	"strings"
)

// version is set by the Makefile to what git describe says.
var version string

// base is the version that the tree works towards; a build that knows no tag
// counts from it.
const base = "0.1.0"

// build names the build in the style of OpenStack's services, such as
// 0.3.0.dev43.g22d1a96: tag, commits since, abbreviated hash.
func build() string {
	if version != "" {
		return fromDescribe(version)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return base + ".dev0"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 7 {
			return base + ".dev0.g" + s.Value[:7]
		}
	}
	if v := strings.TrimPrefix(info.Main.Version, "v"); v != "" && v != "(devel)" {
		return v
	}
	return base + ".dev0"
}

// fromDescribe turns v0.3.0-43-g22d1a96 into 0.3.0.dev43.g22d1a96, a bare tag
// into its number and a bare hash into a count from base.
func fromDescribe(s string) string {
	dirty := strings.HasSuffix(s, "-dirty")
	s = strings.TrimPrefix(strings.TrimSuffix(s, "-dirty"), "v")
	parts := strings.Split(s, "-")
	switch {
	case len(parts) >= 3:
		n := len(parts)
		s = strings.Join(parts[:n-2], "-") + ".dev" + parts[n-2] + "." + parts[n-1]
	case isHash(s):
		s = base + ".dev0.g" + s
	case !strings.Contains(s, "."):
		return base + ".dev0"
	}
	if dirty {
		s += ".dirty"
	}
	return s
}

func isHash(s string) bool {
	return len(s) >= 7 && strings.Trim(s, "0123456789abcdef") == ""
}
