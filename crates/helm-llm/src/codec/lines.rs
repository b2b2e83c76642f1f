//! JSON lines: one value a line.

use super::fault::Fault;

/// Turns bytes, however they are cut, into lines.
#[derive(Debug, Default)]
pub(super) struct LineDecoder {
    line: Vec<u8>,
}

/// The most bytes in a line.
const MOST: usize = 1 << 20;

impl LineDecoder {
    /// Takes more bytes; the lines that they complete are added, empty ones left out.
    pub(super) fn push(&mut self, bytes: &[u8], lines: &mut Vec<String>) -> Result<(), Fault> {
        for byte in bytes {
            match byte {
                b'\n' => lines.extend(self.rest()),
                other => self.line.push(*other),
            }
            if self.line.len() > MOST {
                return Err(Fault::decode(format!("a line has more than {MOST} bytes")));
            }
        }
        Ok(())
    }

    /// The line that has no end.
    pub(super) fn rest(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii();
        (!line.is_empty()).then(|| String::from_utf8_lossy(line).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_their_ends_and_are_bounded() {
        let (mut decoder, mut lines) = (LineDecoder::default(), Vec::new());
        decoder.push(b"{}\r\n\n {\"a\":1", &mut lines).unwrap();
        assert_eq!(lines, ["{}"]);
        decoder.push(b"}\n{", &mut lines).unwrap();
        assert_eq!(
            (lines.last().map(String::as_str), decoder.rest().as_deref()),
            (Some("{\"a\":1}"), Some("{"))
        );
        assert!(decoder.push(&vec![b'x'; MOST + 1], &mut lines).is_err());
    }
}
