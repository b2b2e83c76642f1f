use std::fmt::Write;

use helm_server::ApiKeys;
use serde::Serialize;

use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::output::{self, Format};

#[derive(Serialize)]
struct NewKey<'a> {
    name: &'a str,
    key: String,
    entry: String,
}

/// Makes a key. It is shown once and kept nowhere: the server knows its hash alone.
pub(super) fn new(global: &Global, name: &str) -> Result<()> {
    let key = format!("hk_{}_{}", random(4)?, random(32)?);
    let entry = ApiKeys::entry(name, &key);
    ApiKeys::parse(&entry)
        .map_err(|_| Failure::wrong("a key's name must have no colon, comma or # in it"))?;
    match global.output {
        Format::Table => {
            output::note(
                "the key, which is shown this once, and its entry for server.keys_file or HELM_API_KEYS:",
            );
            output::line(&key)?;
            output::line(&entry)
        }
        format => output::json(format, &NewKey { name, key, entry }),
    }
}

/// This many random bytes in hexadecimal digits.
fn random(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::wrong(format!("no random numbers can be had: {error}")))?;
    let mut text = String::with_capacity(2 * bytes);
    for byte in random {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
