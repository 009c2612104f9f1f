package listener_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/dmaap/listener"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key, a.pem, _ = issue(t, name, nil)
	return a
}

// issue makes a certificate signed by a, or a root where a is nil.
func issue(t testing.TB, name string, a *authority) (*x509.Certificate, *ecdsa.PrivateKey, []byte, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := c, key
	if a == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func write(t testing.TB, path string, text []byte) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// secured is a listener with TLS on loopback.
type secured struct {
	url    string
	config listener.Config
	logs   *logs
	sink   *sink
}

func serveTLS(t *testing.T, c listener.Config, server *authority) *secured {
	t.Helper()
	dir := t.TempDir()
	_, _, cert, key := issue(t, "server", server)
	c.TLSCertFile, c.TLSKeyFile = write(t, filepath.Join(dir, "cert"), cert), write(t, filepath.Join(dir, "key"), key)
	s := &secured{config: c, logs: &logs{}, sink: &sink{}}
	l, err := listener.New(listener.Options{Config: c, Sink: s.sink.take, Logger: s.logs.logger()})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.url = "https://" + ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- l.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, l.Shutdown(context.WithoutCancel(t.Context())))
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return s
}

// post sends an event over a connection of its own. server is whom the client trusts,
// client signs its certificate; nil for none.
func (s *secured) post(t *testing.T, server, client *authority, user, password string) (int, string, error) {
	t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AddCert(server.cert)
	if client != nil {
		_, _, cert, key := issue(t, "client", client)
		pair, err := tls.X509KeyPair(cert, key)
		require.NoError(t, err)
		// As it is, whoever the server says that it trusts.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+v7, strings.NewReader(single(fault("f1"))))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body), nil
}

func TestMutualTLS(t *testing.T) {
	server, good, bad := newAuthority(t, "server ca"), newAuthority(t, "good ca"), newAuthority(t, "bad ca")
	ca := write(t, filepath.Join(t.TempDir(), "ca"), good.pem)
	s := serveTLS(t, listener.Config{ClientCAFile: ca}, server)

	status, _, err := s.post(t, server, good, "", "")
	require.NoError(t, err)
	require.Equal(t, 202, status)
	status, body, err := s.post(t, server, nil, "", "")
	require.NoError(t, err)
	require.Equal(t, 401, status)
	require.Contains(t, body, "POL2000")
	_, _, err = s.post(t, server, bad, "", "")
	require.Error(t, err)
	status, _, err = s.post(t, server, nil, "ves", "s3cret") // no accounts here
	require.NoError(t, err)
	require.Equal(t, 401, status)
	require.Len(t, s.sink.taken(), 1)

	// The client CA rotates: the former loses its right at once.
	write(t, ca, bad.pem)
	_, _, err = s.post(t, server, good, "", "")
	require.Error(t, err)
	status, _, err = s.post(t, server, bad, "", "")
	require.NoError(t, err)
	require.Equal(t, 202, status)
}

// certBasicAuth of the collector: either is enough.
func TestCertificateOrPassword(t *testing.T) {
	server, good := newAuthority(t, "server ca"), newAuthority(t, "good ca")
	dir := t.TempDir()
	for _, compat := range []string{"", listener.CompatONAP} {
		s := serveTLS(t, listener.Config{
			ClientCAFile: write(t, filepath.Join(dir, "ca"), good.pem), BasicAuthFile: passwords(t, dir), Compat: compat,
		}, server)
		for _, c := range []struct {
			client         *authority
			user, password string
			status         int
		}{{good, "", "", 202}, {nil, "ves", "s3cret", 202}, {nil, "ves", "no", 401}, {nil, "", "", 401}} {
			status, _, err := s.post(t, server, c.client, c.user, c.password)
			require.NoError(t, err)
			require.Equal(t, c.status, status)
		}
	}
}

func TestServerCertificateRotates(t *testing.T) {
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	s := serveTLS(t, listener.Config{}, first)
	_, _, err := s.post(t, first, nil, "", "")
	require.NoError(t, err)

	_, _, cert, key := issue(t, "server", second)
	write(t, s.config.TLSCertFile, cert) // half of a rotation: the key is still the former
	for range 3 {
		_, _, err = s.post(t, first, nil, "", "")
		require.NoError(t, err)
	}
	require.Equal(t, 1, strings.Count(s.logs.String(), "a rotated file cannot be used"))

	write(t, s.config.TLSKeyFile, key)
	_, _, err = s.post(t, second, nil, "", "")
	require.NoError(t, err)
	_, _, err = s.post(t, first, nil, "", "")
	require.Error(t, err)

	require.NoError(t, os.Remove(s.config.TLSKeyFile))
	_, _, err = s.post(t, second, nil, "", "")
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(s.logs.String(), "a rotated file cannot be used"))
}

