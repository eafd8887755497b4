// Package ui is the API explorer: a page that shows the published document and
// lets a visitor call the server from the browser. It serves its own files and
// nothing else; where the document is, who may see the page and how an unknown
// page is answered is decided by the server that mounts it.
//
// The explorer is Swagger UI, because it is the one that works under a strict
// content security policy and never speaks to a host but this one: a lab
// without a way out sees the same page as everybody else. Its files are
// embedded from swagger/, which .ci/explorer fetches in one pinned version; only
// init.js, page.css and page.html are ours. Nothing is written inline.
package ui
