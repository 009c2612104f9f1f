//go:build !linux

package bridgetest

import "os/exec"

// dieWithParent needs Linux; elsewhere a killed test binary leaves its servers behind.
func dieWithParent(*exec.Cmd) {}
