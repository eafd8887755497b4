package access

import "github.com/slipway-lab/slipway/server/auth"

// Config holds what the area needs of the server; it has no settings of its own.
type Config struct {
	// Life bounds the life of tokens. The commands beside the server make tokens
	// too, so its flags are declared where all commands have them.
	Life auth.Life `kong:"-"`
}
