use super::*;

/// A small console of its own: the real one may or may not be built.
#[derive(RustEmbed)]
#[folder = "testdata/console/"]
struct Small;

fn get(path: &str) -> Response {
    respond::<Small>(path, &HeaderMap::new())
}

fn kind(response: &Response) -> &str {
    response.headers()[header::CONTENT_TYPE].to_str().unwrap()
}

#[test]
fn files_have_their_type_and_views_get_the_page() {
    assert_eq!(kind(&get("assets/main-1a2b.js")), "text/javascript; charset=utf-8");
    assert_eq!(kind(&get("world.pmtiles")), "application/vnd.pmtiles");
    assert_eq!(kind(&get("font.woff2")), "font/woff2");
    for view in ["", "index.html", "alerts", "tracks/T17"] {
        let response = get(view);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(kind(&response), "text/html; charset=utf-8", "{view}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
    }
    for gone in ["assets/old.js", "../Cargo.toml", "favicon.ico"] {
        assert_eq!(get(gone).status(), StatusCode::NOT_FOUND, "{gone}: a missing file is not a view");
    }
}

#[test]
fn unchanged_files_are_not_sent_again() {
    let first = get("assets/main-1a2b.js");
    assert!(first.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    let etag = first.headers()[header::ETAG].clone();
    let mut headers = HeaderMap::new();
    headers.insert(header::IF_NONE_MATCH, etag);
    assert_eq!(respond::<Small>("assets/main-1a2b.js", &headers).status(), StatusCode::NOT_MODIFIED);
    assert_eq!(respond::<Small>("index.html", &headers).status(), StatusCode::OK, "another file's tag");
}

#[test]
fn without_the_console_the_page_says_how_to_build_it() {
    #[derive(RustEmbed)]
    #[folder = "testdata/no-such-folder/"]
    #[allow_missing = true]
    struct Nothing;
    let response = respond::<Nothing>("", &HeaderMap::new());
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(kind(&response), "text/html; charset=utf-8");
    assert!(include_str!("missing.html").contains("cargo xtask web"));
}
