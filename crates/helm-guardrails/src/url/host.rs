//! Hosts: as listed, as written, as read.

use std::collections::BTreeSet;

use url::{Host, Url};

use crate::error::{Error, Result};
use crate::unicode::is_disguised;

/// A host of a list as links are compared with it.
pub(super) fn entry(host: &str) -> Result<String> {
    let name = host.trim().trim_start_matches("*.").trim_matches('.');
    match Host::parse(name) {
        Ok(parsed) if !name.is_empty() => Ok(parsed.to_string()),
        _ => Err(Error::InvalidHost { host: host.to_owned() }),
    }
}

/// Whether a list holds a host or a name that it lies under.
pub(super) fn covers(list: &BTreeSet<String>, host: &str) -> bool {
    let is_name = !host.starts_with('[') && host.bytes().any(|byte| byte.is_ascii_alphabetic());
    let mut name = host;
    loop {
        if list.contains(name) {
            return true;
        }
        match name.split_once('.').filter(|_| is_name) {
            Some((_, rest)) => name = rest,
            None => return false,
        }
    }
}

/// Whether a link seems to lead elsewhere than it does.
pub(super) fn is_misleading(written: &str, url: &Url) -> bool {
    if !url.username().is_empty() || url.password().is_some() {
        return true;
    }
    let authority = written.split_once("//").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    match url.host() {
        // Browsers read 0x7f.1 and 2130706433 as 127.0.0.1.
        Some(Host::Ipv4(address)) => {
            let host = authority.split(':').next().unwrap_or_default();
            host != address.to_string()
        }
        Some(Host::Domain(name)) => {
            let (read, _) = idna::domain_to_unicode(name);
            read.split('.').any(is_disguised)
        }
        _ => false,
    }
}
