use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use helm_core::Image;

/// A picture that is sent along.
pub(crate) fn inline(media_type: &str, data: &str) -> Result<Image, &'static str> {
    if !media_type.starts_with("image/") {
        return Err("the media type is none of a picture");
    }
    match STANDARD.decode(data) {
        Ok(bytes) if !bytes.is_empty() => {
            Ok(Image::Inline { media_type: media_type.to_owned(), data: data.to_owned() })
        }
        _ => Err("the picture's bytes are not in base64"),
    }
}

/// A picture that the provider fetches.
pub(crate) fn at(url: &str) -> Result<Image, &'static str> {
    match url.starts_with("https://") || url.starts_with("http://") {
        true => Ok(Image::url(url)),
        false => {
            Err("write an address that begins with https:// or http://, or the picture itself in base64")
        }
    }
}
