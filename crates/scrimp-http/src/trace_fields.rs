//! Request fields that only trace a call.
//!
//! They differ from call to call and change no response. Requests that differ only in them ask for
//! the same and share a call, a response and a batch. A batch envelope carries the fields of its
//! first item.

use http::HeaderName;

use crate::names::{FieldNames, is_indifferent};

/// The fields, by the documentation of those who set them.
///
/// Trace Context and Baggage (W3C); B3 (Zipkin); Jaeger; OpenTracing; Datadog; New Relic;
/// Dynatrace; AppDynamics; Elastic APM; Instana; Honeycomb; SkyWalking; Sentry; Google Cloud;
/// AWS X-Ray and SDKs; Azure, Application Insights and Microsoft Graph; Cloudflare, Akamai,
/// Fly, Render, Vercel and Heroku; Envoy and Linkerd; the SDKs of model providers; and the
/// request ids that proxies set.
pub static TRACE_FIELDS: FieldNames = FieldNames::new(
    &[
        "akamai-request-id",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "b3",
        "baggage",
        "cf-ray",
        "client-request-id",
        "correlation-context",
        "correlation-id",
        "elastic-apm-traceparent",
        "fly-request-id",
        "grpc-trace-bin",
        "jaeger-baggage",
        "jaeger-debug-id",
        "l5d-ctx-trace",
        "ms-cv",
        "newrelic",
        "request-context",
        "request-id",
        "rndr-id",
        "sentry-trace",
        "singularityheader",
        "sw8",
        "sw8-correlation",
        "sw8-x",
        "trace-id",
        "traceparent",
        "tracestate",
        "uber-trace-id",
        "x-akamai-request-id",
        "x-amz-apigw-id",
        "x-amzn-requestid",
        "x-amzn-trace-id",
        "x-azure-ref",
        "x-client-trace-id",
        "x-cloud-trace-context",
        "x-correlation-id",
        "x-correlationid",
        "x-dynatrace",
        "x-dynatrace-application",
        "x-dynatrace-origin",
        "x-dynatrace-test",
        "x-envoy-attempt-count",
        "x-envoy-decorator-operation",
        "x-envoy-expected-rq-timeout-ms",
        "x-goog-api-client",
        "x-goog-trace-context",
        "x-honeycomb-trace",
        "x-instana-l",
        "x-instana-s",
        "x-instana-synthetic",
        "x-instana-t",
        "x-ms-client-request-id",
        "x-ms-correlation-request-id",
        "x-ms-request-id",
        "x-newrelic-id",
        "x-newrelic-synthetics",
        "x-newrelic-transaction",
        "x-ot-span-context",
        "x-parent-id",
        "x-queue-start",
        "x-request-id",
        "x-request-start",
        "x-requestid",
        "x-span-id",
        "x-stackdriver-trace",
        "x-trace",
        "x-trace-id",
        "x-traceid",
        "x-transaction-id",
        "x-vercel-id",
    ],
    &[
        "ot-baggage-",
        "ot-tracer-",
        "uberctx-",
        "x-b3-",
        "x-datadog-",
        "x-stainless-",
    ],
);

/// Reports whether a field only traces a call.
#[must_use]
#[inline]
pub fn is_trace_field(name: &HeaderName) -> bool {
    !is_indifferent(name) && TRACE_FIELDS.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_list_is_found_in_any_spelling() {
        let one = |name: &str| is_trace_field(&HeaderName::from_bytes(name.as_bytes()).unwrap());
        for name in TRACE_FIELDS.names() {
            assert!(one(name) && one(&name.replace('-', "_")), "{name}");
        }
        for prefix in TRACE_FIELDS.prefixes() {
            assert!(one(&format!("{prefix}anything")), "{prefix}");
        }
    }

    #[test]
    fn fields_that_select_or_authorise_a_response_are_not_trace_fields() {
        for name in [
            "accept",
            "authorization",
            "cookie",
            "x-api-key",
            "user-agent",
            "idempotency-key",
        ] {
            assert!(!is_trace_field(&HeaderName::from_static(name)), "{name}");
        }
    }
}
