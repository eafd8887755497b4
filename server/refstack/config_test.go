package refstack_test

import "github.com/slipway-lab/slipway/server"

func small(c *server.Config) { c.Uploads.File = 1000 }

func closed(c *server.Config) { c.Results.RequireToken = true }
