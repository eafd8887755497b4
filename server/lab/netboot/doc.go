// Package netboot writes what a machine reads that boots from the network: the
// script for iPXE, and the user data and meta data by which cloud-init's NoCloud
// source makes a bare system the node of a design. It is text in, text out; who
// may read which text is decided elsewhere.
//
// DHCP, TFTP, iPXE itself and the images stay outside: the script names a kernel
// and an initial RAM disk below a base address, under <image>/<kernel>/.
package netboot
