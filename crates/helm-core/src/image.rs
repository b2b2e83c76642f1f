use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A picture in a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Image {
    /// A picture that the provider fetches. Not every provider does.
    Url {
        /// Its address.
        url: String,
    },
    /// A picture that is sent along.
    Inline {
        /// Its media type, for example `image/png`.
        media_type: String,
        /// Its bytes in base64, as every wire format wants them.
        data: String,
    },
}

impl Image {
    /// A picture that the provider fetches from this address.
    #[must_use]
    pub fn url(url: impl Into<String>) -> Self {
        Self::Url { url: url.into() }
    }

    /// A picture of these bytes.
    #[must_use]
    pub fn bytes(media_type: impl Into<String>, bytes: &[u8]) -> Self {
        Self::Inline { media_type: media_type.into(), data: STANDARD.encode(bytes) }
    }

    /// The picture as one address, inline bytes as a `data:` URL (RFC 2397).
    #[must_use]
    pub fn as_url(&self) -> String {
        match self {
            Self::Url { url } => url.clone(),
            Self::Inline { media_type, data } => format!("data:{media_type};base64,{data}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_a_data_url() {
        assert_eq!(Image::bytes("image/png", b"\x89PNG").as_url(), "data:image/png;base64,iVBORw==");
        assert_eq!(Image::url("https://h/a.png").as_url(), "https://h/a.png");
    }
}
