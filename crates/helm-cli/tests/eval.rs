//! Evaluation on the command line, with right and wrong input.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

fn helmctl(folder: &Path, arguments: &[&str], input: &str) -> Output {
    program::helmctl(folder, &[], arguments, input)
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Answers of which every other one is of what was asked about, and the second two of every four are long.
fn rated(count: usize, likes: impl Fn(usize) -> f64) -> String {
    let mut lines = String::new();
    for number in 0..count {
        let asked = format!("How do I repair bridge {number} over the river?");
        let answer = match number % 2 {
            0 => format!("Repair bridge {number} with the engineers of the river."),
            _ => "I would rather speak of the weather of yesterday.".to_owned(),
        };
        let more =
            " There was sun, rain, and wind, and there were clouds that came and went until the evening.";
        let response = if number / 2 % 2 == 0 { answer } else { format!("{answer}{more}") };
        let row = json!({
            "id": number, "user": asked, "response": response, "human": {"overall": likes(number)}, "model": format!("m{}", number % 2),
        });
        writeln!(lines, "{row}").unwrap();
    }
    lines
}

#[test]
fn turns_are_scored_in_order_and_what_is_unknown_is_null() {
    let input = concat!(
        r#"{"id":"a","user":"What is the capital of France?","response":"Paris is the capital of France.","reference":"Paris"}"#,
        "\n\n",
        r#"{"id":2,"system":null,"context":"hello\nhi","user":"And of Spain?","response":"","knowledge":null,"reference":null,"more":1}"#,
        "\n",
    );
    let scored = helmctl(folder().path(), &["eval", "score"], input);
    assert_eq!(code(&scored), 0, "{}", err(&scored));
    let lines = lines(&scored);
    assert_eq!((&lines[0]["id"], &lines[1]["id"], lines.len()), (&json!("a"), &json!(2), 2));
    assert!(lines[0]["reward"].as_f64().unwrap() > lines[1]["reward"].as_f64().unwrap());
    assert!(lines[0]["scores"]["chrf"].is_f64() && lines[1]["scores"]["chrf"].is_null());
    assert!(lines[0]["scores"]["groundedness"].is_null(), "there is nothing to rest on");
    assert!(lines[0]["stderr"].as_f64().unwrap() > 0.0);
    let keys: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "reward", "scores", "stderr"]);
}

#[test]
fn a_wrong_line_is_told_with_its_number() {
    for (line, said) in [
        ("{\"id\":1,\"user\":\"a\"}", "no response"),
        ("{\"user\":\"a\",\"response\":\"b\"}", "no id"),
        ("{\"id\":1,\"user\":3,\"response\":\"b\"}", "invalid type"),
        ("{\"id\":[1],\"user\":\"a\",\"response\":\"b\"}", "a text or a number"),
        ("{\"id\":1,\"user\":\"a\",\"response\":\"b\",\"knowledge\":{}}", "knowledge"),
        ("nonsense", "expected"),
    ] {
        let input = format!("{}\n\n{line}\n", json!({"id": 0, "user": "a", "response": "b"}));
        let scored = helmctl(folder().path(), &["eval", "score"], &input);
        assert_eq!(code(&scored), 2, "{line}");
        assert!(
            err(&scored).contains("standard input, line 3: ") && err(&scored).contains(said),
            "{}",
            err(&scored)
        );
        assert_eq!(lines(&scored).len(), 1, "what was right before is written");
    }
}

#[test]
fn a_reward_is_a_name_or_a_file_and_counts_only_what_is_measured() {
    let folder = folder();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("one.toml", "[rewards.short]\nterms = [{ evaluator = \"length\", weight = 1 }]\n");
    file("bare.toml", "terms = [{ evaluator = \"length\", weight = 1 }]\n");
    file("typo.toml", "terms = [{ evaluator = \"relevanse\", weight = 1 }]\n");
    file("two.toml", "[rewards.a]\nterms = []\n[rewards.b]\nterms = []\n");
    file(
        "helm.toml",
        "[tasks.t.strategies.s]\n[rewards.exact]\nterms = [{ evaluator = \"exact\", weight = 1 }]\n",
    );
    let turn = json!({"id": 1, "user": "Who?", "response": "Ana", "reference": "ana"}).to_string();
    let with = |reward: &str| helmctl(folder.path(), &["eval", "score", "--reward", reward], &turn);
    let scored = lines(&with("one.toml"));
    assert_eq!(scored[0]["reward"], scored[0]["scores"]["length"]);
    assert_eq!(lines(&with("bare.toml")), scored);
    assert_eq!(lines(&with("exact"))[0]["reward"], json!(1.0));
    for (reward, said) in [
        ("typo.toml", "relevanse"),
        ("two.toml", "exactly one"),
        ("nowhere.toml", "nowhere.toml"),
        ("absent", "there are: default, exact"),
    ] {
        let refused = with(reward);
        assert_eq!((code(&refused), out(&refused).as_str()), (2, ""), "{reward}");
        assert!(err(&refused).contains(said), "{}", err(&refused));
    }
}

