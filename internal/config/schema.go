package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/vesbridge/vesbridge/pkg/dmaap"
)

// Schema returns the JSON Schema (draft-07) of the configuration file, made from the very
// types that decode it. Sections of Prometheus' own language are left open: Prometheus'
// documentation is their reference.
func Schema() ([]byte, error) {
	root := typeSchema(reflect.TypeFor[tree]())
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "vesbridge configuration"
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the configuration's schema: %w", err)
	}
	return append(out, '\n'), nil
}

type object = map[string]any

// typeSchema tells what YAML a Go type takes.
func typeSchema(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[yaml.Node]():
		return object{}
	case reflect.TypeFor[dmaap.Topics]():
		return object{"oneOf": []object{{"const": "onap"}, {"type": "object", "additionalProperties": object{"type": "string"}}}}
	case reflect.TypeFor[dmaap.Values]():
		return object{"oneOf": []object{{"type": "string"}, {"type": "array", "items": object{"type": "string"}}}}
	case reflect.TypeFor[promconfig.URL]():
		return object{"type": "string", "description": "a URL"}
	case reflect.TypeFor[model.Duration](), reflect.TypeFor[time.Duration]():
		return object{"type": "string", "description": "a duration such as 15s, 5m or 1h"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeSchema(t.Elem())
	case reflect.Struct:
		return structSchema(t)
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": typeSchema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": typeSchema(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Uint64, reflect.Uint16:
		return object{"type": "integer"}
	case reflect.Float64, reflect.Float32:
		return object{"type": "number"}
	}
	return object{}
}

func structSchema(t reflect.Type) object {
	props, open := object{}, false
	addFields(t, props, &open)
	s := object{"type": "object", "properties": props}
	if !open {
		s["additionalProperties"] = false
	}
	return s
}

// addFields adds the members of struct t that YAML sees; inlined structs add theirs, an
// inlined map opens the object.
func addFields(t reflect.Type, props object, open *bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || tag == "-":
		case strings.Contains(opts, "inline") && f.Type.Kind() == reflect.Map:
			*open = true
		case strings.Contains(opts, "inline"):
			addFields(f.Type, props, open)
		default:
			if tag == "" {
				tag = strings.ToLower(f.Name)
			}
			props[tag] = typeSchema(f.Type)
			if tag == "ves_version" {
				props[tag] = object{"type": []string{"string", "number"}} // 7.2 is a number to YAML
			}
		}
	}
}
