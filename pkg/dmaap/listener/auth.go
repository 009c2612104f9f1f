package listener

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// admit checks credentials, before anything of the request is looked at.
func (l *Listener) admit(r *http.Request) verdict {
	if l.users == nil && l.config.ClientCAFile == "" {
		return verdict{}
	}
	if l.config.Compat != "" && r.TLS == nil {
		return refuse(reasonPlainPort, "credentials are taken over TLS only")
	}
	if l.config.ClientCAFile != "" && r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return verdict{}
	}
	if l.users == nil {
		return refuse(reasonUnauthorized, "no client certificate")
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		return refuse(reasonUnauthorized, "no Basic credentials")
	}
	switch known, err := l.users.check(user, password); {
	case err != nil:
		return verdict{reason: reasonBusy, err: err, details: []string{"too many logins at a time, send again a little later"}}
	case !known:
		return refuse(reasonUnauthorized, "wrong user or password")
	}
	return verdict{}
}

// users are the accounts of a password file, which is read anew at every login: it is
// small, and next to a request it costs nothing.
type users struct {
	path   string
	failed func(what string, err error)
	dummy  string   // hash to compare with for unknown users, so that they take as long
	salt   [32]byte // of proofs
	// hashing bounds how many logins wait for bcrypt, which takes a CPU for a tenth of a
	// second; what it holds back is refused at once.
	hashing chan struct{}
	one     sync.Mutex // held while hashing: one CPU is enough for strangers

	mu     sync.Mutex // guards what follows
	text   []byte     // the file as last read, good or not
	hashes map[string]string
	proven map[string][32]byte // user → proof of the password that bcrypt confirmed last
}

const maxWaitingLogins = 16

var errLoginsBusy = errors.New("too many logins wait for their password check")

func openUsers(path string, failed func(string, error)) (*users, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the password file: %w", err)
	}
	hashes, err := parseUsers(text)
	if err != nil {
		return nil, fmt.Errorf("reading the password file %q: %w", path, err)
	}
	u := &users{path: path, failed: failed, text: text, hashes: hashes, proven: map[string][32]byte{}, hashing: make(chan struct{}, maxWaitingLogins)}
	_, _ = rand.Read(u.salt[:]) // never fails
	for _, h := range hashes {
		u.dummy = h // of the same cost as the others
		break
	}
	return u, nil
}

// parseUsers reads lines of user:hash.
func parseUsers(text []byte) (map[string]string, error) {
	hashes := make(map[string]string)
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		user, hash, ok := strings.Cut(line, ":")
		if !ok || user == "" {
			return nil, fmt.Errorf("line %d: must be user:hash", n) // the line may hold a password
		}
		if _, err := bcrypt.Cost([]byte(hash)); err != nil {
			return nil, fmt.Errorf("line %d: the hash of user %q is not bcrypt: make it with htpasswd -B", n, user)
		}
		if _, twice := hashes[user]; twice {
			return nil, fmt.Errorf("line %d: user %q is there twice", n, user)
		}
		hashes[user] = hash
	}
	if len(hashes) == 0 {
		return nil, errors.New("it has no users")
	}
	return hashes, nil
}

// refresh looks whether the file has changed. The caller holds mu.
func (u *users) refresh() {
	text, err := os.ReadFile(u.path)
	if err != nil {
		// Told once, until the file is back.
		if u.text != nil {
			u.failed("basic_auth_file", err)
		}
		u.text = nil
		return
	}
	if u.text != nil && bytes.Equal(text, u.text) {
		return
	}
	u.text = text
	hashes, err := parseUsers(text)
	if err != nil {
		u.failed("basic_auth_file", err)
		return
	}
	u.hashes = hashes
	clear(u.proven) // proofs of former hashes prove nothing: keep no more than there are users
}

// check says whether a user has a password; an error means that it could not be found out
// now.
func (u *users) check(user, password string) (bool, error) {
	u.mu.Lock()
	u.refresh()
	hash, known := u.hashes[user]
	proven, was := u.proven[user]
	u.mu.Unlock()
	if !known {
		hash = u.dummy
	}
	proof := u.proof(hash, password)
	if was && subtle.ConstantTimeCompare(proof[:], proven[:]) == 1 {
		return true, nil
	}
	select {
	case u.hashing <- struct{}{}:
		defer func() { <-u.hashing }()
	default:
		return false, errLoginsBusy
	}
	u.one.Lock()
	err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password))
	u.one.Unlock()
	if err != nil || !known {
		return false, nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.hashes[user] == hash { // else the file has changed meanwhile
		u.proven[user] = proof
	}
	return true, nil
}

// proof identifies a hash and a password without keeping either.
func (u *users) proof(hash, password string) [32]byte {
	b := append(u.salt[:len(u.salt):len(u.salt)], hash...)
	b = append(b, 0)
	return sha256.Sum256(append(b, password...))
}
