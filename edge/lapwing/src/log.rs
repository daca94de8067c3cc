//! What happens, for the log: losses and warnings as they come, in a line each. Texts from outside are clean by their type,
//! and personal values have no way in.

use lapwing_model::{AlertState, Event, EventBody, Link, Span, snapshot::Health};
use lapwing_server::OutputState;

/// Says what an operator of the machine should know of an event.
pub(crate) fn event(event: &Event) {
    match &event.body {
        // Only a step in its life, not each new prediction.
        EventBody::AlertChanged { alert } if alert.steps.last().is_some_and(|s| s.at == event.at) => {
            match alert.state {
                AlertState::Raised => tracing::warn!("alert {} raised: {}", alert.id, alert.headline),
                AlertState::Acknowledged => tracing::info!("alert {} acknowledged: {}", alert.id, alert.headline),
                AlertState::Cleared => tracing::info!("alert {} cleared: {}", alert.id, alert.headline),
            }
        }
        EventBody::SensorChanged { sensor, health, why } => {
            let why = why.as_ref().map(|w| format!(": {w}")).unwrap_or_default();
            match health {
                Health::Silent => tracing::warn!("sensor {sensor} is silent{why}"),
                Health::Faulty => tracing::warn!("sensor {sensor} is faulty{why}"),
                Health::Live => tracing::info!("sensor {sensor} is live"),
                Health::Waiting => {}
            }
        }
        EventBody::InputChanged { input, link } => match link {
            Link::Down { why } => tracing::warn!("input {input} is down: {why}"),
            Link::Up => tracing::info!("input {input} is up"),
            Link::Finished => tracing::info!("input {input} has ended"),
            Link::Starting => {}
        },
        _ => {}
    }
}

/// Says that times are wrong, as long as they are.
pub(crate) fn clock_ahead(ahead: Span) {
    if ahead > Span::from_seconds(1) {
        tracing::warn!(
            "the clock of this machine was set back: times here are {:.1} s ahead of it, and less each minute",
            ahead.as_seconds_f64()
        );
    }
}

/// Says which outputs went down or came up.
pub(crate) fn outputs(before: &[OutputState], now: &[OutputState]) {
    for output in now {
        let known = before.iter().find(|o| o.name == output.name).map(|o| &o.link);
        if known == Some(&output.link) {
            continue;
        }
        match &output.link {
            Link::Down { why } => tracing::warn!("output {} is down: {why}", output.name),
            Link::Up => tracing::info!("output {} is up", output.name),
            Link::Finished | Link::Starting => {}
        }
    }
}
