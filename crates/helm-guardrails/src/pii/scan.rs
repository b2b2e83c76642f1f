//! The one pass over a text that finds candidates and decides on each where it stands.

use smallvec::SmallVec;

use super::context::{Context, RIGHT, Support};
use super::entity::Entity;
use super::shapes::{self, Matched, Picture, Shape};
use super::spelled::Spelled;
use super::{checks, net, phone};
use crate::bytes::{
    DIGIT, LOWER, NO_HEX, Token, UPPER, Visitor, before, class_at, is_alnum, is_digit, run, short_word,
};
use crate::finding::Pending;

/// Something that was found, in places of the scanned text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) entity: Entity,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) score: f64,
}

/// Hits, few of which need no heap.
pub(super) type Hits = SmallVec<[Hit; 8]>;

/// What scores less is not reported.
const REPORTED: f64 = 0.5;
/// What being nobody's takes off.
const DENIED: f64 = 0.35;
/// The longest printed number, an account of 34 characters in groups of four, and the label behind it.
const HELD: usize = 42 + RIGHT;

/// The state of the pass.
pub(super) struct Scan<'t> {
    text: &'t [u8],
    /// What begins before this is passed over, but for labels and what is spelled out.
    known: usize,
    context: Context<'t>,
    pub(super) hits: Hits,
    pub(super) spelled: Spelled,
    /// From where on more text could change what is found.
    pub(super) pending: Option<Pending>,
    /// Up to here a web address has been read.
    url_end: usize,
    /// Up to here a number with colons has been read.
    colons_end: usize,
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t [u8], known: usize) -> Self {
        Self {
            text,
            known,
            context: Context::new(text),
            hits: Hits::new(),
            spelled: Spelled::default(),
            pending: None,
            url_end: 0,
            colons_end: 0,
        }
    }

    fn push(&mut self, entity: Entity, start: usize, end: usize, score: f64) {
        if score >= REPORTED {
            self.hits.push(Hit { entity, start, end, score });
        }
    }

    /// Adds what scores `bare` without a label and more with one.
    fn judge(&mut self, entity: Entity, start: usize, end: usize, bare: f64) {
        let score = match self.context.support(entity.bit(), start, end) {
            Support::Labelled(score) => score.max(bare),
            Support::None => bare,
            Support::Denied => bare - DENIED,
        };
        self.push(entity, start, end, score);
    }

    /// Says that what begins at `start` may reach the end of the text.
    fn wait(&mut self, start: usize) {
        if start + HELD > self.text.len() {
            let pending = Pending { from: start, until: start + HELD };
            self.pending = Some(self.pending.map_or(pending, |earlier| earlier.min(pending)));
        }
    }

    fn shapes(&mut self, token: Token) {
        let (start, text) = (token.start, self.text);
        if !begins(text, start) {
            return;
        }
        let rest = text.get(start..).unwrap_or_default();
        let (picture, mut last) = (Picture::of(rest), None);
        for listed in shapes::of_length(token.len()).iter().filter(|listed| listed.fits(&picture)) {
            let shape = listed.shape;
            let end = start + shape.mask.len();
            if !ends(text, end) || !self.may_count(shape, start, end) {
                continue;
            }
            // Shapes that differ in their check alone often follow on each other.
            let matched = match last.filter(|(mask, _)| *mask == shape.mask) {
                Some((_, matched)) => matched,
                None => shape.matches(rest),
            };
            last = Some((shape.mask, matched));
            if let Some(matched) = matched.filter(|matched| (shape.check)(matched.value())) {
                self.shaped(shape, matched, start);
            }
        }
    }

    /// Whether something of this shape may be reported at `start..end`: without a label, or because of one near.
    fn may_count(&mut self, shape: &Shape, start: usize, end: usize) -> bool {
        shape.bare > 0.0 || self.context.may_support(shape.entity.bit(), start, end)
    }

    fn shaped(&mut self, shape: &Shape, matched: Matched, start: usize) {
        let end = start + matched.len;
        // What hangs together with letters by a hyphen is a piece of a longer id unless a label says otherwise.
        let hangs =
            matches!(before(self.text, start), Some(b'-')) && start >= 2 && is_alnum(self.text, start - 2)
                || self.text.get(end) == Some(&b'-') && is_alnum(self.text, end + 1);
        let no_scheme =
            shape.entity == Entity::CreditCard && shape.bare > 0.0 && !checks::has_issuer(matched.value());
        let bare = if matched.is_small || hangs || no_scheme { 0.0 } else { shape.bare };
        self.judge(shape.entity, start, end, bare);
    }

    fn iban(&mut self, start: usize) {
        let text = self.text;
        let country = text.get(start..start + 2).and_then(|country| {
            checks::iban_length([country.first()?.to_ascii_uppercase(), country.get(1)?.to_ascii_uppercase()])
        });
        let Some(length) = country.filter(|_| is_digit(text, start + 2) && is_digit(text, start + 3)) else {
            return;
        };
        let mut number = [0_u8; 34];
        let (mut at, mut lower, mut upper) = (start, false, false);
        for (place, slot) in number.iter_mut().take(length).enumerate() {
            let grouped = place > 0 && place % 4 == 0 && matches!(text.get(at), Some(b' ' | b'-' | b'.'));
            at += usize::from(grouped);
            let Some(byte) = text.get(at).filter(|byte| byte.is_ascii_alphanumeric()) else { return };
            lower |= byte.is_ascii_lowercase();
            upper |= byte.is_ascii_uppercase();
            *slot = byte.to_ascii_uppercase();
            at += 1;
        }
        let valid = number.get(..length).is_some_and(checks::iban) && lower != upper;
        if valid && begins(text, start) && !is_alnum(text, at) {
            self.judge(Entity::Iban, start, at, 0.95);
        }
    }

    fn coin(&mut self, token: Token) {
        let address = self.text.get(token.start..token.end).unwrap_or_default();
        if token.len() == 42 && address.starts_with(b"0x") && checks::eth_address(address) {
            self.push(Entity::EthAddress, token.start, token.end, 0.9);
        } else if checks::btc_address(address) {
            self.push(Entity::BtcAddress, token.start, token.end, 0.95);
        }
    }

    fn phone(&mut self, start: usize) {
        if !phone::begins(self.text, start) {
            return;
        }
        if let Some(phone) = phone::read(self.text, start) {
            let start = if before(self.text, start) == Some(b'+') { start - 1 } else { start };
            self.judge(Entity::Phone, start, phone.end, phone.bare);
        }
    }

    /// A telephone number that begins with a sign.
    fn signed_phone(&mut self, at: usize) {
        if at >= self.known {
            self.phone(at);
            self.wait(at);
        }
    }

    /// Licences have no common shape: what stands beside the label and has digits.
    fn driver_license(&mut self, token: Token) {
        let text = self.text;
        let mut end = token.end;
        while text.get(end) == Some(&b'-') && is_alnum(text, end + 1) && end < token.start + 20 {
            end += 1 + run(text, end + 1, 20, |byte| byte.is_ascii_alphanumeric());
        }
        let part = text.get(token.start..end).unwrap_or_default();
        let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
        let fits = (4..=16).contains(&digits) && (5..=20).contains(&part.len());
        if !fits || !begins(text, token.start) {
            return;
        }
        if let Support::Labelled(score) =
            self.context.support(Entity::UsDriverLicense.bit(), token.start, end)
        {
            // A number with a check is more likely what its own label says.
            self.push(Entity::UsDriverLicense, token.start, end, score - 0.05);
        }
    }

    fn letters(&mut self, token: Token) {
        let capitals = !token.has(LOWER);
        // Most words are neither, which is asked at once.
        if capitals || is_sign_of_address(self.text, token) {
            self.capitals_or_sign(token, capitals);
        }
    }

    fn capitals_or_sign(&mut self, token: Token, capitals: bool) {
        match token.len() {
            8 | 11 if capitals => self.bic(token),
            1..=3 if capitals && token.start >= self.known => {
                self.shapes(token);
                self.wait(token.start);
            }
            3 if self.text.get(token.start..token.end + 1) == Some(b"www.")
                && self.url_end <= token.start =>
            {
                self.bare_url(token);
            }
            2 if self.text.get(token.start..token.end) == Some(b"at") => {
                self.spelled.at(self.text, token.start);
            }
            3 if self.text.get(token.start..token.end) == Some(b"dot") => {
                self.spelled.dot(self.text, token.start);
            }
            _ => {}
        }
    }

    fn bic(&mut self, token: Token) {
        let code = self.text.get(token.start..token.end).unwrap_or_default();
        if code.iter().take(6).all(u8::is_ascii_uppercase) && checks::bic(code) {
            self.judge(Entity::SwiftBic, token.start, token.end, 0.0);
            self.wait(token.start);
        }
    }

    fn bare_url(&mut self, token: Token) {
        if before(self.text, token.start).is_some_and(|byte| matches!(byte, b'@' | b'.' | b'/' | b'-')) {
            return;
        }
        let end = net::url_end(self.text, token.start, token.end + 1);
        if self.text.get(token.end + 1..end).is_some_and(|rest| rest.contains(&b'.')) {
            self.url_end = end;
            self.push(Entity::Url, token.start, end, 0.6);
        }
    }

    fn digits(&mut self, token: Token) {
        let (text, length) = (self.text, token.len());
        let first = class_at(text, token.start);
        self.shapes(token);
        if first & DIGIT != 0 {
            self.phone(token.start);
        }
        if length <= 3
            && !token.has(UPPER | LOWER)
            && text.get(token.end) == Some(&b'.')
            && let Some(end) = net::ipv4(text, token.start)
        {
            self.judge(Entity::IpV4, token.start, end, 0.75);
        }
        if first & DIGIT == 0 && length >= 4 {
            self.iban(token.start);
        }
        if length >= 14 && token.has(UPPER | LOWER) {
            self.coin(token);
        }
        if matches!(length, 8 | 11) && !token.has(LOWER) {
            self.bic(token);
        }
        if (4..=16).contains(&length) {
            self.driver_license(token);
        }
        self.wait(token.start);
    }
}

