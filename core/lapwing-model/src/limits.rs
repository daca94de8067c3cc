//! Every bound in one place, with its unit. Shown on the status page.

/// Bytes of one reception; a transport cuts streams to this and refuses larger messages.
pub const RECEPTION_BYTES_MAX: usize = 1 << 20;
/// Receptions waiting between the transports and the run loop, per input.
pub const MAILBOX_RECEPTIONS_MAX: usize = 4_096;
/// Bytes waiting between the transports and the run loop, all inputs.
pub const MAILBOX_BYTES_MAX: usize = 64 << 20;
/// Connections one listening input serves at a time.
pub const CONNECTIONS_PER_INPUT_MAX: usize = 64;
/// Events waiting for one output; a slow one loses its own oldest, counted.
pub const OUTPUT_EVENTS_MAX: usize = 4_096;
/// Bytes waiting for one output; above it the oldest give way as with the events.
pub const OUTPUT_BYTES_MAX: usize = 16 << 20;
/// Live tracks; above it the least threatening tentative track gives way.
pub const TRACKS_MAX: usize = 50_000;
/// Configured sensors.
pub const SENSORS_MAX: usize = 10_000;
/// Configured zones.
pub const ZONES_MAX: usize = 10_000;
/// Vertices of one zone.
pub const ZONE_VERTICES_MAX: usize = 10_000;
/// Alerts held (live ones never give way; the oldest cleared ones do).
pub const ALERTS_MAX: usize = 10_000;
/// Points of trail a track keeps for display.
pub const TRAIL_POINTS_MAX: usize = 120;
/// Names (serials, addresses) kept per track.
pub const NAMES_PER_TRACK_MAX: usize = 16;
/// Transmitters that speak for one track; above it the one longest unheard gives way, of those that plots agreed with last.
pub const VOICES_PER_TRACK_MAX: usize = 64;
/// Pieces of evidence kept per identity.
pub const EVIDENCE_PER_TRACK_MAX: usize = 32;
/// Journal positions kept per track and alert: the first ones and the latest ones.
pub const SOURCES_PER_TRACK_MAX: usize = 16;
/// Transmitters (MAC addresses, ICAO addresses) remembered by the picture.
pub const TRANSMITTERS_MAX: usize = 65_536;
/// WebSocket clients served at a time.
pub const CLIENTS_MAX: usize = 256;
/// JSON messages (alerts, events, states) waiting for one WebSocket client; one that falls further behind is closed.
pub const CLIENT_MESSAGES_MAX: usize = 1_024;
/// HTTP connections served at a time.
pub const HTTP_CONNECTIONS_MAX: usize = 512;
/// HTTP requests worked on at a time.
pub const HTTP_REQUESTS_MAX: usize = 64;
/// Bytes of one HTTP request's body.
pub const HTTP_BODY_BYTES_MAX: usize = 16 << 10;
/// Latest events kept for the interface's event list.
pub const EVENTS_KEPT_MAX: usize = 4_096;
/// Faults kept per input for display.
pub const FAULTS_PER_INPUT_MAX: usize = 32;

/// All bounds as name, value, unit: what the status page shows.
pub const ALL: &[(&str, usize, &str)] = &[
    ("reception", RECEPTION_BYTES_MAX, "bytes"),
    ("mailbox_receptions", MAILBOX_RECEPTIONS_MAX, "receptions per input"),
    ("mailbox_bytes", MAILBOX_BYTES_MAX, "bytes"),
    ("connections", CONNECTIONS_PER_INPUT_MAX, "connections per input"),
    ("output_events", OUTPUT_EVENTS_MAX, "events per output"),
    ("output_bytes", OUTPUT_BYTES_MAX, "bytes per output"),
    ("tracks", TRACKS_MAX, "tracks"),
    ("sensors", SENSORS_MAX, "sensors"),
    ("zones", ZONES_MAX, "zones"),
    ("zone_vertices", ZONE_VERTICES_MAX, "vertices per zone"),
    ("alerts", ALERTS_MAX, "alerts"),
    ("trail_points", TRAIL_POINTS_MAX, "points per track"),
    ("names", NAMES_PER_TRACK_MAX, "names per track"),
    ("voices", VOICES_PER_TRACK_MAX, "transmitters per track"),
    ("evidence", EVIDENCE_PER_TRACK_MAX, "pieces per track"),
    ("sources", SOURCES_PER_TRACK_MAX, "journal positions per track"),
    ("transmitters", TRANSMITTERS_MAX, "transmitters"),
    ("clients", CLIENTS_MAX, "WebSocket clients"),
    ("client_messages", CLIENT_MESSAGES_MAX, "messages per WebSocket client"),
    ("http_connections", HTTP_CONNECTIONS_MAX, "connections"),
    ("http_requests", HTTP_REQUESTS_MAX, "requests at a time"),
    ("http_body", HTTP_BODY_BYTES_MAX, "bytes"),
    ("events_kept", EVENTS_KEPT_MAX, "events"),
    ("faults", FAULTS_PER_INPUT_MAX, "faults shown per input"),
];
