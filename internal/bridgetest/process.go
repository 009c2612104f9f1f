package bridgetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Process is a program started by a test. It is ended at the test's cleanup, by its own
// pid, and dies with the test binary even where that is killed. Its output is in two files
// among the test's artifacts (`go test -artifacts` keeps them). Safe for concurrent use.
type Process struct {
	// Name is what the logs and files are called.
	Name string
	// Stdout and Stderr are the paths of the output files.
	Stdout, Stderr string

	t        testing.TB
	cmd      *exec.Cmd
	done     chan struct{} // closed when the process has ended and waitErr is set
	waitErr  error
	expected atomic.Bool // somebody asked it to end
}

// Grace is how long a process may take to end after SIGTERM before it is killed.
const grace = 20 * time.Second

// Start runs a program. The test fails at once where it cannot be started.
func Start(t testing.TB, name string, cmd *exec.Cmd) *Process {
	t.Helper()
	dir, err := os.MkdirTemp(t.ArtifactDir(), name+"-")
	if err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	p := &Process{
		Name: name, t: t, cmd: cmd, done: make(chan struct{}),
		Stdout: filepath.Join(dir, "stdout"), Stderr: filepath.Join(dir, "stderr"),
	}
	stdout, err := os.Create(p.Stdout)
	if err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	stderr, err := os.Create(p.Stderr)
	if err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	dieWithParent(cmd)
	started := make(chan error)
	go func() {
		// A parent-death signal is sent when the thread that started the process ends,
		// so this goroutine keeps its thread as long as the process lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.waitErr = cmd.Wait()
		}
		stdout.Close()
		stderr.Close()
		close(p.done)
	}()
	if err := <-started; err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	t.Cleanup(func() {
		if !p.expected.Load() && !p.alive() {
			t.Errorf("%s ended on its own: %v", name, p.waitErr)
		}
		p.Stop()
		if t.Failed() {
			t.Logf("last words of %s:\n%s", name, p.tail(4000))
		}
	})
	return p
}

func (p *Process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Pid is the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends a signal to a process that lives.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Errorf("signalling %s: %v", p.Name, err)
	}
}

// Stop ends the process with SIGTERM, or SIGKILL where that takes too long, and returns its
// exit code: -1 where a signal ended it. Idempotent.
func (p *Process) Stop() int {
	p.expected.Store(true)
	if p.alive() {
		// The process may end between the two lines; an error then says nothing.
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(grace):
			p.t.Errorf("%s did not end within %s of SIGTERM", p.Name, grace)
			_ = p.cmd.Process.Kill()
			<-p.done
		}
	}
	return p.cmd.ProcessState.ExitCode()
}

// Kill ends the process with SIGKILL.
func (p *Process) Kill() {
	p.expected.Store(true)
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Output is all that the process has written to stdout and stderr, in this order.
func (p *Process) Output() string {
	a, _ := os.ReadFile(p.Stdout)
	b, _ := os.ReadFile(p.Stderr)
	return string(a) + string(b)
}

func (p *Process) tail(n int) string {
	s := p.Output()
	return s[max(0, len(s)-n):]
}

// WaitUntil polls cond until it returns nil, and fails the test with its last error where
// the process ends or the time runs out.
func (p *Process) WaitUntil(timeout time.Duration, what string, cond func() error) {
	p.t.Helper()
	if err := p.await(timeout, cond); err != nil {
		p.expected.Store(true)
		p.t.Fatalf("waiting until %s %s: %v\n%s", p.Name, what, err, p.tail(4000))
	}
}

var errEnded = errors.New("the process ended")

func (p *Process) await(timeout time.Duration, cond func() error) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), timeout)
	defer cancel()
	return poll(ctx, func() error {
		if !p.alive() {
			return fmt.Errorf("%w: %w", errEnded, errStop)
		}
		return cond()
	})
}

// errStop ends a poll early.
var errStop = errors.New("no sense in waiting")

// WaitUntil polls cond until it returns nil, and fails the test with its last error where
// the time runs out. For a condition that hangs on a Process use its method.
func WaitUntil(t testing.TB, timeout time.Duration, what string, cond func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if err := poll(ctx, cond); err != nil {
		t.Fatalf("waiting until %s (%s): %v", what, timeout, err)
	}
}

func poll(ctx context.Context, cond func() error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := cond()
		if err == nil || errors.Is(err, errStop) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// freePorts picks n distinct TCP ports that nobody listens on at 127.0.0.1. Another program
// may take one before it is used; who starts a server on them tries again then.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("picking a port: %v", err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// FreeAddr is a loopback address, host:port, that nobody listens on.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", freePorts(t, 1)[0])
}

// dialable says whether addr accepts connections.
func dialable(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// Cache is the folder that `make servers` fills.
func cache() string {
	if dir := os.Getenv("BRIDGE_TEST_CACHE"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "vesbridge-test")
	}
	return filepath.Join(home, ".cache", "vesbridge-test")
}

// lookPath finds a Debian program that `make servers` installs as root.
func lookPath(t testing.TB, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		Missing(t, program, "run `make servers` as root, or install the Debian package "+pkg)
	}
	return path
}

// Kcat runs kcat, the command-line Kafka client on librdkafka, and returns the lines that
// it prints.
func Kcat(t testing.TB, args ...string) []string {
	t.Helper()
	path := lookPath(t, "kcat", "kcat")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kcat %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	text := strings.TrimSuffix(string(out), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
