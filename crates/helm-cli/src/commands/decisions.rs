use helm_core::DecisionId;
use helm_server::json::decision_json;

use crate::arguments::{Global, OfTenant};
use crate::error::Result;
use crate::open;
use crate::output::{self, Format};

pub(super) async fn show(global: &Global, of: &OfTenant, id: &str) -> Result<()> {
    let id: DecisionId = id.parse()?;
    let helm = open::reading(global, of).await?;
    let explained = helm.explain(id).await;
    open::close(&helm).await;
    let explanation = explained?;
    if global.output != Format::Table {
        return output::json(global.output, &decision_json(&explanation));
    }
    let turn = &explanation.turn;
    let decision = turn.decision.as_ref();
    let row = |name: &str, value: String| [name.to_owned(), value];
    let status = turn.outcome.as_ref().map_or("running", |outcome| outcome.status.as_str());
    let reward = turn.reward.as_ref().map(|reward| reward.value.get());
    let rows = [
        row("task", turn.task.to_string()),
        row("user", turn.user.to_string()),
        row("strategy", decision.map_or_else(|| "-".to_owned(), |d| d.strategy.to_string())),
        row("propensity", output::percent(decision.map(|d| d.propensity.get()))),
        row("status", status.to_owned()),
        row("reward", output::number(reward)),
        row("reward by", turn.reward.as_ref().map_or_else(|| "-".to_owned(), |r| r.spec.to_string())),
        row("at", turn.at.to_string()),
    ];
    let judged = turn
        .feedback
        .iter()
        .map(|f| row(&format!("feedback {}", f.source), output::number(Some(f.value.get()))));
    output::line(&output::table(["decision", &id.to_string()], rows.into_iter().chain(judged)))?;
    let candidates = decision.map_or(&[][..], |decision| &decision.candidates);
    if !candidates.is_empty() {
        let rows = candidates.iter().map(|candidate| {
            [
                candidate.strategy.to_string(),
                output::percent(Some(candidate.probability.get())),
                output::number(Some(candidate.mean)),
                output::number(Some(candidate.deviation)),
                candidate.pulls.to_string(),
            ]
        });
        let header = ["candidate", "probability", "expected reward", "deviation", "rewards"];
        output::line(&output::table(header, rows))?;
    }
    output::line(&explanation.why.replace("; ", "\n  "))
}