#[test]
fn agreement_is_told_with_intervals_and_not_of_a_handful() {
    let folder = folder();
    let file = folder.path().join("rated.jsonl");
    std::fs::write(&file, rated(80, |number| if number % 2 == 0 { 5.0 } else { 1.0 })).unwrap();
    let agree = |more: &[&str]| {
        let arguments = [&["eval", "agree", "--ratings", "rated.jsonl"], more].concat();
        helmctl(folder.path(), &arguments, "")
    };
    let found = lines(&agree(&["--range", "1..5", "--output", "jsonl"]));
    let of = |name: &str| found.iter().find(|line| line["measure"] == name).unwrap();
    let relevance = &of("relevance")["separation"];
    assert!(relevance["value"].as_f64().unwrap() > 0.95);
    assert!(
        relevance["low"].as_f64().unwrap() > 0.9
            && of("relevance")["spearman"]["low"].as_f64().unwrap() > 0.5
    );
    assert_eq!(found[0]["measure"], json!("reward"));
    assert!(found[0]["pairs"].is_null(), "each request has one answer");
    assert!(out(&agree(&["--range", "1..5"])).contains("Spearman"));
    let scale = agree(&[]);
    assert_eq!(code(&scale), 2);
    assert!(err(&scale).contains("line 1: the rating 5 is not from 0 to 1"), "{}", err(&scale));
    std::fs::write(&file, rated(4, |_| 0.5)).unwrap();
    assert_eq!(code(&agree(&[])), 3);
    std::fs::write(&file, "{\"user\":\"a\",\"response\":\"b\",\"human\":{\"x\":1,\"y\":0}}\n").unwrap();
    assert!(err(&agree(&[])).contains("--dimension: x, y"));
    assert_eq!(code(&helmctl(folder.path(), &["eval", "agree"], "")), 2, "nothing says whose ratings");
}

#[test]
fn learned_weights_are_written_only_when_they_are_better() {
    let folder = folder();
    std::fs::write(
        folder.path().join("mean.toml"),
        "terms = [{ evaluator = \"length\", weight = 9 }, { evaluator = \"relevance\", weight = 1 }]\n",
    )
    .unwrap();
    let calibrate = |ratings: String, more: &[&str]| {
        std::fs::write(folder.path().join("rated.jsonl"), ratings).unwrap();
        let arguments = ["eval", "calibrate", "--ratings", "rated.jsonl", "--reward", "mean.toml"];
        helmctl(folder.path(), &[&arguments, more].concat(), "")
    };
    // What people like falls with nothing but relevance, against the length that mostly counts.
    let learned =
        calibrate(rated(120, |number| if number % 2 == 0 { 0.9 } else { 0.2 }), &["--name", "liked"]);
    assert_eq!(code(&learned), 0, "{}", err(&learned));
    assert!(err(&learned).contains("are better"), "{}", err(&learned));
    std::fs::write(folder.path().join("liked.toml"), out(&learned)).unwrap();
    let scored = helmctl(folder.path(), &["eval", "score", "--reward", "liked.toml"], &rated(2, |_| 0.5));
    let rewards: Vec<f64> = lines(&scored).iter().map(|line| line["reward"].as_f64().unwrap()).collect();
    assert!(rewards[0] > rewards[1] + 0.3, "{rewards:?} {}", out(&learned));
    let noise = |number: usize| f64::from((number as u32).wrapping_mul(2_654_435_761) >> 16 & 1);
    let no = calibrate(rated(120, noise), &[]);
    assert_eq!((code(&no), out(&no).as_str()), (1, ""), "{}", err(&no));
    let few = calibrate(rated(6, |_| 0.5), &["--output", "json"]);
    assert_eq!(code(&few), 3);
    let few: Value = serde_json::from_str(&out(&few)).unwrap();
    assert_eq!((&few["adopted"], &few["ratings"]), (&json!(false), &json!(6)));
    assert!(few["reward"]["learned"]["terms"].is_array());
}

#[test]
fn feedback_in_the_log_is_a_rating() {
    let folder = folder();
    let chat: String = (0..12)
        .map(|number| format!("How do I reset router {number}?\n/rate {}\n", 1 + number % 5))
        .collect();
    let chatted = helmctl(folder.path(), &["chat", "--task", "support"], &chat);
    assert_eq!(code(&chatted), 0, "{}", err(&chatted));
    let agreed = helmctl(folder.path(), &["eval", "agree", "--task", "support", "--output", "json"], "");
    assert_eq!(code(&agreed), 0, "{}", err(&agreed));
    let agreed: Value = serde_json::from_str(&out(&agreed)).unwrap();
    assert_eq!((&agreed[0]["measure"], &agreed[0]["answers"]), (&json!("reward"), &json!(12)));
    for (figure, value) in [("--prior-ratings", "NaN"), ("--prior-ratings", "-1"), ("--prior-ratings", "0")] {
        let refused = helmctl(folder.path(), &["eval", "calibrate", "--task", "support", figure, value], "");
        assert!(code(&refused) == 2 && err(&refused).contains("above 0"), "{value}: {}", err(&refused));
    }
    let later = helmctl(folder.path(), &["eval", "agree", "--task", "support", "--since", "2999-01-01"], "");
    assert_eq!(code(&later), 3);
    let unknown = helmctl(folder.path(), &["eval", "agree", "--task", "sport"], "");
    assert!(err(&unknown).contains("there is no task sport"));
}

