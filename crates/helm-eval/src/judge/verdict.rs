//! Reading what a judge said. Strict: what is not exactly a verdict is none.

use serde::Deserialize;

use helm_llm::TokenChoice;

/// A level and what it rests on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelVerdict {
    pub(super) evidence: String,
    pub(super) level: u32,
    code: String,
}

/// Which answer is better, and what that rests on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairVerdict {
    pub(super) evidence: String,
    pub(super) winner: Better,
    code: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub(super) enum Better {
    A,
    B,
    #[serde(rename = "tie")]
    Tie,
}

/// A level from 1 to `levels`.
pub(super) fn level(text: &str, code: &str, levels: usize) -> Result<LevelVerdict, String> {
    let verdict: LevelVerdict = serde_json::from_str(unfenced(text)).map_err(|error| error.to_string())?;
    check_code(&verdict.code, code)?;
    match (1..=levels).contains(&(verdict.level as usize)) {
        true => Ok(verdict),
        false => Err(format!("the level must be from 1 to {levels}")),
    }
}

pub(super) fn pair(text: &str, code: &str) -> Result<PairVerdict, String> {
    let verdict: PairVerdict = serde_json::from_str(unfenced(text)).map_err(|error| error.to_string())?;
    check_code(&verdict.code, code).map(|()| verdict)
}

fn check_code(found: &str, code: &str) -> Result<(), String> {
    if found == code { Ok(()) } else { Err("the code is not the one in the instructions".to_owned()) }
}

/// The object within a fence of Markdown, which models like to put around it; anything else stays as it is.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inner.and_then(|inner| inner.strip_suffix("```")).map_or(text, str::trim)
}

/// The mean level by the probabilities of the tokens that might have stood where the level stands, and its variance;
/// `None` where they are not told. After G-Eval (Liu et al., 2023), section 2.
pub(super) fn expectation(tokens: &[TokenChoice], levels: usize) -> Option<(f64, f64)> {
    let mut written = String::new();
    let place = tokens.iter().find(|choice| {
        let is_level =
            written.trim_end().ends_with("\"level\":") && choice.token.trim().parse::<u32>().is_ok();
        written.push_str(&choice.token);
        is_level
    })?;
    let level = |token: &str| {
        token.trim().parse::<u32>().ok().filter(|level| (1..=levels).contains(&(*level as usize)))
    };
    let likely: Vec<(f64, f64)> = place
        .alternatives
        .iter()
        .filter_map(|(token, log)| Some((f64::from(level(token)?), log.min(0.0).exp())))
        .filter(|(_, probability)| probability.is_finite())
        .collect();
    let total: f64 = likely.iter().map(|(_, probability)| probability).sum();
    // What stands for little of the probability says nothing of the rest.
    if total < 0.5 {
        return None;
    }
    let mean = likely.iter().map(|(level, probability)| level * probability).sum::<f64>() / total;
    let square = |(level, probability): &(f64, f64)| probability * (level - mean).powi(2);
    Some((mean, likely.iter().map(square).sum::<f64>() / total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verdict_is_a_verdict() {
        let good = r#"{"evidence": "It is warm.", "level": 3, "code": "c"}"#;
        for text in [good.to_owned(), format!("```json\n{good}\n```"), format!("\n{good} ")] {
            assert_eq!(level(&text, "c", 3).unwrap().level, 3, "{text}");
        }
        for bad in [
            "",
            "3",
            "Level 3",
            r#"{"evidence": "x", "level": 4, "code": "c"}"#,
            r#"{"evidence": "x", "level": 0, "code": "c"}"#,
            r#"{"evidence": "x", "level": 2.5, "code": "c"}"#,
            r#"{"evidence": "x", "level": "3", "code": "c"}"#,
            r#"{"evidence": "x", "level": 3}"#,
            r#"{"evidence": "x", "level": 3, "code": "other"}"#,
            r#"{"evidence": "x", "level": 3, "code": "c", "more": 1}"#,
            r#"{"evidence": "x", "level": 3, "code": "c"} and {"level": 1}"#,
        ] {
            assert!(level(bad, "c", 3).is_err(), "{bad}");
        }
        assert_eq!(
            pair(r#"{"evidence": "x", "winner": "tie", "code": "c"}"#, "c").unwrap().winner,
            Better::Tie
        );
        assert!(pair(r#"{"evidence": "x", "winner": "a", "code": "c"}"#, "c").is_err());
    }

    fn token(token: &str, alternatives: &[(&str, f64)]) -> TokenChoice {
        let alternatives = alternatives.iter().map(|(token, p)| ((*token).to_owned(), p.ln())).collect();
        TokenChoice { token: token.to_owned(), alternatives }
    }

    #[test]
    fn the_expected_level_is_that_of_the_tokens_in_its_place() {
        let tokens = |place: TokenChoice| {
            ["{\"", "evidence", "\": \"level 2\",", " \"level", "\":", " "]
                .map(|text| token(text, &[]))
                .into_iter()
                .chain([place])
                .collect::<Vec<_>>()
        };
        let (mean, variance) =
            expectation(&tokens(token("4", &[("4", 0.6), ("5", 0.2), ("x", 0.1)])), 5).unwrap();
        assert!((mean - 4.25).abs() < 1e-9 && (variance - 0.1875).abs() < 1e-9, "{mean} {variance}");
        assert_eq!(
            expectation(&tokens(token("4", &[("4", 0.3), ("9", 0.6)])), 5),
            None,
            "too little is told"
        );
        assert_eq!(expectation(&tokens(token("x", &[])), 5), None);
        assert_eq!(expectation(&[], 5), None);
    }
}
