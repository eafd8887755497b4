package main

import (
	"log/slog"
	"os"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/server/edge"
)

// logFlags say what is logged, and how.
type logFlags struct {
	Format string `enum:"text,json" default:"text" help:"Format of the log: text or json."`
	Level  string `enum:"debug,info,warn,error" default:"info" help:"Lowest level that is logged: debug, info, warn or error."`
}

// forPeople reports whether somebody reads the log as it is written, so that what is
// for people may stand between its lines.
func (c *logFlags) forPeople(out *os.File) bool {
	return c.Format == "text" && terminal.IsTerminal(out)
}

func (c *logFlags) to(out *os.File) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // kong has checked it
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(out, options)
	if c.Format == "json" {
		h = slog.NewJSONHandler(out, options)
	}
	slog.SetDefault(slog.New(edge.LogHandler(h)))
}
