package vescollector

import (
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"
)

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return der
}
