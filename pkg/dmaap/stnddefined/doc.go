// Package stnddefined is the second stage of judging stndDefined events (VES 7.2 §"stndDefined
// Domain"): the data of such an event against the OpenAPI 3.0 schema that its schemaReference
// names, as the ONAP VES collector does with the files of its etc/externalRepo.
//
// A folder holds the documents and schema-map.json, a list of {"publicURL","localURL"}: the URL
// that references are written with, and the document's path below the folder. What a collector
// answers is told as the message id of its refusal: SVC2004 for a document that the map lacks,
// SVC2000 for a fragment that leads nowhere and for data that the schema refuses, SVC2006 for
// a missing namespace. An event without a schemaReference passes.
//
// OpenAPI's schema language is read as JSON Schema draft-04, from which it was made, with
// `nullable`; discriminators and descriptions are passed over.
package stnddefined
