// Package archtest holds the tests that keep the repository in its shape: who may import
// whom, one package comment each, sizes, and texts that must not be committed. It has no
// code of its own.
package archtest
