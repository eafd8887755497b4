// Package engine runs the lab's tasks: it queues them, lets servers claim them
// with their nodes, computes what follows from each step and has drivers do the
// work.
//
// A task waits until nobody else holds its nodes. Any server may then take it,
// promising in the store to say so again within half a minute. That server
// computes what follows (package taskplan), stores it, and only then lets a
// driver do the work; when it dies, another one takes the task over from what is
// stored. What other servers want of a running task, its cancellation for
// instance, they write into the store, where the one that has it finds it.
//
// Drivers do the work: a simulator for servers without hardware, one for
// machines that run an agent, and one for boards that speak Redfish. None ever
// claims what it did not do. The engine stops at HTTP: it knows no request, no
// answer and nobody's permissions.
package engine
