// Package e2e holds the end-to-end tests: the real binary between real servers, held
// against what an independent load generator counted. It has no code of its own.
package e2e
