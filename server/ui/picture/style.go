package picture

import _ "embed"

// Style is the rules of the pictures for the pages' style sheet, which has the
// colours as variables.
//
//go:embed picture.css
var Style string
