// Package boot makes what machines fetch while they are being deployed: the
// archives of their boot actions, the packages these want installed, the scripts
// of iPXE and the seeds of cloud-init, and the keys that open all of them.
//
// It reads deployments and designs and renders; the templates are package
// bootfiles, the formats of booting machines package netboot. Requests, answers
// and the order of their checks are the area's own.
package boot
