package bridgetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"
)

// Broker is a real one-node Apache Kafka (KRaft) on loopback. Topics are made on first use.
type Broker struct {
	*Process
	// Plain, TLS, SASL and SASLTLS are host:port of the listeners: neither, TLS, SCRAM
	// without and with TLS.
	Plain, TLS, SASL, SASLTLS string
	// User and Password are the SCRAM-SHA-512 account.
	User, Password string
	// CAFile, CertFile and KeyFile are PEM: the authority of the broker's certificate, and
	// a client certificate that it signed.
	CAFile, CertFile, KeyFile string
}

const (
	brokerUser     = "bridge"
	brokerPassword = "bridge-test-only"
)

// Kafka starts a broker and returns when it takes requests, some seconds later.
func Kafka(t testing.TB) *Broker {
	t.Helper()
	libs := filepath.Join(cache(), "kafka", "libs")
	if _, err := os.Stat(libs); err != nil {
		Missing(t, "Apache Kafka", "run `make servers` (needs java and mvn)")
	}
	java, err := exec.LookPath("java")
	if err != nil {
		Missing(t, "java", "install the Debian package default-jre-headless")
	}
	for attempt := 1; ; attempt++ {
		b, err := startKafka(t, java, filepath.Join(libs, "*"))
		if err == nil {
			return b
		}
		// The likely cause is a port that somebody took between the choice and the start.
		if attempt == 3 {
			t.Fatalf("starting kafka: %v", err)
		}
		t.Logf("starting kafka, attempt %d: %v", attempt, err)
	}
}

func startKafka(t testing.TB, java, classpath string) (*Broker, error) {
	t.Helper()
	dir := t.TempDir()
	b := &Broker{User: brokerUser, Password: brokerPassword}
	server := b.writeCertificates(t, dir)
	ports := freePorts(t, 5)
	addr := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	b.Plain, b.TLS, b.SASL, b.SASLTLS = addr(0), addr(1), addr(2), addr(3)
	var conf bytes.Buffer
	if err := kafkaProperties.Execute(&conf, map[string]any{
		"Broker": b, "Controller": addr(4), "Dir": dir, "Keystore": server,
	}); err != nil {
		return nil, err
	}
	properties, log4j := filepath.Join(dir, "server.properties"), filepath.Join(dir, "log4j2.properties")
	if err := errors.Join(
		os.WriteFile(properties, conf.Bytes(), 0o600),
		os.WriteFile(log4j, []byte(kafkaLog4j), 0o600),
	); err != nil {
		return nil, err
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	format := exec.CommandContext(t.Context(), java, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-cp", classpath, "kafka.tools.StorageTool", "format",
		"-t", base64.RawURLEncoding.EncodeToString(id), "-c", properties,
		"--add-scram", fmt.Sprintf("SCRAM-SHA-512=[name=%s,password=%s]", b.User, b.Password))
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("formatting its storage: %w\n%s", err, out)
	}
	b.Process = Start(t, "kafka", exec.Command(java, "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC",
		"-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true", "-Dlog4j2.configurationFile="+log4j,
		"-cp", classpath, "kafka.Kafka", properties))
	err := b.await(2*time.Minute, func() error {
		if !strings.Contains(b.Output(), "Kafka Server started") {
			return errors.New("it has not said that it started")
		}
		return errors.Join(dialable(b.Plain), dialable(b.TLS), dialable(b.SASL), dialable(b.SASLTLS))
	})
	if err != nil {
		tail := b.tail(3000)
		b.Process.Stop()
		return nil, fmt.Errorf("%w\n%s", err, tail)
	}
	return b, nil
}

var kafkaProperties = template.Must(template.New("server.properties").Parse(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{{.Controller}}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{{.Broker.Plain}},SSL://{{.Broker.TLS}},SASL_PLAINTEXT://{{.Broker.SASL}},SASL_SSL://{{.Broker.SASLTLS}},CONTROLLER://{{.Controller}}
advertised.listeners=PLAINTEXT://{{.Broker.Plain}},SSL://{{.Broker.TLS}},SASL_PLAINTEXT://{{.Broker.SASL}},SASL_SSL://{{.Broker.SASLTLS}}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={{.Keystore}}
ssl.truststore.type=PEM
ssl.truststore.location={{.Broker.CAFile}}
ssl.client.auth=requested
log.dirs={{.Dir}}/data
num.partitions=3
auto.create.topics.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=2097152
`))

const kafkaLog4j = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1} %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`

// writeCertificates makes an authority, a server and a client certificate, sets the client
// files of b and returns the server's keystore: one PEM file with its key and chain.
func (b *Broker) writeCertificates(t testing.TB, dir string) (keystore string) {
	t.Helper()
	ca := newCertificate(t, "vesbridge test authority", nil)
	server, client := newCertificate(t, "localhost", ca), newCertificate(t, "bridge", ca)
	write := func(name string, blocks ...[]byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, bytes.Join(blocks, nil), 0o600); err != nil {
			t.Fatalf("writing certificate: %v", err)
		}
		return path
	}
	b.CAFile = write("ca.pem", ca.certPEM)
	b.CertFile, b.KeyFile = write("client.pem", client.certPEM), write("client.key", client.keyPEM)
	return write("server.pem", server.keyPEM, server.certPEM)
}

type certificate struct {
	cert            *x509.Certificate
	key             *ecdsa.PrivateKey
	certPEM, keyPEM []byte
}

// newCertificate signs with parent, or makes an authority where that is nil.
func newCertificate(t testing.TB, name string, parent *certificate) *certificate {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatalf("making a certificate for %s: %v", name, err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	check(err)
	c := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signer := &certificate{cert: c, key: key}
	if parent != nil {
		signer = parent
	} else {
		c.IsCA, c.BasicConstraintsValid = true, true
		c.KeyUsage, c.ExtKeyUsage, c.DNSNames, c.IPAddresses = x509.KeyUsageCertSign, nil, nil, nil
	}
	der, err := x509.CreateCertificate(rand.Reader, c, signer.cert, &key.PublicKey, signer.key)
	check(err)
	made, err := x509.ParseCertificate(der)
	check(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	return &certificate{
		cert: made, key: key,
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
}