#[test]
fn an_old_log_is_scored_under_another_reward_and_stays_as_it_is() {
    let folder = folder();
    let chat: String = (0..12)
        .map(|number| {
            format!("How do I reset router {number}?\n{}", if number % 2 == 0 { "/rate 2\n" } else { "" })
        })
        .collect();
    assert_eq!(code(&helmctl(folder.path(), &["chat", "--task", "support"], &chat)), 0);
    let severe = "terms = [{ evaluator = \"length\", weight = 1 }]\nhuman_weight = 1.0\n";
    std::fs::write(folder.path().join("severe.toml"), severe).unwrap();
    let arguments = ["eval", "rescore", "--task", "support", "--reward", "severe.toml", "--output", "json"];
    let rescored = helmctl(folder.path(), &arguments, "");
    assert_eq!(code(&rescored), 0, "{}", err(&rescored));
    let report: Value = serde_json::from_str(&out(&rescored)).unwrap();
    let strategies = report["strategies"].as_array().unwrap();
    let sum = |key: &str| strategies.iter().map(|one| one[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("decisions"), sum("rated")), (12, 6));
    assert_eq!((&report["reward"], &report["drift"]), (&json!("file@1"), &json!([])));
    let same = helmctl(folder.path(), &["policy", "rebuild", "--task", "support", "--check"], "");
    assert_eq!(code(&same), 0, "{}", out(&same));
    let table = helmctl(folder.path(), &["eval", "rescore", "--task", "support"], "");
    assert!(out(&table).contains("under default@2"), "{}", out(&table));
    let none = helmctl(folder.path(), &["eval", "rescore", "--task", "support", "--since", "2999-01-01"], "");
    assert_eq!(code(&none), 3);
}

#[test]
fn of_a_task_its_own_reward_is_meant() {
    let folder = folder();
    let configured = "[tasks.t]\nreward = \"own\"\n[tasks.t.strategies.s]\n[tasks.u.strategies.s]\n[rewards.own]\nversion = 3\n\
                      terms = [{ evaluator = \"length\", weight = 1 }]\n[rewards.default]\nversion = 5\n\
                      terms = [{ evaluator = \"relevance\", weight = 1 }]\n";
    std::fs::write(folder.path().join("helm.toml"), configured).unwrap();
    let chat: String = (0..12)
        .map(|number| format!("How do I reset router {number}?\n/rate {}\n", 1 + number % 5))
        .collect();
    for (task, reward) in [("t", "own@3"), ("u", "default@5")] {
        assert_eq!(code(&helmctl(folder.path(), &["chat", "--task", task], &chat)), 0);
        let rescored = helmctl(folder.path(), &["eval", "rescore", "--task", task, "--output", "json"], "");
        let report: Value = serde_json::from_str(&out(&rescored)).unwrap();
        assert_eq!(report["reward"], json!(reward));
        let calibrated =
            helmctl(folder.path(), &["eval", "calibrate", "--task", task, "--output", "json"], "");
        let calibrated: Value = serde_json::from_str(&out(&calibrated)).unwrap();
        assert_eq!(
            json!(format!(
                "{}@{}",
                calibrated["name"].as_str().unwrap(),
                calibrated["reward"]["version"].as_u64().unwrap() - 1
            )),
            json!(reward)
        );
        let agreed = helmctl(folder.path(), &["eval", "agree", "--task", task, "--output", "json"], "");
        let agreed: Value = serde_json::from_str(&out(&agreed)).unwrap();
        let mean = |name: &str| {
            let found = agreed.as_array().unwrap().iter().find(|one| one["measure"] == name);
            found.unwrap()["mean"].as_f64().unwrap()
        };
        let counted = if task == "t" { "length" } else { "relevance" };
        assert!((mean("reward") - mean(counted)).abs() < 1e-9, "{agreed}");
    }
}

#[test]
fn where_nothing_can_be_told_no_figure_is_made_up() {
    let folder = folder();
    let file = folder.path().join("rated.jsonl");
    let agree = || helmctl(folder.path(), &["eval", "agree", "--ratings", "rated.jsonl"], "");
    // Ratings that are all alike have no order, and one request's answers no independent evidence.
    let one_request: String = (0..12)
        .map(|number| {
            let row = json!({"id": number, "user": "Who?", "response": "Ana. ".repeat(number + 1), "human": {"x": f64::from(number as u32 % 2)}});
            format!("{row}\n")
        })
        .collect();
    for rows in [rated(12, |_| 0.5), one_request] {
        std::fs::write(&file, rows).unwrap();
        let found = agree();
        assert_eq!(code(&found), 3, "{}", err(&found));
        assert!(
            out(&found).contains("reward") && err(&found).contains("too little to tell"),
            "{}",
            out(&found)
        );
    }
}