impl Visitor for Scan<'_> {
    fn token(&mut self, token: Token) {
        // One question: the answer to each of the two alone changes from word to word, and so is guessed wrong.
        if (token.len() == 2) & !token.has(NO_HEX)
            && let Some(end) = net::mac(self.text, token.start)
        {
            self.colons_end = self.colons_end.max(end);
            self.push(Entity::Mac, token.start, end, 0.9);
        }
        if token.has(DIGIT) {
            if token.start >= self.known && !counts(self.text, token) {
                self.digits(token);
            }
        } else {
            self.letters(token);
        }
        if token.has(UPPER | LOWER) {
            self.context.word(token);
        }
    }

    fn sign(&mut self, at: usize, byte: u8) {
        match byte {
            b'@' if at >= self.url_end.max(self.known) => {
                if let Some((start, end)) = net::email(self.text, at) {
                    self.push(Entity::Email, start, end, 0.95);
                }
            }
            b':' if self.text.get(at + 1) == Some(&b'/') && at >= self.url_end => {
                if let Some((start, end)) = net::url(self.text, at) {
                    self.url_end = end;
                    self.push(Entity::Url, start, end, 0.6);
                }
            }
            b':' if at >= self.colons_end => {
                let (start, end, is_address) = net::ipv6(self.text, at);
                self.colons_end = end;
                if is_address {
                    self.judge(Entity::IpV6, start, end, 0.85);
                }
            }
            b'+' | b'(' if is_digit(self.text, at + 1) || self.text.get(at + 1) == Some(&b'(') => {
                self.signed_phone(at);
            }
            b'[' | b'(' | b'{' | b'<' | b'&' | b'%' => {
                self.spelled.sign(self.text, at);
            }
            _ => {}
        }
    }
}

