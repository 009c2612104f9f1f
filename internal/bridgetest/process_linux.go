package bridgetest

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the process where the test binary dies without its
// cleanups (a test timeout, a kill).
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
