use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use crate::codec::Authorization;
use crate::redacted::RedactedUrl;
use crate::secret::Secret;

/// Where requests are posted to. The base may have a query, which some gateways route by.
pub(crate) fn endpoint(base: &RedactedUrl, path: &[&str]) -> Result<Url, String> {
    let wrong = || format!("base_url {base:?} must begin with http:// or https:// and name a host");
    let mut url =
        Url::parse(base.expose()).map_err(|error| format!("base_url {base:?} is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong());
    }
    url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(path);
    Ok(url)
}

/// The header that a key is sent in.
pub(crate) fn header(form: Authorization, key: &Secret) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = match form {
        Authorization::Bearer => ("authorization", format!("Bearer {}", key.expose())),
        Authorization::ApiKey => ("x-api-key", key.expose().to_owned()),
    };
    let mut value = HeaderValue::from_str(&value).map_err(|_| {
        "the key holds a line break or another character that no key has; check where it comes from"
            .to_owned()
    })?;
    value.set_sensitive(true);
    Ok((HeaderName::from_static(name), value))
}
