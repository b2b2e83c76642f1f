use helm_core::{ToolCall, ToolCallId};

use crate::answer::{CallDelta, ChatEvent, RequestedCall};

/// The tool calls of one answer, put together from their pieces.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    /// What the wire format tells the calls of an answer apart by.
    key: u64,
    id: String,
    name: String,
    arguments: String,
    /// Whether its beginning has been told, which needs a name.
    begun: bool,
    done: bool,
}

/// A piece of a call, as far as it says something.
#[derive(Debug, Default)]
pub(super) struct Piece<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) arguments: &'a str,
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// The key of the call with this id.
    pub(super) fn key_of(&self, id: &str) -> Option<u64> {
        self.calls.iter().find(|call| call.id == id).map(|call| call.key)
    }

    /// The key of the call that began last.
    pub(super) fn last_key(&self) -> Option<u64> {
        self.calls.last().map(|call| call.key)
    }

    /// Whether there is a call of this key.
    pub(super) fn has(&self, key: u64) -> bool {
        self.calls.iter().any(|call| call.key == key)
    }

    /// Whether the call of this key has another id.
    pub(super) fn is_other(&self, key: u64, id: &str) -> bool {
        self.calls.iter().any(|call| call.key == key && !call.id.is_empty() && call.id != id)
    }

    /// A key that no call has.
    pub(super) fn fresh_key(&self) -> u64 {
        (0..).find(|key| self.calls.iter().all(|call| call.key != *key)).unwrap_or_default()
    }

    /// Adds a piece to the call of this key, or begins it.
    pub(super) fn add(&mut self, key: u64, piece: &Piece<'_>, events: &mut Vec<ChatEvent>) {
        let index = match self.calls.iter().position(|call| call.key == key) {
            Some(index) => index,
            None => {
                self.calls.push(Open::new(key));
                self.calls.len() - 1
            }
        };
        if let Some(call) = self.calls.get_mut(index) {
            events.extend(call.add(index, piece));
        }
    }

    /// The whole text of a call's arguments, told at its end; told only if the pieces had none.
    pub(super) fn complete(&mut self, key: u64, arguments: &str, events: &mut Vec<ChatEvent>) {
        let silent = |call: &Open| call.key == key && call.arguments.is_empty() && !call.done;
        if self.calls.iter().any(silent) {
            self.add(key, &Piece { arguments, ..Piece::default() }, events);
        }
        self.end(key, events);
    }

    /// The call of this key has all its pieces.
    pub(super) fn end(&mut self, key: u64, events: &mut Vec<ChatEvent>) {
        for (index, call) in self.calls.iter_mut().enumerate().filter(|(_, call)| call.key == key) {
            events.extend(call.end(index));
        }
    }

    /// All calls have all their pieces.
    pub(super) fn end_all(&mut self, events: &mut Vec<ChatEvent>) {
        for (index, call) in self.calls.iter_mut().enumerate() {
            events.extend(call.end(index));
        }
    }
}

impl Open {
    fn new(key: u64) -> Self {
        Self {
            key,
            id: String::new(),
            name: String::new(),
            arguments: String::new(),
            begun: false,
            done: false,
        }
    }

    fn add(&mut self, index: usize, piece: &Piece<'_>) -> Option<ChatEvent> {
        // Later pieces may repeat id and name.
        if self.id.is_empty() {
            self.id = piece.id.unwrap_or_default().to_owned();
        }
        if self.name.is_empty() {
            self.name = piece.name.unwrap_or_default().to_owned();
        }
        self.arguments.push_str(piece.arguments);
        if self.begun {
            let more = !piece.arguments.is_empty();
            return more.then(|| delta(index, None, piece.arguments.to_owned()));
        }
        (!self.name.is_empty()).then(|| self.begin(index))
    }

    fn begin(&mut self, index: usize) -> ChatEvent {
        self.begun = true;
        // Some providers have no ids; within one answer its place is one.
        if self.id.is_empty() {
            self.id = format!("call_{index}");
        }
        delta(index, Some((ToolCallId::new(self.id.clone()), self.name.clone())), self.arguments.clone())
    }

    fn end(&mut self, index: usize) -> Vec<ChatEvent> {
        if std::mem::replace(&mut self.done, true) {
            return Vec::new();
        }
        let begin = (!self.begun).then(|| self.begin(index));
        let call = ToolCall::new(ToolCallId::new(&self.id), &self.name, &self.arguments);
        begin.into_iter().chain([ChatEvent::Call(RequestedCall::new(call))]).collect()
    }
}

fn delta(index: usize, begins: Option<(ToolCallId, String)>, arguments: String) -> ChatEvent {
    ChatEvent::CallDelta(CallDelta { index, begins, arguments })
}
