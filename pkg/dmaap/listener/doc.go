// Package listener is the VES intake: an HTTP server that takes events as an ONAP DCAE VES
// collector does, judges them and hands them to a sink.
//
//	POST /eventListener/v7              {"event":{…}}
//	POST /eventListener/v7/eventBatch   {"eventList":[{…},…]}, one domain
//	POST /eventListener/v5, …/eventBatch
//	GET  /healthcheck                   never asks for credentials
//	GET  /
//
// v7 is judged by the schema of VES 7.2.1, v5 by that of 5.4.1; other versions are not
// served. A request is answered with success only after the sink has all of its events; a
// sink that cannot take them makes it 503, so that the client sends them again. A batch is
// taken whole or not at all.
//
// Two ways of answering. By default refusals are HTTP statuses that tell a client whether
// to repeat (400 and 413 never, 404 and 415 after somebody changed the client, 408 and 503
// later), and their body says what is wrong, where (JSON pointer), and what to do. With
// Config.Compat the answers are those observed on a VES collector 1.12.5 with its
// standalone configuration, weaknesses included, for clients and tests that depend on them.
//
// What Compat does not imitate: v1 to v4; the rewriting of events (event.transform.flag);
// the leniency of its JSON library (unquoted text, 3.0 for an integer); its slowness. Its
// repository of stndDefined schemas is there where Config.Schemas names one.
package listener
