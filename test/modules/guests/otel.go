// require go.opentelemetry.io/otel v1.47.0
// require go.opentelemetry.io/otel/sdk v1.47.0
// require go.opentelemetry.io/otel/exporters/stdout/stdouttrace v1.47.0
package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/trace"
)

func test() string {
	var out bytes.Buffer
	p := trace.NewTracerProvider(trace.WithBatcher(must(stdouttrace.New(stdouttrace.WithWriter(&out)))))
	_, span := p.Tracer("test").Start(context.Background(), "hello")
	span.SetAttributes(attribute.String("name", "you"))
	span.End()
	check(p.Shutdown(context.Background()))
	return fmt.Sprint(strings.Contains(out.String(), `"Value":"you"`))
}
