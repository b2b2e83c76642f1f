//! The dashboard: a page, its style and its modules, which are part of the program. They hold no data; the page asks the
//! API for it, with the key that its user gives.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// A file of the page.
struct File {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

macro_rules! files {
    ($($name:literal $kind:expr),* $(,)?) => {
        [$(File { name: $name, kind: $kind, content: include_str!(concat!("../ui/", $name)) }),*]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

static PAGE: File = File { name: "index.html", kind: HTML, content: include_str!("../ui/index.html") };

static FILES: [File; 18] = files![
    "style.css" CSS, "icon.svg" SVG, "begin.js" SCRIPT, "app.js" SCRIPT, "api.js" SCRIPT, "dom.js" SCRIPT,
    "format.js" SCRIPT, "chart.js" SCRIPT, "parts.js" SCRIPT, "pages/overview.js" SCRIPT, "pages/task.js" SCRIPT,
    "pages/decisions.js" SCRIPT, "pages/decision.js" SCRIPT, "pages/users.js" SCRIPT, "pages/experiments.js" SCRIPT,
    "pages/guardrails.js" SCRIPT, "pages/live.js" SCRIPT, "pages/tasks.js" SCRIPT,
];

/// What the page may do: load its own files and ask its own server, and nothing else.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// A hash of all files: whoever has one of them has the others of the same build.
static TAG: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for file in FILES.iter().chain([&PAGE]) {
        hash.update(file.content.as_bytes());
    }
    let digest = hash.finalize();
    let digits: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
});

/// The page at `/ui` and below, and its files at `/ui/static/`.
pub(crate) fn routes() -> Router {
    Router::new()
        .route("/ui", get(|| async { Redirect::temporary("/ui/") }))
        .route("/ui/", get(page))
        .route("/ui/{*path}", get(page))
        .route("/ui/static/{*name}", get(file))
}

async fn page(headers: HeaderMap) -> Response {
    answer(&PAGE, &headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => answer(file, &headers),
        None => Problem::new(StatusCode::NOT_FOUND, "the dashboard has no such file").into_response(),
    }
}

/// The file, unless the caller has it. Browsers ask again each time, so that a new build shows at once.
fn answer(file: &File, headers: &HeaderMap) -> Response {
    let fixed = [
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known =
        known.is_some_and(|known| known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == *TAG));
    let tag = HeaderValue::from_str(&TAG).ok().map(|tag| [(header::ETAG, tag)]);
    let tag: Vec<(HeaderName, HeaderValue)> = tag.into_iter().flatten().collect();
    let mut response = match is_known {
        true => (StatusCode::NOT_MODIFIED, fixed).into_response(),
        false => (fixed, [(header::CONTENT_TYPE, file.kind)], file.content).into_response(),
    };
    response.headers_mut().extend(tag);
    response
}
