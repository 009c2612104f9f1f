package listener

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
)

// rotatingTLS makes TLS configurations of files that may change while they are in use. The
// files are read at every handshake, which costs far more than that, and compared: dates
// say too little of files that a secret manager swaps.
type rotatingTLS struct {
	paths  [3]string // certificate, key, client CA; "" for none
	failed func(what string, err error)

	mu      sync.Mutex // guards what follows
	read    [3][]byte  // as last read, good or not
	lost    bool       // the files could not be read at all, and it has been told
	current *tls.Config
}

func openTLS(c Config, failed func(string, error)) (*rotatingTLS, error) {
	t := &rotatingTLS{paths: [3]string{c.TLSCertFile, c.TLSKeyFile, c.ClientCAFile}, failed: failed}
	var err error
	if t.read, err = t.readFiles(); err != nil {
		return nil, err
	}
	if t.current, err = buildTLS(t.read); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *rotatingTLS) readFiles() (files [3][]byte, err error) {
	for i, p := range t.paths {
		if p == "" {
			continue
		}
		if files[i], err = os.ReadFile(p); err != nil {
			return files, fmt.Errorf("reading TLS material: %w", err)
		}
	}
	return files, nil
}

func buildTLS(files [3][]byte) (*tls.Config, error) {
	cert, err := tls.X509KeyPair(files[0], files[1])
	if err != nil {
		return nil, fmt.Errorf("pairing the TLS certificate with its key: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	if files[2] != nil {
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(files[2]) {
			return nil, errors.New("reading the client CA: it has no PEM certificate")
		}
		// Whoever sends none meets admit, which demands one of everything but the health
		// check: probes have no certificates.
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return c, nil
}

// configForClient returns the configuration of the files as they are now, or of the last
// good ones. While they do not change it is the same one, so that sessions resume; a
// change ends that.
func (t *rotatingTLS) configForClient(*tls.ClientHelloInfo) (*tls.Config, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	files, err := t.readFiles()
	if err != nil {
		if !t.lost {
			t.failed("tls", err)
		}
		t.lost = true
		return t.current, nil
	}
	t.lost = false
	same := true
	for i := range files {
		same = same && bytes.Equal(files[i], t.read[i])
	}
	if same {
		return t.current, nil
	}
	t.read = files
	c, err := buildTLS(files)
	if err != nil {
		t.failed("tls", err)
		return t.current, nil
	}
	t.current = c
	return c, nil
}
