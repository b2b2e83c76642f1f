use std::fmt;
use std::process::ExitCode;

/// Why a command failed, in one message for people, and the exit code that goes with it.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

/// A result whose error ends the program.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// A check said no.
pub(crate) const SAID_NO: u8 = 1;
/// Wrong use, wrong input, or something the command needs is not there.
pub(crate) const WRONG: u8 = 2;
/// There is too little data to tell.
pub(crate) const TOO_LITTLE: u8 = 3;
/// Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

impl Failure {
    /// Wrong use or input.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: WRONG }
    }

    /// Nobody reads the output any more: no failure, but the end.
    pub(crate) fn is_unread(&self) -> bool {
        self.code == 0
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<helm_orchestrator::Error> for Failure {
    fn from(error: helm_orchestrator::Error) -> Self {
        Self::wrong(error.report())
    }
}

impl From<helm_orchestrator::store::Error> for Failure {
    fn from(error: helm_orchestrator::store::Error) -> Self {
        helm_orchestrator::Error::from(error).into()
    }
}

impl From<helm_core::Error> for Failure {
    fn from(error: helm_core::Error) -> Self {
        Self::wrong(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::wrong(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // Whoever reads our output has seen enough.
        let code = if error.kind() == std::io::ErrorKind::BrokenPipe { 0 } else { WRONG };
        Self { message: if code == 0 { String::new() } else { error.to_string() }, code }
    }
}
