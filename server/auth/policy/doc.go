// Package policy reads the rules of an OpenStack policy file, as far as Drydock
// uses them, and says what they allow.
//
// A rule is made of "role:x", "rule:y", "is_admin:1" (an administrator, as
// Drydock's own admin_required has it), "@" (everybody), "!" (nobody), "and",
// "or", "not" and parentheses. Anything else that oslo.policy knows, such as
// "http:…" or an empty rule, is an error: a rule that is not understood must
// stop the start and not open a door.
package policy