/// Whether a run of letters and digits counts something, as `24` does in `24 euros`: it has few digits, and no number
/// goes on with a word. It may be the name of an address of which the signs are spelled out.
pub(super) fn counts(text: &[u8], token: Token) -> bool {
    let is_word =
        |byte: &u8| byte.is_ascii_alphabetic() && !matches!(byte.to_ascii_lowercase(), b'a' | b'd' | b'p');
    !token.has(UPPER | LOWER)
        && token.len() <= 3
        && text.get(token.end) == Some(&b' ')
        && text.get(token.end + 1).is_some_and(is_word)
}

/// Whether a word is the beginning of a web address or a sign of an address in letters.
#[inline]
fn is_sign_of_address(text: &[u8], token: Token) -> bool {
    const AT: u32 = u32::from_le_bytes(*b"at\0\0");
    const DOT: u32 = u32::from_le_bytes(*b"dot\0");
    const WWW: u32 = u32::from_le_bytes(*b"www\0");
    let word = short_word(text, token);
    (word == AT) | (word == DOT) | (word == WWW)
}

/// Whether a number may begin at `start`.
fn begins(text: &[u8], start: usize) -> bool {
    match before(text, start) {
        Some(b'-' | b'.' | b'/') => !(start >= 2 && is_digit(text, start - 2)),
        Some(b'_') => !(start >= 2 && is_alnum(text, start - 2)),
        _ => true,
    }
}

/// Whether a number may end at `end`.
fn ends(text: &[u8], end: usize) -> bool {
    match text.get(end) {
        Some(b'-' | b'.' | b'/') => !is_digit(text, end + 1),
        Some(b'_') => !is_alnum(text, end + 1),
        Some(byte) => !byte.is_ascii_alphanumeric(),
        None => true,
    }
}
