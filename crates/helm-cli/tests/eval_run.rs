//! Data sets on the command line: runs, gates, reports, going on, budgets.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use std::path::Path;
use std::process::Output;

use helm_testkit::{ModelServer, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

fn helmctl(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    program::helmctl(folder, environment, arguments, "")
}

fn run(folder: &TempDir, more: &[&str]) -> Output {
    helmctl(folder.path(), &[], &[&["eval", "run"], more].concat())
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn write(folder: &TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).unwrap();
}

fn read(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap()
}

/// Rows whose answers are relevant, or are not.
fn rows(count: usize, is_relevant: impl Fn(usize) -> bool) -> String {
    let row = |number: usize| {
        let response = match is_relevant(number) {
            true => format!("You repair bridge {number} over the river with steel, and then you paint it."),
            false => "I would rather speak of the weather, which was quite lovely yesterday.".to_owned(),
        };
        json!({"id": number, "user": format!("How do I repair bridge {number} over the river?"), "response": response})
            .to_string()
    };
    (0..count).map(|number| row(number) + "\n").collect()
}

#[test]
fn gates_pass_fail_or_cannot_be_told() {
    let folder = TempDir::new().unwrap();
    write(&folder, "good.jsonl", &rows(40, |_| true));
    write(&folder, "mixed.jsonl", &rows(8, |number| number % 2 == 0));
    let gated = |dataset: &str, gates: &[&str]| {
        let gates: Vec<&str> = gates.iter().flat_map(|gate| ["--gate", gate]).collect();
        run(&folder, &[&["--dataset", dataset, "--output", "json"], gates.as_slice()].concat())
    };
    let passed = gated("good.jsonl", &["relevance>=0.9", "errors<0.1"]);
    assert_eq!((code(&passed), &json_of(&passed)["verdict"]), (0, &json!("pass")), "{}", err(&passed));
    let failed = gated("good.jsonl", &["relevance>=0.9", "relevance<0.5"]);
    assert_eq!((code(&failed), &json_of(&failed)["gates"][1]["verdict"]), (1, &json!("not_met")));
    let unknown = gated("good.jsonl", &["errors<=0.01"]);
    assert_eq!(code(&unknown), 3, "forty rows without an error are too few to tell that");
    assert_eq!(code(&gated("good.jsonl", &["errors<=0"])), 0, "this is asked of the rows");
    let unknown = gated("mixed.jsonl", &["relevance>=0.5"]);
    assert_eq!((code(&unknown), &json_of(&unknown)["gates"][0]["verdict"]), (3, &json!("unknown")));
    assert_eq!(code(&gated("mixed.jsonl", &["relevance>=0.5", "relevance>=2"])), 1, "what failed says more");
    for (gate, said) in [
        ("relevance", "is no condition"),
        ("relevanse>=0.9", "there are: reward"),
        ("reward above baseline", "--baseline FILE"),
    ] {
        let refused = gated("good.jsonl", &[gate]);
        assert_eq!(code(&refused), 2);
        assert!(err(&refused).contains(said), "{}", err(&refused));
    }
}

#[test]
fn a_data_set_with_a_mistake_is_not_run() {
    let folder = TempDir::new().unwrap();
    for (lines, said) in [
        ("", "holds no rows"),
        ("{\"user\":\"a\",\"response\":\"b\"}\n", "line 1: it has no id"),
        (
            "{\"id\":1,\"user\":\"a\",\"response\":\"b\"}\n{\"id\":1,\"user\":\"a\",\"response\":\"b\"}\n",
            "line 2: the id 1",
        ),
        ("{\"id\":1,\"user\":\"a\"}\n", "--task TASK"),
    ] {
        write(&folder, "rows.jsonl", lines);
        let refused = run(&folder, &["--dataset", "rows.jsonl"]);
        assert_eq!(code(&refused), 2);
        assert!(err(&refused).contains(said), "{said}: {}", err(&refused));
    }
    write(&folder, "rows.jsonl", &rows(3, |_| true));
    let refused = run(&folder, &["--dataset", "rows.jsonl", "--report", "out.pdf"]);
    assert!(code(&refused) == 2 && err(&refused).contains("out.pdf"));
}

#[test]
fn reports_are_whole_in_every_form() {
    let folder = TempDir::new().unwrap();
    write(&folder, "rows.jsonl", &rows(20, |number| number % 3 > 0));
    let forms = ["r.json", "r.xml", "r.md", "r.html"];
    let reports: Vec<&str> = forms.iter().flat_map(|form| ["--report", form]).collect();
    let arguments = [&["--dataset", "rows.jsonl", "--gate", "relevance<0.2"], reports.as_slice()].concat();
    assert_eq!(code(&run(&folder, &arguments)), 1);
    let report: Value = serde_json::from_str(&read(&folder, "r.json")).unwrap();
    assert_eq!((&report["rows"], &report["verdict"]), (&json!(20), &json!("fail")));
    let xml = read(&folder, "r.xml");
    assert!(
        xml.contains("name=\"relevance&lt;0.2\"><failure message=") && xml.contains("failures=\"1\""),
        "{xml}"
    );
    assert!(read(&folder, "r.md").contains("| `relevance<0.2` | **NOT MET** |"));
    let html = read(&folder, "r.html");
    assert!(html.contains("<svg") && html.contains("relevance&lt;0.2") && !html.contains("http"), "{html}");
}

#[test]
fn two_runs_are_compared_row_by_row() {
    let folder = TempDir::new().unwrap();
    for (name, is_relevant) in [("a", false), ("b", true)] {
        write(&folder, "rows.jsonl", &rows(30, |number| is_relevant || number % 2 == 0));
        let results = format!("{name}.jsonl");
        assert_eq!(code(&run(&folder, &["--dataset", "rows.jsonl", "--results", &results])), 0);
    }
    let compare = |first: &str, second: &str, gate: &str| {
        helmctl(folder.path(), &[], &["eval", "compare", first, second, "--gate", gate, "--output", "json"])
    };
    let better = compare("a.jsonl", "b.jsonl", "relevance above baseline by 0.1");
    assert_eq!(code(&better), 0, "{}", err(&better));
    let report = json_of(&better);
    let relevance =
        report["differences"].as_array().unwrap().iter().find(|one| one["name"] == "relevance").unwrap();
    assert!(relevance["difference"].as_f64().unwrap() > 0.2 && relevance["clear"] == json!(true));
    assert_eq!(code(&compare("b.jsonl", "a.jsonl", "relevance not-below baseline by 0.02")), 1);
    assert_eq!(code(&compare("b.jsonl", "b.jsonl", "relevance not-below baseline by 0.02")), 0);
    let gated = run(
        &folder,
        &["--dataset", "rows.jsonl", "--baseline", "a.jsonl", "--gate", "relevance above baseline"],
    );
    assert_eq!(code(&gated), 0, "{}", err(&gated));
    let refused = compare("rows.jsonl", "a.jsonl", "reward above baseline");
    assert!(code(&refused) == 2 && err(&refused).contains("no file of results"), "{}", err(&refused));
}

fn configuration(server: &ModelServer, prices: &str) -> String {
    let base = server.base_url();
    format!(
        "[models.main]\nfamily = \"openai-chat\"\nbase_url = \"{base}\"\nmodel = \"m\"\nkey_env = \"KEY\"\n{prices}\n\
         [tasks.t.strategies.s]\nsystem = \"Be brief.\"\n"
    )
}

/// Questions without answers.
fn questions(count: usize) -> String {
    let row = |number| {
        json!({"id": number, "context": "Hello.", "user": format!("How old is bridge {number}?")}).to_string()
    };
    (0..count).map(|number| row(number) + "\n").collect()
}

/// A run whose rows a strategy answers.
async fn answered(folder: &TempDir, more: &[&str]) -> Output {
    let folder = folder.path().to_owned();
    let fixed = ["eval", "run", "--dataset", "rows.jsonl", "--task", "t", "--output", "json"];
    let arguments: Vec<String> = fixed.iter().chain(more).map(ToString::to_string).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        helmctl(&folder, &[("KEY", "k")], &arguments)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_answers_what_is_left_and_the_cap_on_dollars_holds() {
    let server = ModelServer::choosing(|_| Reply::Answer("The bridge is a hundred years old.".to_owned()))
        .await
        .unwrap();
    let folder = TempDir::new().unwrap();
    write(&folder, "rows.jsonl", &questions(12));
    write(&folder, "helm.toml", &configuration(&server, "input_price = 1000.0\noutput_price = 1000.0"));
    let one = answered(&folder, &["--limit", "1"]).await;
    let price = json_of(&one)["dollars"].as_f64().unwrap();
    let cap = (5.5 * price).to_string();
    let first = ["--results", "out.jsonl", "--max-dollars", &cap, "--concurrency", "3"];
    let first = answered(&folder, &first).await;
    assert_eq!(code(&first), 2, "{}", err(&first));
    assert!(err(&first).contains("could exceed --max-dollars"), "{}", err(&first));
    let spent = |text: &str| -> f64 {
        text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()?["dollars"].as_f64()).sum()
    };
    let kept = read(&folder, "out.jsonl");
    assert!(spent(&kept) > 4.0 * price && spent(&kept) <= 5.5 * price, "{}", spent(&kept));
    let asked = server.received().len() - 1;
    assert!(asked > 0 && asked < 12 && kept.lines().count() == asked + 1, "{asked} were asked");
    // A kill in the middle of a line loses that line only.
    write(&folder, "out.jsonl", &format!("{kept}{{\"id\":99,\"sco"));
    let second = answered(&folder, &["--results", "out.jsonl"]).await;
    assert_eq!(code(&second), 0, "{}", err(&second));
    assert_eq!(server.received().len(), 13, "no row is answered twice");
    let report = json_of(&second);
    assert_eq!(
        (&report["rows"], &report["failed"], &report["answered_by"]),
        (&json!(12), &json!(0), &json!("t/s"))
    );
    let received = server.received();
    assert!(received[0].body.to_string().contains("\"Hello.\""), "what was said before is sent along");
    let other = answered(&folder, &["--results", "out.jsonl", "--reward", "other.toml"]).await;
    assert_eq!(code(&other), 2);
    write(&folder, "other.toml", "terms = [{ evaluator = \"length\", weight = 1 }]\n");
    let other = answered(&folder, &["--results", "out.jsonl", "--reward", "other.toml"]).await;
    assert!(err(&other).contains("another run"), "{}", err(&other));
}

/// As many rows at once as may be begun.
async fn capped(folder: &TempDir, cap: f64) -> Output {
    let cap = cap.to_string();
    answered(folder, &["--results", "out.jsonl", "--concurrency", "40", "--max-dollars", &cap]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_do_not_open_the_cap_on_dollars() {
    // Two failures, one after the other, and then answers that cost something.
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server =
        ModelServer::choosing(move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 | 1 => Reply::status(400, "invalid_request_error", "no"),
            _ => Reply::Answer("The bridge is a hundred years old.".to_owned()),
        });
    let server = server.await.unwrap();
    let folder = TempDir::new().unwrap();
    write(&folder, "rows.jsonl", &questions(40));
    write(&folder, "helm.toml", &configuration(&server, "input_price = 1000.0\noutput_price = 1000.0"));
    let ended = capped(&folder, 0.05).await;
    assert_eq!(code(&ended), 2, "{}", err(&ended));
    let costs = |text: &str| -> Vec<f64> {
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter_map(|line| line["dollars"].as_f64()).collect()
    };
    let first = costs(&read(&folder, "out.jsonl"));
    let dearest = first.iter().copied().fold(0.0, f64::max);
    // What the failures cost nobody knows: each is taken for the dearest.
    assert!(first.len() == 1 || first.iter().sum::<f64>() + 2.0 * dearest <= 0.05, "{first:?}");
    // Going on knows what rows cost: it does not begin forty at once.
    let before = server.received().len();
    let ended = capped(&folder, 0.05 + 3.5 * dearest).await;
    assert_eq!(code(&ended), 2, "{}", err(&ended));
    let begun = server.received().len() - before;
    assert!((1..=4).contains(&begun), "{begun} rows were begun");
}

/// What a judge says of everything.
fn judged(body: &Value, level: u32) -> Reply {
    let system = body.pointer("/messages/0/content").and_then(Value::as_str).unwrap_or_default();
    match system.split("\"code\": \"").nth(1).and_then(|rest| rest.split('"').next()) {
        Some(code) => {
            Reply::Answer(json!({"evidence": "It is so.", "level": level, "code": code}).to_string())
        }
        None => Reply::Answer("The bridge is a hundred years old.".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_judges_that_a_reward_counts_judge_the_rows_within_the_cap() {
    let server = ModelServer::choosing(|body| judged(body, 5)).await.unwrap();
    let folder = TempDir::new().unwrap();
    let priced = configuration(&server, "input_price = 1000.0\noutput_price = 1000.0");
    let priced = priced.replace("[tasks.t.", "[tasks.t]\nreward = \"r\"\n[tasks.t.");
    let judges = "[judges.helpful]\nmodel = \"main\"\nmax_dollars = 20.0\n[judges.idle]\nmodel = \"main\"\nmax_dollars = 20.0\n\
                  [rewards.r]\nmin_coverage = 0.1\nterms = [{ evaluator = \"relevance\", weight = 1 }, \
                  { evaluator = \"helpful\", weight = 9 }]\n";
    write(&folder, "helm.toml", &format!("{priced}{judges}"));
    write(&folder, "rows.jsonl", &questions(12));
    let all = answered(&folder, &["--judges", "--gate", "helpful>=1", "--results", "out.jsonl"]).await;
    assert_eq!(code(&all), 0, "{}", err(&all));
    assert_eq!(server.received().len(), 24, "each row is answered and judged once");
    let report = json_of(&all);
    let mean = |name: &str| {
        let measures = report["measures"].as_array().unwrap();
        measures.iter().find(|one| one["name"] == name).unwrap()["mean"].as_f64().unwrap()
    };
    assert!(mean("helpful") == 1.0 && mean("reward") > 0.85, "{report}");
    let without = answered(&folder, &["--results", "out.jsonl"]).await;
    assert!(code(&without) == 2 && err(&without).contains("another run"), "{}", err(&without));
    let capped = ["--judges", "--max-dollars", &(mean("dollars") * 3.5).to_string()];
    let capped = answered(&folder, &capped).await;
    assert_eq!(code(&capped), 2, "{}", err(&capped));
    let begun = (server.received().len() - 24) / 2;
    assert!((2..=3).contains(&begun), "{begun} rows were begun: judgements cost, too");
    // Rows that hold their answers are judged without a strategy.
    write(&folder, "rows.jsonl", &rows(3, |_| true));
    let other = ["eval", "run", "--dataset", "rows.jsonl", "--output", "json", "--reward", "r", "--judges"];
    let (path, arguments) = (folder.path().to_owned(), other);
    let own = tokio::task::spawn_blocking(move || helmctl(&path, &[("KEY", "k")], &arguments)).await.unwrap();
    assert_eq!(code(&own), 0, "{}", err(&own));
    assert!(json_of(&own)["dollars"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_done() {
    let folder = TempDir::new().unwrap();
    write(&folder, "rows.jsonl", &rows(3, |_| true));
    for (more, said) in [
        (["--limit", "0"].as_slice(), "--limit"),
        (&["--max-dollars", "-1"], "above 0"),
        (&["--max-dollars", "NaN"], "above 0"),
        (&["--max-dollars", "1"], "--task or --judges"),
        (&["--judges"], "no judge is configured"),
        (&["--strategy", "s"], "--task"),
        (&["--results", "rows.jsonl"], "no file of results"),
    ] {
        let refused = run(&folder, &[&["--dataset", "rows.jsonl"], more].concat());
        assert_eq!(code(&refused), 2, "{more:?}");
        assert!(err(&refused).contains(said), "{more:?}: {}", err(&refused));
    }
    // A data set without an end of line is not cut when it is taken for results.
    let whole = rows(1, |_| true).trim_end().to_owned();
    write(&folder, "one.jsonl", &whole);
    let refused = run(&folder, &["--dataset", "rows.jsonl", "--results", "one.jsonl"]);
    assert!(code(&refused) == 2 && read(&folder, "one.jsonl") == whole, "{}", err(&refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_a_strategy_that_was_changed_are_not_gone_on_with() {
    let server = ModelServer::choosing(|_| Reply::Answer("Old.".to_owned())).await.unwrap();
    let folder = TempDir::new().unwrap();
    write(&folder, "rows.jsonl", &questions(3));
    let configured = configuration(&server, "");
    write(&folder, "helm.toml", &configured);
    assert_eq!(code(&answered(&folder, &["--results", "out.jsonl", "--limit", "2"]).await), 0);
    write(&folder, "helm.toml", &configured.replace("Be brief.", "Be long."));
    let refused = answered(&folder, &["--results", "out.jsonl"]).await;
    assert!(code(&refused) == 2 && err(&refused).contains("has been changed since"), "{}", err(&refused));
    write(&folder, "helm.toml", &configured);
    assert_eq!(code(&answered(&folder, &["--results", "out.jsonl"]).await), 0);
    assert_eq!(server.received().len(), 3);
    // A row that asks something else now is answered anew.
    write(&folder, "rows.jsonl", &questions(3).replace("bridge 1?", "tower 1?"));
    assert_eq!(code(&answered(&folder, &["--results", "out.jsonl"]).await), 0);
    assert_eq!(server.received().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_failed_are_told_where_gates_are_judged() {
    let server = ModelServer::choosing(|body| match body.to_string().contains("bridge 1?") {
        true => Reply::status(400, "invalid_request_error", "no"),
        false => Reply::Answer("The bridge is a hundred years old.".to_owned()),
    });
    let server = server.await.unwrap();
    let folder = TempDir::new().unwrap();
    write(&folder, "rows.jsonl", &questions(12));
    write(&folder, "helm.toml", &configuration(&server, ""));
    let gated = answered(&folder, &["--gate", "length>=0"]).await;
    assert_eq!(code(&gated), 0, "{}", err(&gated));
    assert!(err(&gated).contains("1 of 12 rows failed"), "{}", err(&gated));
    assert_eq!(json_of(&gated)["gates"][0]["missing"], json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_prices_no_cap_is_promised_and_a_refused_key_ends_the_run() {
    let server = ModelServer::choosing(|_| Reply::Answer("Old.".to_owned())).await.unwrap();
    let folder = TempDir::new().unwrap();
    write(&folder, "rows.jsonl", &questions(9));
    write(&folder, "helm.toml", &configuration(&server, ""));
    let unpriced = answered(&folder, &["--max-dollars", "1"]).await;
    assert_eq!(code(&unpriced), 2);
    assert!(
        err(&unpriced).contains("give the model prices") && server.received().is_empty(),
        "{}",
        err(&unpriced)
    );
    let refusing = ModelServer::choosing(|_| Reply::status(401, "invalid_api_key", "no")).await.unwrap();
    write(&folder, "helm.toml", &configuration(&refusing, ""));
    let refused = answered(&folder, &["--concurrency", "1"]).await;
    assert!(code(&refused) == 2 && err(&refused).contains("every row would fail alike"), "{}", err(&refused));
    assert_eq!(refusing.received().len(), 1);
}
