package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
)

// completionCmd prints a few lines for a shell, which asks the program itself for
// the words: so they are never those of another version.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is an example.
func (completionCmd) Help() string {
	return "Example:\n\n    slipway completion bash > slipway.bash"
}

var completions = map[string]string{
	"bash": `_slipway() {
    local word="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=($(compgen -W "$(slipway words -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" -- "$word"))
}
complete -o default -F _slipway slipway
`,
	"zsh": `#compdef slipway
_slipway() {
    local -a candidates
    candidates=(${(f)"$(slipway words -- "${(@)words[2,CURRENT-1]}" 2>/dev/null)"})
    compadd -a candidates
    _files
}
compdef _slipway slipway
`,
	"fish": `function __slipway_words
    set -l before (commandline -opc)
    slipway words -- $before[2..-1] 2>/dev/null
end
complete -c slipway -a '(__slipway_words)'
`,
}

// Run prints them.
func (c *completionCmd) Run(std *terminal.Streams) error {
	_, err := fmt.Fprint(std.Out, completions[c.Shell])
	return err
}

// wordsCmd prints what may follow the words of a command line.
type wordsCmd struct {
	Before []string `arg:"" optional:"" passthrough:"" help:"The words so far."`
}

// Run prints commands and flags, one a line.
func (c *wordsCmd) Run(k *kong.Kong, std *terminal.Streams) error {
	node := k.Model.Node
	before := c.Before
	if len(before) > 0 && before[0] == "--" {
		before = before[1:]
	}
	for _, word := range before {
		for _, child := range node.Children {
			if child.Name == word {
				node = child
				break
			}
		}
	}
	_, err := fmt.Fprintln(std.Out, strings.Join(wordsOf(node, before), "\n"))
	return err
}

func wordsOf(node *kong.Node, before []string) []string {
	var words []string
	if n := len(before); n > 0 && strings.HasPrefix(before[n-1], "-") {
		for _, flag := range node.Flags {
			if "--"+flag.Name == before[n-1] && flag.Enum != "" {
				return flag.EnumSlice()
			}
		}
	}
	for _, child := range node.Children {
		if !child.Hidden {
			words = append(words, child.Name)
		}
	}
	for _, p := range node.Positional {
		words = append(words, p.EnumSlice()...)
	}
	for _, flag := range node.Flags {
		if !flag.Hidden {
			words = append(words, "--"+flag.Name)
		}
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}