func TestOldTLSIsRefused(t *testing.T) {
	server := newAuthority(t, "server ca")
	s := serveTLS(t, listener.Config{}, server)
	_, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	require.ErrorContains(t, err, "protocol version")
}

func TestBasicAuth(t *testing.T) {
	s, l := &sink{}, &logs{}
	path := passwords(t, t.TempDir())
	lis, err := listener.New(listener.Options{Config: listener.Config{BasicAuthFile: path}, Sink: s.take, Logger: l.logger()})
	require.NoError(t, err)
	require.Contains(t, l.String(), "passwords come in the clear")
	login := func(user, password string) int {
		r := request("POST", v7, single(fault("f1")))
		r.SetBasicAuth(user, password)
		w := do(lis.Handler(), r)
		if w.Code == 401 {
			require.Equal(t, `Basic realm="VES"`, w.Header().Get("WWW-Authenticate"))
			_, id, _, variables := parseError(t, w.Body.Bytes())
			require.Equal(t, "POL2000", id)
			require.Empty(t, variables) // whether the user exists is nobody's business
		}
		return w.Code
	}
	require.Equal(t, 401, do(lis.Handler(), request("POST", v7, single(fault("f1")))).Code)
	require.Equal(t, 401, do(lis.Handler(), request("GET", "/", "")).Code)
	require.Equal(t, 200, do(lis.Handler(), request("GET", "/healthcheck", "")).Code)
	for range 2 { // by bcrypt, then by memory
		require.Equal(t, 202, login("ves", "s3cret"))
		require.Equal(t, 401, login("ves", "s3cret "))
		require.Equal(t, 401, login("nobody", "s3cret"))
	}

	// The password changes: the former is worth nothing, remembered or not.
	writeUsers(t, path, "ves", "n3w")
	require.Equal(t, 401, login("ves", "s3cret"))
	require.Equal(t, 202, login("ves", "n3w"))
	// A file that cannot be used, or is gone, leaves the accounts, and is told once.
	write(t, path, []byte("ves:plain\n"))
	require.Equal(t, 202, login("ves", "n3w"))
	require.NoError(t, os.Remove(path))
	require.Equal(t, 202, login("ves", "n3w"))
	require.Equal(t, 401, login("ves", "plain"))
	require.Equal(t, 2, strings.Count(l.String(), "a rotated file cannot be used"))
	// It comes back without the user.
	writeUsers(t, path, "other", "x")
	require.Equal(t, 401, login("ves", "n3w"))
	require.Equal(t, 202, login("other", "x"))
	for _, secret := range []string{"s3cret", "n3w", "plain"} {
		require.NotContains(t, l.String(), secret)
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	users := func(text string) listener.Config {
		return listener.Config{BasicAuthFile: write(t, filepath.Join(dir, "users"), []byte(text))}
	}
	hash := "$2a$10$0buh.2WeYwN868YMwnNNEuNEAMNYVU9.FSMJGyIKV3dGET/7oGOi6"
	for want, c := range map[string]listener.Config{
		"no such file":         {BasicAuthFile: filepath.Join(dir, "none")},
		"reading TLS material": {TLSCertFile: filepath.Join(dir, "none"), TLSKeyFile: filepath.Join(dir, "none")},
	} {
		_, err := listener.New(listener.Options{Config: c, Sink: (&sink{}).take})
		require.ErrorContains(t, err, want)
	}
	for text, want := range map[string]string{
		"# nobody\n":                           "it has no users",
		"\nves\n":                              "line 2: must be user:hash",
		"ves:secret\n":                         `line 1: the hash of user "ves" is not bcrypt`,
		"ves:" + hash + "\nves:" + hash + "\n": `line 2: user "ves" is there twice`,
	} {
		_, err := listener.New(listener.Options{Config: users(text), Sink: (&sink{}).take})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := listener.New(listener.Options{Config: users("ves:" + hash), Sink: (&sink{}).take})
	require.NoError(t, err)
}
