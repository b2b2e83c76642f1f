use helm_guardrails::GuardrailEngine;

use crate::Step;

/// A chat message of two hundred bytes that nothing is wrong with.
const CLEAN: &str = "Thank you for your patience while we looked into the delay. The parcel left our warehouse in Leipzig on \
    Tuesday morning, and the carrier expects to deliver it within three working days. Yours, Ana.";

/// The standard engine on its way in.
pub(crate) fn clean_chat() -> anyhow::Result<Step> {
    let guard = GuardrailEngine::standard();
    Ok(Box::new(move |_| {
        let result = guard.check_input(CLEAN);
        anyhow::ensure!(!result.is_blocked(), "it is clean");
        Ok(result.violations.len())
    }))
}
