package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// The marks in README and the guide to limits between which the table stands.
const (
	tableBegins = "<!-- settings: the table below is printed by make generate -->\n"
	tableEnds   = "<!-- end of settings -->\n"
)

// settingsCmd prints what the flags say of themselves, so that README and
// the guide tell nothing else.
type settingsCmd struct {
	Into []string `type:"existingfile" sep:"none" placeholder:"FILE" help:"Write the table into this file, between its marks; may be repeated."`
}

// Run prints the table, or writes it into the files.
func (c *settingsCmd) Run(k *kong.Kong) error {
	table := settingsTable(k.Model.Node)
	if len(c.Into) == 0 {
		_, err := io.WriteString(stdout, table)
		return err
	}
	for _, name := range c.Into {
		if err := writeTable(name, table); err != nil {
			return err
		}
	}
	return nil
}

// writeTable puts the table between the marks of a file.
func writeTable(name, table string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, begins := bytes.Cut(text, []byte(tableBegins))
	_, after, ends := bytes.Cut(rest, []byte(tableEnds))
	if !begins || !ends {
		return errors.New(name + " has no marks for the table of settings")
	}
	all := string(before) + tableBegins + table + tableEnds + string(after)
	return os.WriteFile(name, []byte(all), 0o644) //nolint:gosec // a file for everybody to read
}

// settingsTable prints the settings of the server, a row for each, under the
// headings that the help has.
func settingsTable(app *kong.Node) string {
	flags := app.Flags
	for _, command := range app.Children {
		if command.Name == "serve" {
			flags = append(flags[:len(flags):len(flags)], command.Flags...)
		}
	}
	var groups []string
	rows := map[string]string{}
	for _, flag := range flags {
		if flag.Name == "help" || flag.Hidden {
			continue
		}
		group := "General"
		if flag.Group != nil {
			group = flag.Group.Title
		}
		if _, known := rows[group]; !known {
			groups = append(groups, group)
		}
		rows[group] += settingsRow(flag)
	}
	table := "\n| flag | default | meaning |\n|---|---|---|\n"
	for _, group := range groups {
		table += "| **" + group + "** | | |\n" + rows[group]
	}
	return table + "\n"
}

// inTable writes a text so that Markdown takes it as it stands.
var inTable = strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`)

func settingsRow(flag *kong.Flag) string {
	name := flag.Name
	if flag.Tag.Negatable != "" {
		name = "[no-]" + name
	}
	value := ""
	if flag.Default != "" {
		value = "`" + flag.Default + "`"
	}
	return fmt.Sprintf("| `--%s` | %s | %s |\n", name, value, inTable.Replace(flag.Help))
}
