//! Whatever text goes into a vault: it comes back, whole and in whatever pieces.

use std::sync::LazyLock;

use helm_orchestrator::guardrails::core::Stage;
use helm_orchestrator::guardrails::{GuardrailEngine, Vault};

static GUARD: LazyLock<GuardrailEngine> = LazyLock::new(GuardrailEngine::standard);

/// Reads these bytes. The last byte says how the rest is cut, so that texts can be seeds.
///
/// # Panics
///
/// Panics when what the target holds does not hold.
pub(crate) fn run(data: &[u8]) {
    let Some((size, bytes)) = data.split_last() else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut vault = Vault::new().expect("random bytes");
    let result = GUARD.pseudonymise(Stage::Input, text, &mut vault);
    let hidden = result.text(text);
    assert_eq!(vault.restore(hidden).text, text);
    let (mut restorer, mut restored, mut rest) = (vault.restorer(), String::new(), hidden);
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rest.ceil_char_boundary(usize::from(*size).clamp(1, rest.len())));
        restored.push_str(&restorer.push(piece));
        rest = later;
    }
    assert_eq!(restored + &restorer.finish().text, text);
}
