//! The console's files, embedded in the binary at build time; without them, a page that says how to build them.

use crate::problem::Problem;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web/dist/"]
#[allow_missing = true]
struct Dist;

const INDEX: &str = "index.html";
/// Vite puts files here whose names change with their content.
const HASHED: &str = "assets/";

/// A file of the console; any path without a file's ending is a view of the console and gets its page.
pub(crate) async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let known = ["api", "data", "metrics"]
        .iter()
        .any(|p| path == *p || path.strip_prefix(p).is_some_and(|r| r.starts_with('/')));
    if known {
        return Problem::not_found(format!("there is nothing at {}", uri.path())).into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not defined here")).into_response();
    }
    respond::<Dist>(path, &headers)
}

fn respond<Files: RustEmbed>(path: &str, headers: &HeaderMap) -> Response {
    let is_view = path.rsplit('/').next().is_none_or(|name| !name.contains('.'));
    let (name, file) = if is_view { (INDEX, Files::get(INDEX)) } else { (path, Files::get(path)) };
    match file {
        Some(file) => embedded(name, file, headers),
        None if is_view => missing(),
        None => Problem::not_found(format!("the console has no file {path}")).into_response(),
    }
}

fn embedded(name: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let etag = hash.iter().take(16).fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
    let cache = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|v| {
        v.to_str().is_ok_and(|v| {
            v.split(',').any(|t| matches!(t.trim(), t if t == "*" || t.trim_start_matches("W/") == etag))
        })
    });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = file.data.into_owned().into_response();
        if let Ok(kind) = HeaderValue::from_str(&content_type(name, file.metadata.mimetype())) {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        response
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// The media type, with the encoding where it is text: browsers would guess.
fn content_type(name: &str, guessed: &str) -> String {
    let is_text = guessed.starts_with("text/") || matches!(guessed, "application/json" | "image/svg+xml");
    match name.rsplit('.').next() {
        Some("pmtiles") => String::from("application/vnd.pmtiles"),
        _ if is_text && !guessed.contains("charset") => format!("{guessed}; charset=utf-8"),
        _ => guessed.to_owned(),
    }
}

/// The page of a server that was built without the console.
fn missing() -> Response {
    let page = include_str!("console/missing.html");
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], page).into_response()
}

#[cfg(test)]
mod tests;
