//! Server-sent events, as the WHATWG HTML standard defines them (section 9.2.6).

use super::fault::Fault;

/// Turns bytes, however they are cut, into the data of events.
#[derive(Debug, Default)]
pub(super) struct SseDecoder {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_return: bool,
    begun: bool,
}

/// The most bytes in an event.
const MOST: usize = 1 << 20;

impl SseDecoder {
    /// Takes more bytes; the data of the events that they complete are added.
    pub(super) fn push(&mut self, bytes: &[u8], events: &mut Vec<String>) -> Result<(), Fault> {
        for byte in bytes {
            match byte {
                b'\n' if self.after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                other => self.line.push(*other),
            }
            self.after_return = *byte == b'\r';
            if self.line.len() + self.data.len() > MOST {
                return Err(Fault::decode(format!("an event has more than {MOST} bytes")));
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let line =
            if self.begun { line.as_slice() } else { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) };
        self.begun = true;
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            let complete = std::mem::take(&mut self.has_data);
            return complete.then(|| String::from_utf8_lossy(&data).into_owned());
        }
        if let Some(value) = field(line, b"data") {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
            self.has_data = true;
        }
        None
    }
}

/// The value of a line `name: value` or `name:value`; comments and other fields have none.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let (mut decoder, mut events) = (SseDecoder::default(), Vec::new());
        pieces.iter().for_each(|piece| decoder.push(piece, &mut events).unwrap());
        events
    }

    #[test]
    fn lines_comments_and_marks_are_understood() {
        let text =
            "\u{feff}: hello\r\ndata: a\r\n\r\nevent: x\ndata:b\ndata: c\n\ndata\n\nid: 7\n\ndata: open";
        assert_eq!(decode(&[text.as_bytes()]), ["a", "b\nc", ""]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut decoder = SseDecoder::default();
        let line = [b'x'; 4096];
        assert!((0..300).any(|_| decoder.push(&line, &mut Vec::new()).is_err()));
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_events(
            lines in proptest::collection::vec(prop_oneof!["data: [a-zé☃]{0,9}", "data:\\{\\}", ":.{0,3}", "", "event: [a-z]{1,3}"], 0..30),
            ends in proptest::collection::vec(prop_oneof![Just("\n"), Just("\r\n"), Just("\r")], 30),
            sizes in proptest::collection::vec(1_usize..7, 1..5),
        ) {
            let text: String = lines.iter().zip(&ends).map(|(line, end)| format!("{line}{end}")).collect();
            let mut rest = text.as_bytes();
            let mut pieces = Vec::new();
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*size).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(decode(&pieces), decode(&[text.as_bytes()]));
        }
    }
}
