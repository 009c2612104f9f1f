package ves_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vesbridge/vesbridge/pkg/ves"
)

func TestCheckSizeNamesTheLargestMembers(t *testing.T) {
	e := measurement(t)
	e.Measurement.AdditionalFields = ves.HashMap{{Key: "dump", Text: strings.Repeat("x", 5000)}}
	e.Measurement.AddGroup("up").Set("retries", "3")
	body := send(t, e)
	require.NoError(t, ves.CheckSize("m1", body, len(body)))
	err := ves.CheckSize("m1", body, len(body)-1)
	se, ok := errors.AsType[*ves.SizeError](err)
	require.True(t, ok)
	require.Equal(t, len(body), se.Size)
	require.Equal(t, []ves.MemberSize{
		{Pointer: "/event/measurementFields/additionalFields", Bytes: 5000 + len(`{"dump":""}`)},
		{Pointer: "/event/measurementFields/additionalMeasurements", Bytes: len(`[{"name":"up","hashMap":{"retries":"3"}}]`)},
	}, se.Largest[:2])
	require.ErrorContains(t, err, "/event/measurementFields/additionalFields 5011")

	list := ves.LargestMembers([]byte(`{"eventList":[{"a":{"b":1}},{"a":{"c~/d":"12345"}}`), 5)
	require.Equal(t, []ves.MemberSize{{Pointer: "/eventList/1/a/c~0~1d", Bytes: 7}, {Pointer: "/eventList/0/a/b", Bytes: 1}}, list)
	require.Empty(t, ves.LargestMembers([]byte(`[1`), 5))
}
