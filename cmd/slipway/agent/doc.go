// Package agent runs test opportunities with a command of the lab's own. It is a
// client of the published document.
//
// Whatever happens, work is neither lost nor shown better than it was: what the
// agent holds stands on disk before the command starts, its output is written to
// disk before it is sent, and the end of the command before its result is posted.
// So an agent that is killed reports at its next start what it held, and a server
// that is away gets everything when it is back.
//
//	loop.go     asks for work as long as there is room
//	job.go      one test opportunity, from the pick to the accepted result
//	command.go  the process group, and how it is stopped
//	output.go   the output, to disk and from there to the server
//	record.go   what stands on disk
package agent
