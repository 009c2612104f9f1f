"""Reads and writes VesEvents with code that protoc generated for Python.

usage: peer.py GENERATED EVENT_MODULE FIELDS_MODULE

Each line of standard input is the hexadecimal text of one serialised VesEvent of the domain
perf3gpp. For each, one line of JSON comes out: what Python understood of it, and what Python
serialises for the same content, built anew from that understanding.
"""

import importlib
import json
import sys

sys.path.insert(0, sys.argv[1])

from google.protobuf import json_format  # noqa: E402

event_module = importlib.import_module(sys.argv[2])
fields_module = importlib.import_module(sys.argv[3])


def understood(message):
    return json.loads(
        json_format.MessageToJson(message, preserving_proto_field_name=True)
    )


for line in sys.stdin:
    event = event_module.VesEvent.FromString(bytes.fromhex(line))
    fields = fields_module.Perf3gppFields.FromString(event.eventFields)

    header = understood(event.commonEventHeader)
    content = understood(fields)

    rebuilt = event_module.VesEvent(
        commonEventHeader=json_format.ParseDict(
            header, event_module.CommonEventHeader()
        ),
        eventFields=json_format.ParseDict(
            content, fields_module.Perf3gppFields()
        ).SerializeToString(deterministic=True),
    )
    unknown = len(event.commonEventHeader.SerializeToString()) != len(
        rebuilt.commonEventHeader.SerializeToString()
    ) or len(fields.SerializeToString()) != len(rebuilt.eventFields)
    print(
        json.dumps(
            {
                "header": header,
                "fields": content,
                "rebuilt": rebuilt.SerializeToString(deterministic=True).hex(),
                "unknown": unknown,
            }
        )
    )
