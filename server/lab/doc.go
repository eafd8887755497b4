// Package lab prepares the machines that tests run on, in Drydock's words and
// formats: site designs, nodes, tasks, build data and boot actions.
//
// A task is created with a snapshot of its design and waits in the queue until
// nobody else holds its nodes. Any server may then take it, promising in the
// store to say so again within half a minute. That server computes what follows
// (package taskplan), stores it, and only then lets a driver do the work; when
// it dies, another one takes the task over from what is stored. What other
// servers want of a running task, its cancellation for instance, they write into
// the store, where the one that has it finds it.
//
// Drivers do the work: a simulator for servers without hardware, and one for
// machines that run an agent. Neither ever claims what it did not do.
package lab
