//! Who may call what, and the checks every request passes first.

use crate::app::App;
use crate::mask::Role;
use crate::problem::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone on this machine, as [`Role::Operator`]: the server listens on no other address.
    Loopback,
}

impl Access {
    fn role(self) -> Role {
        match self {
            Self::Loopback => Role::Operator,
        }
    }
}

/// A route and who may call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// HTTP method; `GET` stands for `HEAD` too.
    pub method: &'static str,
    /// Path, with its parameters in braces.
    pub path: &'static str,
    /// Who.
    pub access: Access,
}

const fn loopback(method: &'static str, path: &'static str) -> Rule {
    Rule { method, path, access: Access::Loopback }
}

/// Every route there is. One that is missing here is refused at run time, and a test compares the table with the
/// OpenAPI document both ways.
pub const ACCESS: &[Rule] = &[
    loopback("GET", "/api/v1/alerts"),
    loopback("GET", "/api/v1/alerts/{id}"),
    loopback("POST", "/api/v1/alerts/{id}/acknowledge"),
    loopback("GET", "/api/v1/events"),
    loopback("GET", "/api/v1/history/alerts"),
    loopback("GET", "/api/v1/history/audit"),
    loopback("GET", "/api/v1/history/incidents"),
    loopback("GET", "/api/v1/history/tracks"),
    loopback("GET", "/api/v1/history/tracks/{id}"),
    loopback("GET", "/api/v1/inputs"),
    loopback("GET", "/api/v1/live"),
    loopback("GET", "/api/v1/openapi.json"),
    loopback("GET", "/api/v1/outputs"),
    loopback("GET", "/api/v1/sensors"),
    loopback("GET", "/api/v1/site"),
    loopback("GET", "/api/v1/snapshot"),
    loopback("GET", "/api/v1/status"),
    loopback("GET", "/api/v1/tracks"),
    loopback("GET", "/api/v1/tracks/{id}"),
    loopback("GET", "/api/v1/zones"),
    loopback("GET", "/data/aircraft.json"),
    loopback("GET", "/data/receiver.json"),
    loopback("GET", "/metrics"),
];

/// The console's files: no data in them, so the same for everyone who may connect.
const CONSOLE: Access = Access::Loopback;

/// The longest a request may take, from its headers to its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// What every request passes before it reaches its route, and every answer after.
pub(crate) async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let host = host_of(request.headers()).map(str::to_owned);
    let mut response = match admit(&request, host.as_deref()) {
        Err(problem) => problem.into_response(),
        Ok(role) => match app.requests.try_acquire() {
            Err(_) => Problem::unavailable("too many requests at a time").into_response(),
            Ok(_permit) => {
                request.extensions_mut().insert(role);
                match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
                    Ok(response) => response,
                    Err(_) => Problem::unavailable("the request took too long").into_response(),
                }
            }
        },
    };
    secure(response.headers_mut(), host.as_deref());
    response
}

fn admit(request: &Request, host: Option<&str>) -> Result<Role, Problem> {
    let host = host.filter(|host| is_loopback_host(host)).ok_or_else(|| {
        Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "the Host header has to be localhost, 127.0.0.1 or [::1]: this server answers to no other name",
        )
    })?;
    if let Some(origin) = request.headers().get(header::ORIGIN) {
        let same =
            origin.to_str().is_ok_and(|o| o.strip_prefix("http://").is_some_and(|o| o.eq_ignore_ascii_case(host)));
        if !same {
            return Err(Problem::forbidden("requests from pages of another origin are refused"));
        }
    }
    let Some(path) = request.extensions().get::<MatchedPath>() else { return Ok(CONSOLE.role()) };
    let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
    let mut rules = ACCESS.iter().filter(|r| r.path == path.as_str()).peekable();
    if rules.peek().is_none() {
        return Err(Problem::forbidden("this route has no access rule"));
    }
    let rule = rules.find(|r| r.method == method);
    let refused = || Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not defined here"));
    rule.map(|r| r.access.role()).ok_or_else(refused)
}

/// The one `Host` header, if there is exactly one.
fn host_of(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::HOST).iter();
    let host = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(host)
}

/// Whether a `Host` names this machine's loopback. The port is free, so that a tunnel may end on another one; the name
/// is what keeps a page that rebinds its own name to 127.0.0.1 out.
fn is_loopback_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|h| h.split_once(']')) {
        Some(("::1", "")) => return true,
        Some(("::1", rest)) => match rest.strip_prefix(':') {
            Some(port) => ("localhost", port),
            None => return false,
        },
        Some(_) => return false,
        None => match host.split_once(':') {
            Some((name, port)) => (name, port),
            None => (host, "0"),
        },
    };
    let named = name.eq_ignore_ascii_case("localhost") || name.parse::<Ipv4Addr>().is_ok_and(|a| a.is_loopback());
    named && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

fn secure(headers: &mut HeaderMap, host: Option<&str>) {
    // `'self'` covers the WebSocket in current browsers; the explicit source is for those where it does not. Only a
    // checked host is written back, so nothing can be injected here.
    let socket = host.filter(|h| is_loopback_host(h)).map(|h| format!(" ws://{h}")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; \
         img-src 'self' data: blob:; font-src 'self'; media-src 'self'; manifest-src 'self'; \
         connect-src 'self'{socket}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=(), usb=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_hosts() {
        for good in ["localhost", "LOCALHOST:8480", "127.0.0.1", "127.0.0.1:8480", "127.1.2.3:1", "[::1]", "[::1]:8480"]
        {
            assert!(is_loopback_host(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "evil.example:8480",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost:",
            "localhost:99999",
            "localhost:1:2",
            "localhost:+1",
            "[::2]:1",
            "[::1]x",
            "10.0.0.1",
            "user@localhost",
            "localhost;",
        ] {
            assert!(!is_loopback_host(bad), "{bad}");
        }
    }

    #[test]
    fn the_table_has_no_route_twice_and_is_in_order() {
        assert!(ACCESS.windows(2).all(|w| (w[0].path, w[0].method) < (w[1].path, w[1].method)));
    }
}
