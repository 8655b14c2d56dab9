//! The trace that a request belongs to: `traceparent` of W3C Trace Context.

use opentelemetry::{
    propagation::{Extractor, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use poem::http::HeaderMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";
/// The length of version 00; later versions may only be longer (section 3.2.4).
const LENGTH: usize = 55;

/// The one header of a request that is read. Threat: tracestate, which is free text and would reach the collector.
struct Traceparent<'a>(&'a HeaderMap);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(TRACEPARENT).iter();
        let value = values.next()?.to_str().ok()?;
        (key == TRACEPARENT && values.next().is_none() && value.len() >= LENGTH).then_some(value)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// Makes the caller's span the parent of the request's, and names their trace in the log. A header that cannot be
/// read is ignored (section 4.3), and the request begins a trace of its own.
///
/// Callers decide whether their trace is recorded, so a stranger's request may leave none; the audit log always
/// has it.
pub(super) fn follow(span: &Span, headers: &HeaderMap) {
    let parent = TraceContextPropagator::new().extract(&Traceparent(headers));
    let caller = parent.span().span_context().clone();
    if caller.is_valid() {
        // An error says that no traces are sent, or that this span is in none.
        let _ = span.set_parent(parent);
        span.record("trace_id", tracing::field::display(caller.trace_id()));
    }
}
