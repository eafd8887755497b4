// Package refstack is RefStack's later API, of 2015 to 2020: the one that
// refstack-client speaks.
//
// A client uploads the list of the tests that passed. It becomes a result in an
// anonymous run, so the first API's side (package results) shows it as well; what
// is said of it here, whose it is, whether it is shared or verified, stands in a
// row of its own. A result of this API is named by a UUID, a run by a number.
//
// Whoever signs an upload with a registered key owns the result, and nobody else
// sees it until it is shared. There are no users: an owner is the one that an
// API token names, and keys are registered under that name. A call shows whose
// it is by an API token, or by a JSON web token signed with a registered key.
//
// The texts of errors are RefStack's own, since they are what its clients show;
// they stand in the title as well, where RefStack put them. What exactly was
// wrong stands in the list of errors.
//
// The subunit endpoints were specified in 2017 and never built: a stream is kept
// as a further attempt of the run whose passes it shows.
package refstack
