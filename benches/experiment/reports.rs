//! A whole report.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

use helm_orchestrator::experiment::{LogRow, Report, Spec};
use serde_json::json;

use super::{Figure, least};

const USERS: u32 = 1_000;

pub fn all() -> Vec<Figure> {
    let spec = Spec::from_toml(&specification()).unwrap_or_else(|problems| panic!("{problems}"));
    let rows: Vec<LogRow> = (0..USERS).map(row).collect();
    let took = least(7, || {
        black_box(Report::new(&spec, &rows));
    });
    let name = "a report of 50 metrics, 4 variants, 10 segments; 1,000 users";
    vec![Figure { name, took, times: 1, wanted: Duration::from_millis(50) }]
}

/// One goal whose segments are looked at, and 49 metrics beside it.
fn specification() -> String {
    let mut text = "[experiment]\nkey = \"wide\"\ntask = \"support\"\nmode = \"fixed\"\n".to_owned();
    for variant in 0..4 {
        write!(text, "[[variant]]\nkey = \"v{variant}\"\nweight = 0.25\nstrategy = \"s{variant}\"\n")
            .unwrap();
        if variant == 0 {
            text.push_str("control = true\n");
        }
    }
    let events = ["reward", "latency_seconds", "input_tokens", "output_tokens", "turn"];
    for metric in 0..50 {
        let (role, event) = (if metric == 0 { "goal" } else { "secondary" }, events[metric % 4]);
        write!(
            text,
            "[[metric]]\nkey = \"m{metric}\"\nrole = \"{role}\"\nbetter = \"higher\"\nkind = \"ratio\"\n\
             num = {{ event = \"{event}\", agg = \"sum\" }}\nden = {{ event = \"turn\", agg = \"count\" }}\n"
        )
        .unwrap();
    }
    text.push_str("[segments]\nby = [\"segment\"]\n");
    text
}

fn row(number: u32) -> LogRow {
    let mixed = f64::from(number.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24);
    serde_json::from_value(json!({
        "tenant": "default", "id": format!("01890000-0000-7000-8000-{number:012x}"),
        "user": format!("u{number}"), "task": "support", "status": "completed", "mode": "assigned",
        "segment": format!("s{}", number / 4 % 10), "experiment": "wide", "variant": format!("v{}", number % 4),
        "latency_us": 1_000_000 + (mixed * 1e6) as u64, "input_tokens": 10 + number % 7,
        "output_tokens": 20 + number % 11, "reward": mixed,
        "began": format!("2026-11-{:02}T{:02}:{:02}:00Z", 1 + number / 1_440, number / 60 % 24, number % 60),
    }))
    .unwrap()
}
