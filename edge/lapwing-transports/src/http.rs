//! HTTP: a push input (each POST is one message) and a webhook output (each message is one POST). Both speak through
//! hyper itself, which the server's axum brings anyway: no further crate, no TLS library by accident.

mod push;
mod webhook;

use crate::Transport;

/// HTTP.
pub(crate) const TRANSPORT: Transport = Transport {
    name: "http",
    summary: "HTTP push: sensors POST to Lapwing, one message each; a webhook: Lapwing POSTs to a receiver, queued and \
              retried.",
    input: Some(push::open),
    output: Some(webhook::open),
    sample_input: "\
listen = \"127.0.0.1:8481\"  # loopback only
path = \"/sensor/gate\"      # the only path that is taken (default /)
max_bytes = 65536          # the largest message (default and at most 1048576)
",
    sample_output: "\
url = \"http://127.0.0.1:9000/hook\"
content_type = \"application/json\"   # default
timeout_s = 5             # of one attempt, from connecting to the whole answer (default 5)
attempts = 20             # then the message is given up and counted as lost (default 20, over about a minute and a half)
headers = { \"X-Site\" = \"airport\" }  # further headers
",
};

#[cfg(test)]
mod tests;
