use helm_core::{Sampling, TokenCount};

/// What a model can do. A strategy that asks for more is a mistake that is found when it is configured.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether it can answer piece by piece.
    pub streaming: bool,
    /// Whether `temperature` and `top_p` may be set.
    pub sampling: bool,
    /// Whether `effort` may be set.
    pub effort: bool,
    /// The most tokens it can answer with; `None` when unknown.
    pub max_output_tokens: Option<TokenCount>,
    /// Whether its answers are made up for demonstration.
    pub simulated: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { streaming: true, sampling: true, effort: true, max_output_tokens: None, simulated: false }
    }
}

/// A knob that a model has not, or a setting that no model has.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{knob} = {value} is not accepted: {accepted}")]
pub struct Unsupported {
    /// Which knob.
    pub knob: &'static str,
    /// What was asked for.
    pub value: String,
    /// What is accepted.
    pub accepted: String,
}

impl Capabilities {
    /// Checks what a strategy asks for.
    ///
    /// # Errors
    ///
    /// The first knob that this model does not accept.
    pub fn check(
        &self,
        sampling: &Sampling,
        max_output_tokens: Option<TokenCount>,
    ) -> Result<(), Unsupported> {
        let refuse = |knob, value: String, accepted: &str| {
            Err(Unsupported { knob, value, accepted: accepted.to_owned() })
        };
        for (knob, value, high) in
            [("temperature", sampling.temperature, 2.0), ("top_p", sampling.top_p, 1.0)]
        {
            let Some(value) = value else { continue };
            if !self.sampling {
                return refuse(knob, value.to_string(), "this model has no sampling knobs; leave it out");
            }
            if !(0.0..=high).contains(&value) {
                return refuse(knob, value.to_string(), &format!("write a number from 0 to {high}"));
            }
        }
        if let (Some(effort), false) = (&sampling.effort, self.effort) {
            return refuse("effort", effort.clone(), "this model has no effort knob; leave it out");
        }
        match (max_output_tokens.map(TokenCount::get), self.max_output_tokens.map(TokenCount::get)) {
            (Some(0), _) => refuse("max_output_tokens", "0".to_owned(), "write at least 1"),
            (Some(asked), Some(most)) if asked > most => refuse(
                "max_output_tokens",
                asked.to_string(),
                &format!("this model answers with at most {most}"),
            ),
            _ => Ok(()),
        }
    }
}
