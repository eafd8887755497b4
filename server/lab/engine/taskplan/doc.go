// Package taskplan is the part of orchestration that can be computed: which
// steps an action has, what follows from a finished step, what is tried again,
// what a cancellation or a time limit does, and what a task's result is. It has
// no clock, no store and no goroutines: the lab's orchestrator feeds a Tree with
// what happened, stores the Effects in one transaction and starts the work they
// name. A Tree can be rebuilt from stored tasks at any time, so another server
// can go on where one was killed.
//
// The trees are Drydock's (orchestrator/actions/orchestrator.py): a top task has
// a subtask per step, and a step that works on nodes has a subtask per node with
// the step's action. Results differ on purpose, for Drydock loses nodes on the
// way: at the top, successes are the nodes that finished every step and failures
// are all other targets, and the status follows from the two lists.
package taskplan
