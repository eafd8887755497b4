// Package lab is Drydock over HTTP: it prepares the machines that tests run on,
// in Drydock's words and formats: site designs, nodes, tasks, build data and boot
// actions.
//
// Its handlers check a request, call an engine or the store, and translate. What
// they call stands below: package library gets designs, package engine runs tasks,
// package boot makes what machines fetch. Those know no requests; design,
// nodefilter and netboot are plain functions over plain values.
package lab
