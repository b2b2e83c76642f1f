//! A few turns on the real endpoint, after asking.

use std::io::{BufRead, Write};
use std::time::Duration;

use anyhow::{Result, bail};
use helm_core::TokenCount;
use helm_orchestrator::{HelmConfig, TurnRequest};

use super::play::World;
use super::say::say;

const MOST_TURNS: u64 = 20;
const MOST_DOLLARS: f64 = 0.10;
/// Prices above those of the endpoints people usually name, so that the bound holds without a price list.
const DOLLARS_PER_INPUT_TOKEN: f64 = 15e-6;
const DOLLARS_PER_OUTPUT_TOKEN: f64 = 75e-6;
/// Keeps one answer's cost under two hundredths of a dollar at those prices.
const LONGEST_ANSWER: u64 = 200;

pub(crate) async fn run() -> Result<()> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if variable("OPENAI_API_KEY").is_none() {
        bail!(
            "--live needs OPENAI_API_KEY (and OPENAI_BASE_URL, OPENAI_MODEL if they differ from the defaults)"
        );
    }
    let at = variable("OPENAI_BASE_URL").unwrap_or_else(|| "https://api.openai.com/v1".to_owned());
    if !asked(&format!("Send at most {MOST_TURNS} messages to {at}, for at most {MOST_DOLLARS:.2} dollars?"))?
    {
        say("Nothing was sent.");
        return Ok(());
    }
    // A provider that is installed already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = HelmConfig::standard()?;
    for strategy in config.tasks.values_mut().flat_map(|task| task.strategies.values_mut()) {
        strategy.max_output_tokens = Some(LONGEST_ANSWER);
    }
    let config = config.with_environment(&variable)?;
    let folder = tempfile::tempdir()?;
    let helm = config.builder(&variable)?.sqlite(folder.path().join("live.db")).build().await?;
    let world = World::new(20)?;
    let mut spent = 0.0;
    for turn in 0..MOST_TURNS {
        let (user, task, message) = world.scene(turn);
        if spent + worst_case(&message) > MOST_DOLLARS {
            say(format_args!("Stopping: the next turn might pass {MOST_DOLLARS:.2} dollars."));
            break;
        }
        say(format_args!("> {message}"));
        let response = helm.turn(TurnRequest::new(user.id(), task, message)?).await?;
        spent += cost(response.usage.input, response.usage.output);
        match (response.answer, response.error) {
            (Some(answer), None) => say(format_args!("{answer}\n")),
            (_, error) => bail!("{}: {}", response.status.as_str(), error.unwrap_or_default()),
        }
    }
    say(format_args!("Spent less than {spent:.4} dollars."));
    helm.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

fn cost(input: TokenCount, output: TokenCount) -> f64 {
    input.get() as f64 * DOLLARS_PER_INPUT_TOKEN + output.get() as f64 * DOLLARS_PER_OUTPUT_TOKEN
}

/// A token is never less than a byte; the system prompt has fewer than 200.
fn worst_case(message: &str) -> f64 {
    cost(TokenCount::new(message.len() as u64 + 200), TokenCount::new(LONGEST_ANSWER))
}

fn asked(question: &str) -> Result<bool> {
    print!("{question} [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
