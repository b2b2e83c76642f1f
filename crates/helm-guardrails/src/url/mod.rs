//! Links: where they lead, and whether they lead where they seem to.

mod extract;
mod host;

use std::collections::BTreeSet;

use helm_core::{Category, Severity, Span};
use url::Url;

use crate::detector::{Detector, Reach};
use crate::error::{Error, Result};
use crate::finding::{Finding, Findings};
use crate::view::TextView;
use extract::{LONGEST, links};
use host::{covers, entry, is_misleading};

/// Finds links that are not allowed, and links that mislead.
///
/// | entity | what |
/// |---|---|
/// | `URL_DENIED` | the host is on the list of denied ones |
/// | `URL_NOT_ALLOWED` | there is a list of allowed hosts, and the host is not on it, or the link cannot be read |
/// | `URL_MISLEADING` | a user name before the host, as in `https://bank.example@evil.example`; an address in other than the usual decimal form; a host with letters that look like Latin ones; a script in the place of an address |
///
/// A listed host stands for itself and for what lies under it: `example.org` for `www.example.org` too. Hosts are
/// compared as browsers read them (WHATWG URL, UTS 46): case, full width, punycode, ports and escapes make no
/// difference. Links are what has a scheme and `://`, `www.` or `//` where a link stands, and `javascript:` and
/// `data:text/html`. A bare name such as `example.org` is not taken for a link.
#[derive(Clone, Debug, Default)]
pub struct UrlFilter {
    allowed: Option<BTreeSet<String>>,
    denied: BTreeSet<String>,
}

impl UrlFilter {
    /// The filter that finds misleading links alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows links to these hosts and to no others. Called again it adds to the list.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHost`] for what is no host name, and for a public suffix such as `co.uk` or `github.io`, under
    /// which anybody can have a name.
    pub fn allow<'h>(mut self, hosts: impl IntoIterator<Item = &'h str>) -> Result<Self> {
        let allowed = self.allowed.get_or_insert_default();
        for host in hosts {
            let name = entry(host)?;
            if is_public_suffix(&name) {
                return Err(Error::InvalidHost { host: host.to_owned() });
            }
            allowed.insert(name);
        }
        Ok(self)
    }

    /// Denies links to these hosts, even where they are allowed. A public suffix, such as `zip`, denies all under it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHost`] for what is no host name.
    pub fn deny<'h>(mut self, hosts: impl IntoIterator<Item = &'h str>) -> Result<Self> {
        for host in hosts {
            self.denied.insert(entry(host)?);
        }
        Ok(self)
    }

    /// What is wrong with a link.
    fn judge(&self, link: &str) -> Option<(&'static str, Severity)> {
        let not_allowed = ("URL_NOT_ALLOWED", Severity::Medium);
        let completed = match link {
            _ if link.starts_with("//") => format!("https:{link}"),
            _ if link.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www.")) => {
                format!("https://{link}")
            }
            _ => link.to_owned(),
        };
        let Ok(url) = Url::parse(&completed) else {
            return self.allowed.is_some().then_some(not_allowed);
        };
        let Some(host) = url.host_str() else {
            return Some(("URL_MISLEADING", Severity::High));
        };
        let host = host.trim_end_matches('.');
        if covers(&self.denied, host) {
            return Some(("URL_DENIED", Severity::High));
        }
        if is_misleading(&completed, &url) {
            return Some(("URL_MISLEADING", Severity::High));
        }
        let allowed = self.allowed.as_ref().is_none_or(|allowed| covers(allowed, host));
        (!allowed).then_some(not_allowed)
    }
}

/// Whether names under this one are given out to anybody, by the Public Suffix List.
fn is_public_suffix(name: &str) -> bool {
    psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known() && suffix == name)
}

impl Detector for UrlFilter {
    fn id(&self) -> &'static str {
        "url"
    }

    fn categories(&self) -> &[Category] {
        &[Category::Url]
    }

    fn entities(&self) -> Vec<&str> {
        vec!["URL_DENIED", "URL_NOT_ALLOWED", "URL_MISLEADING"]
    }

    fn reach(&self) -> Reach {
        Reach::Tracked(LONGEST)
    }

    fn wakes(&self, words: &TextView<'_>) -> bool {
        let words = words.text();
        words.bytes().any(|byte| byte == b':' || byte == b'/' || byte >= 0x80)
            || words.contains("www.")
            || words.contains("WWW.")
    }

    fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
        let folded = view.digits();
        let text = folded.text();
        for range in links(text) {
            let wrong = text.get(range.clone()).and_then(|link| self.judge(link));
            if let Some((entity, severity)) = wrong {
                let span: Span = folded.original(range);
                findings.push(Finding::new(Category::Url, entity, span, severity));
            }
        }
    }

    fn settings(&self) -> String {
        format!("{:?} {:?}", self.allowed, self.denied)
    }
}
