//go:build race

package e2e

// raceDetector: `go test -race` tests a bridge that is built with the race detector too. One
// that finds a race ends with an exit code of its own, and so fails the test.
const raceDetector = true
