//! What is held whatever bytes come, one module each. `targets/` are the programs that look for bytes which break it, and
//! `tests/fuzz.rs` replays those that are kept.

mod chat;
mod chat_completions;
mod configuration;
mod decoder;
mod experiment;
mod guards_json;
mod guards_model;
mod guards_stream;
mod guards_vault;
mod messages;
mod names;
mod policy;
mod records;
mod reward;
mod server;
mod template;

/// Something that is held whatever bytes come.
pub struct Target {
    /// What the program is called that looks for bytes which break it, and the folder of `seeds` with bytes that are kept.
    pub name: &'static str,
    /// Panics when it does not hold for these bytes.
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// All of them.
pub const TARGETS: [Target; 15] = [
    target("chat", chat::run),
    target("chat_completions", chat_completions::run),
    target("configuration", configuration::run),
    target("decoder", decoder::run),
    target("experiment", experiment::run),
    target("guards_json", guards_json::run),
    target("guards_model", guards_model::run),
    target("guards_stream", guards_stream::run),
    target("guards_vault", guards_vault::run),
    target("messages", messages::run),
    target("names", names::run),
    target("policy", policy::run),
    target("records", records::run),
    target("reward", reward::run),
    target("template", template::run),
];

/// Runs the target of this name.
///
/// # Panics
///
/// Panics when there is none, or when it does not hold.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    (target.run)(data);
}
