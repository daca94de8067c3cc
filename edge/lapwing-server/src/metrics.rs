//! Numbers for Prometheus, in its text format 0.0.4.

use crate::api::status::Counts;
use crate::app::App;
use crate::feeds::{JournalState, JournalTimes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use lapwing_model::Link;
use std::fmt::{self, Write};
use std::sync::Arc;

/// Numbers for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "other formats",
    responses((status = 200, description = "Prometheus text format", body = String, content_type = "text/plain; version=0.0.4"))
)]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, &app);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

fn write_all(out: &mut String, app: &App) -> fmt::Result {
    let snapshot = app.snapshot();
    head(out, "lapwing_info", "gauge", "Version of the server.")?;
    writeln!(out, "lapwing_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))?;
    head(out, "lapwing_picture_time_seconds", "gauge", "The picture's time since 1970-01-01T00:00Z.")?;
    writeln!(out, "lapwing_picture_time_seconds {:.3}", snapshot.at.as_seconds_f64())?;

    let inputs = &snapshot.inputs;
    head(out, "lapwing_input_up", "gauge", "1 while the input's transport works.")?;
    for i in inputs {
        writeln!(out, "lapwing_input_up{{input=\"{}\"}} {}", i.input, u8::from(i.link == Link::Up))?;
    }
    head(out, "lapwing_input_received_units_total", "counter", "Units received.")?;
    for i in inputs {
        writeln!(out, "lapwing_input_received_units_total{{input=\"{}\"}} {}", i.input, i.ledger.received)?;
    }
    head(out, "lapwing_input_used_units_total", "counter", "Units the picture used.")?;
    for i in inputs {
        writeln!(out, "lapwing_input_used_units_total{{input=\"{}\"}} {}", i.input, i.ledger.used)?;
    }
    head(out, "lapwing_input_rejected_units_total", "counter", "Units rejected, by reason.")?;
    for i in inputs {
        by_reason(out, "lapwing_input_rejected_units_total", i.input.as_str(), &i.ledger.rejected)?;
    }
    head(out, "lapwing_input_shed_units_total", "counter", "Units shed under load, by reason.")?;
    for i in inputs {
        by_reason(out, "lapwing_input_shed_units_total", i.input.as_str(), &i.ledger.shed)?;
    }

    let counts = Counts::of(app, &snapshot);
    head(out, "lapwing_tracks", "gauge", "Live tracks by phase.")?;
    for (phase, n) in [
        ("tentative", counts.tracks_tentative),
        ("confirmed", counts.tracks_confirmed),
        ("coasting", counts.tracks_coasting),
    ] {
        writeln!(out, "lapwing_tracks{{phase=\"{phase}\"}} {n}")?;
    }
    head(out, "lapwing_alerts", "gauge", "Alerts shown, by state.")?;
    for (state, n) in [
        ("raised", counts.alerts_raised),
        ("acknowledged", counts.alerts_acknowledged),
        ("cleared", counts.alerts_cleared),
    ] {
        writeln!(out, "lapwing_alerts{{state=\"{state}\"}} {n}")?;
    }
    head(out, "lapwing_sensors", "gauge", "Sensors by health.")?;
    for (health, n) in [
        ("waiting", counts.sensors_waiting),
        ("live", counts.sensors_live),
        ("silent", counts.sensors_silent),
        ("faulty", counts.sensors_faulty),
    ] {
        writeln!(out, "lapwing_sensors{{health=\"{health}\"}} {n}")?;
    }
    head(out, "lapwing_clients", "gauge", "Live clients connected.")?;
    writeln!(out, "lapwing_clients {}", counts.clients)?;
    head(out, "lapwing_clients_closed_slow_total", "counter", "Live clients closed because they were too slow.")?;
    writeln!(out, "lapwing_clients_closed_slow_total {}", counts.clients_closed_slow)?;

    let outputs = app.outputs.borrow().clone();
    head(out, "lapwing_output_up", "gauge", "1 while the output's transport works.")?;
    for o in &outputs {
        writeln!(out, "lapwing_output_up{{output=\"{}\"}} {}", escaped(&o.name), u8::from(o.link == Link::Up))?;
    }
    head(out, "lapwing_output_sent_messages_total", "counter", "Messages handed over.")?;
    for o in &outputs {
        writeln!(out, "lapwing_output_sent_messages_total{{output=\"{}\"}} {}", escaped(&o.name), o.sent)?;
    }
    head(out, "lapwing_output_waiting_messages", "gauge", "Messages waiting.")?;
    for o in &outputs {
        writeln!(out, "lapwing_output_waiting_messages{{output=\"{}\"}} {}", escaped(&o.name), o.waiting)?;
    }
    head(out, "lapwing_output_lost_messages_total", "counter", "Messages lost.")?;
    for o in &outputs {
        writeln!(out, "lapwing_output_lost_messages_total{{output=\"{}\"}} {}", escaped(&o.name), o.lost)?;
    }

    journal(out, &app.journal.borrow().clone())
}

/// The record: how much of it there is, what became of every entry, and how long it could have been lost.
fn journal(out: &mut String, journal: &JournalState) -> fmt::Result {
    head(out, "lapwing_journal_entries_total", "counter", "Journal entries written.")?;
    writeln!(out, "lapwing_journal_entries_total {}", journal.entries)?;
    head(out, "lapwing_journal_bytes", "gauge", "Bytes of the journal.")?;
    writeln!(out, "lapwing_journal_bytes {}", journal.bytes)?;
    head(out, "lapwing_journal_up", "gauge", "1 while the journal records everything.")?;
    writeln!(out, "lapwing_journal_up {}", u8::from(journal.fault.is_none()))?;
    head(out, "lapwing_journal_holds_up", "gauge", "1 while what incidents hold is written down.")?;
    writeln!(out, "lapwing_journal_holds_up {}", u8::from(journal.holds_fault.is_none()))?;
    head(out, "lapwing_journal_offered_entries_total", "counter", "Entries given to the journal.")?;
    writeln!(out, "lapwing_journal_offered_entries_total {}", journal.offered)?;
    head(out, "lapwing_journal_synced_entries_total", "counter", "Entries on the disk.")?;
    writeln!(out, "lapwing_journal_synced_entries_total {}", journal.synced)?;
    head(out, "lapwing_journal_waiting_entries", "gauge", "Entries on their way to the disk.")?;
    writeln!(out, "lapwing_journal_waiting_entries {}", journal.waiting)?;
    head(out, "lapwing_journal_shed_entries_total", "counter", "Entries not recorded, by reason.")?;
    for (reason, count) in
        [("disk-full", journal.shed_disk_full), ("journal-failed", journal.shed_failed), ("memory-full", journal.lost)]
    {
        writeln!(out, "lapwing_journal_shed_entries_total{{reason=\"{reason}\"}} {count}")?;
    }
    head(out, "lapwing_journal_failures_total", "counter", "Writes and syncs that failed.")?;
    writeln!(out, "lapwing_journal_failures_total {}", journal.failures)?;
    head(out, "lapwing_journal_segments_given_up_total", "counter", "Segments given up after a failure.")?;
    writeln!(out, "lapwing_journal_segments_given_up_total {}", journal.segments_given_up)?;
    let help = "How long the oldest entry had waited for the disk, at each sync.";
    times(out, "lapwing_journal_loss_window_seconds", help, &journal.loss_window)?;
    let help = "From the append of an alert or command until it was on the disk.";
    times(out, "lapwing_journal_class_a_seconds", help, &journal.class_a)
}

/// Quantiles since the start; the quantile 1 is the longest.
fn times(out: &mut String, name: &str, help: &str, times: &JournalTimes) -> fmt::Result {
    head(out, name, "summary", help)?;
    for (quantile, ms) in [("0.5", times.p50_ms), ("0.99", times.p99_ms), ("1", times.max_ms)] {
        writeln!(out, "{name}{{quantile=\"{quantile}\"}} {}", ms / 1e3)?;
    }
    writeln!(out, "{name}_count {}", times.count)
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn by_reason<'a>(
    out: &mut String,
    name: &str,
    input: &str,
    counts: impl IntoIterator<Item = (&'a std::borrow::Cow<'static, str>, &'a u64)>,
) -> fmt::Result {
    for (reason, count) in counts {
        writeln!(out, "{name}{{input=\"{input}\",reason=\"{}\"}} {count}", escaped(reason))?;
    }
    Ok(())
}

/// A label's value as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn label_values_cannot_break_out() {
        assert_eq!(super::escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
