//! Strategies from a configuration file, with preferences in the prompt. Run it:
//! `cargo run --example custom_strategy_config`

#[path = "shared/say.rs"]
mod say;

use std::path::Path;
use std::time::Duration;

use helm_core::{TaskId, UserId};
use helm_orchestrator::store::PreferenceChange;
use helm_orchestrator::{HelmConfig, TurnRequest};
use say::say;

const CONFIG: &str = r#"
[store]
url = "sqlite://custom_strategy_config.db"

[models.main]
family = "builtin"

[tasks.travel]
policy = { kind = "thompson", learner = "normal_inverse_gamma", pool = "users" }
fallback = "plain"

[tasks.travel.strategies.plain]
system = "Answer in at most two sentences."

[tasks.travel.strategies.personal]
version = 2
parent = "personal@1"
system = """
Be warm and friendly, and give an example.
{% if preferences.home %}The user lives in {{ preferences.home }}.{% endif %}
"""
max_output_tokens = 300
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let config = HelmConfig::from_toml(CONFIG, Path::new("inline configuration"))?;
    let no_environment = |_: &str| None;
    let helm = config.builder(&no_environment)?.sqlite(folder.path().join("helm.db")).build().await?;

    let ana = UserId::new("ana")?;
    let home = PreferenceChange::Set { name: "home".to_owned(), value: "Porto".into() };
    helm.change_preferences(&ana, &[home]).await?;

    for message in ["Where should I go in May?", "What do I pack?", "Do I need a visa?"] {
        let turn = helm.turn(TurnRequest::new(&ana, "travel", message)?).await?;
        let strategy = turn.strategy.map(|id| id.to_string()).unwrap_or_default();
        say(format_args!(
            "{message}  [{strategy}, probability {:.2}]",
            turn.propensity.map_or(0.0, |p| p.get())
        ));
        say(format_args!("  {}\n", turn.answer.unwrap_or_default().replace('\n', "\n  ")));
    }
    say(format_args!("Preferences now: {}", serde_json::to_string(&helm.preferences(&ana).await?.values)?));
    say(format_args!("Strategies: {:#?}", helm.report(&TaskId::new("travel")?).await?.strategies.len()));
    helm.shutdown(Duration::from_secs(5)).await;

    // What a mistake looks like: the key, the line and the place.
    let mistake = CONFIG.replace("max_output_tokens", "max_tokens");
    if let Err(error) = HelmConfig::from_toml(&mistake, Path::new("inline configuration")) {
        say(format_args!("\nA wrong key is refused:\n{error}"));
    }
    Ok(())
}
