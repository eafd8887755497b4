// Package frame is what all pages share: the call of the API in the process, who is
// logged in, the layout, forms, lists, streams, the page of an error. How to add a page
// stands in package pages.
//
// # Who is logged in
//
// Whoever logs in sends an API token (or one of Keystone) in a form. It is tried by
// asking the API who that is, so a wrong one counts as a failed login as it does
// everywhere. The cookie then holds 256 random bits. Their hash names a row, and the
// row holds the credential, sealed with a key made of the cookie and the server's
// secret: the database cannot tell it, and neither can who has the secret as well.
// Every page sends the credential with its calls. So a token that is revoked, has
// expired or is used from an address that it is not for ends the session with the next
// call, and logging out removes the row.
//
// The cookie goes to /ui only. No page of another site can therefore use the API
// through a browser, and forms carry a token that is made of the cookie.
package frame
