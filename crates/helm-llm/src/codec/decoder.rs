use std::fmt;

use crate::answer::ChatEvent;

use super::fault::Fault;
use super::lines::LineDecoder;
use super::sse::SseDecoder;

/// How a stream of bytes is cut into frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Framing {
    /// Server-sent events; a frame is the data of one.
    Events,
    /// JSON lines; a frame is one of them.
    Lines,
}

/// What the frames of a streamed answer mean.
pub trait Protocol: Send {
    /// Reads a frame; the events in it are added.
    ///
    /// # Errors
    ///
    /// [`Fault`] when it cannot be read or reports a failure. What was added before still counts.
    fn read(&mut self, frame: &str, events: &mut Vec<ChatEvent>) -> Result<(), Fault>;

    /// Whether the answer is known to be whole, though something such as its tokens may still follow. Default: no,
    /// which is right where the mark of the end is the last frame.
    fn is_complete(&self) -> bool {
        false
    }

    /// No frame follows: adds the end, unless it was there.
    ///
    /// # Errors
    ///
    /// [`Fault`] of the kind `Truncated` when the mark of the end is missing.
    fn close(&mut self, events: &mut Vec<ChatEvent>) -> Result<(), Fault>;
}

/// Reads one streamed answer: bytes in, events out, the same however the bytes are cut.
///
/// The last item is [`ChatEvent::Finished`] or a [`Fault`]; whatever comes behind it is ignored.
pub struct Decoder {
    frames: Frames,
    protocol: Box<dyn Protocol>,
    over: bool,
}

enum Frames {
    Events(SseDecoder),
    Lines(LineDecoder),
}

type Item = Result<ChatEvent, Fault>;

impl Decoder {
    /// Reads frames of this form by this protocol.
    #[must_use]
    pub fn new(framing: Framing, protocol: impl Protocol + 'static) -> Self {
        let frames = match framing {
            Framing::Events => Frames::Events(SseDecoder::default()),
            Framing::Lines => Frames::Lines(LineDecoder::default()),
        };
        Self { frames, protocol: Box::new(protocol), over: false }
    }

    /// How the stream is cut into frames.
    #[must_use]
    pub fn framing(&self) -> Framing {
        match self.frames {
            Frames::Events(_) => Framing::Events,
            Frames::Lines(_) => Framing::Lines,
        }
    }

    /// Takes more bytes; what they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Item> {
        let mut frames = Vec::new();
        let cut = match &mut self.frames {
            Frames::Events(decoder) => decoder.push(bytes, &mut frames),
            Frames::Lines(decoder) => decoder.push(bytes, &mut frames),
        };
        let mut items = Vec::new();
        for frame in &frames {
            self.read(frame, &mut items);
        }
        if let Err(fault) = cut {
            self.fail(fault, &mut items);
        }
        items
    }

    /// Whether the answer is known to be whole, so that a failure from here on takes nothing from it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.protocol.is_complete()
    }

    /// Whether the last item was given.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// No bytes follow; what that means.
    pub fn close(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        if let Frames::Lines(decoder) = &mut self.frames
            && let Some(line) = decoder.rest()
            // Half a line says nothing but that its end is missing.
            && serde_json::from_str::<serde::de::IgnoredAny>(&line).is_ok()
        {
            self.read(&line, &mut items);
        }
        self.end(&mut items);
        items
    }

    fn read(&mut self, frame: &str, items: &mut Vec<Item>) {
        if self.over {
            return;
        }
        let mut events = Vec::new();
        let read = self.protocol.read(frame, &mut events);
        self.add(events, items);
        if let Err(fault) = read {
            self.fail(fault, items);
        }
    }

    /// A failure; after the answer is whole it is nothing but the end.
    fn fail(&mut self, fault: Fault, items: &mut Vec<Item>) {
        if self.protocol.is_complete() {
            self.end(items);
        } else if !self.over {
            self.over = true;
            items.push(Err(fault));
        }
    }

    fn end(&mut self, items: &mut Vec<Item>) {
        if self.over {
            return;
        }
        let mut events = Vec::new();
        let closed = self.protocol.close(&mut events);
        self.add(events, items);
        if let (Err(fault), false) = (closed, self.over) {
            items.push(Err(fault));
        }
        self.over = true;
    }

    fn add(&mut self, events: Vec<ChatEvent>, items: &mut Vec<Item>) {
        self.over |= matches!(events.last(), Some(ChatEvent::Finished(_)));
        items.extend(events.into_iter().map(Ok));
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("framing", &self.framing())
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
