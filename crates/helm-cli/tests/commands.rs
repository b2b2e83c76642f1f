//! The built program, with right and wrong input.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use std::process::Output;

use helm_testkit::{ModelServer, Reply};
use serde_json::Value;
use tempfile::TempDir;

use program::helmctl;

fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    helmctl(folder.path(), &[], arguments, "")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Fails with exit code 2 and one message that holds all of these.
fn refused(output: &Output, expected: &[&str]) {
    assert_eq!(output.status.code(), Some(2), "{} {}", out(output), err(output));
    for expected in expected {
        assert!(err(output).contains(expected), "{expected}: {}", err(output));
    }
    assert!(err(output).contains("helmctl: ") && !err(output).contains("panicked"));
    assert!(out(output).is_empty(), "{}", out(output));
}

fn decision_id(text: &str) -> String {
    text.split("decision ").nth(1).unwrap().chars().take(36).collect()
}

#[test]
fn init_writes_a_configuration_that_is_fine_and_never_overwrites_it() {
    let folder = folder();
    assert!(run(&folder, &["init"]).status.success());
    let checked = run(&folder, &["config", "check"]);
    assert!(checked.status.success(), "{}", err(&checked));
    refused(&run(&folder, &["init"]), &["helm.toml is there already", "--force"]);
    assert!(run(&folder, &["init", "--force"]).status.success());
    assert!(out(&run(&folder, &["config", "show"])).contains("stepwise"));
}

#[test]
fn init_writes_where_the_configuration_is_looked_for() {
    let folder = folder();
    let written = run(&folder, &["init", "--config", "other.toml"]);
    assert!(written.status.success() && folder.path().join("other.toml").exists());
    assert!(err(&written).contains("config check --config other.toml"), "{}", err(&written));
    assert!(!folder.path().join("helm.toml").exists());
    assert!(run(&folder, &["config", "check", "--config", "other.toml"]).status.success());
    refused(&run(&folder, &["init", "--config", "other.toml"]), &["other.toml is there already"]);
}

#[test]
fn a_file_of_keys_is_checked_with_the_rest() {
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let made = run(&folder, &["keys", "new", "laptop", "--output", "json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let (key, entry) = (made["key"].as_str().unwrap(), made["entry"].as_str().unwrap());
    write("helm.toml", "[tasks.support.strategies.concise]\n[server]\nkeys_file = \"helm.keys\"\n");
    let check = || run(&folder, &["config", "check"]);
    let place = "helm.toml, line 3: server.keys_file: ";
    refused(&check(), &[place, "cannot read helm.keys", "helmctl keys new"]);
    write("helm.keys", &format!("# who\n{entry}\n\n{key}\n"));
    let wrong = check();
    refused(&wrong, &[place, "helm.keys, line 4: ", "NAME:HASH"]);
    assert!(!err(&wrong).contains(key), "the key was repeated");
    let looked = run(&folder, &["doctor"]);
    assert_eq!(looked.status.code(), Some(1), "{}", out(&looked));
    assert!(out(&looked).contains("helm.keys, line 4"), "{}", out(&looked));
    write("helm.keys", &format!("{entry}\n{entry}:chat\n"));
    refused(&check(), &["helm.keys, line 2: ", "stands twice"]);
    write("helm.keys", "# nobody\n");
    refused(&check(), &["helm.keys, line 1: ", "there is no key"]);
    write("helm.keys", entry);
    assert!(check().status.success(), "{}", err(&check()));
}

#[test]
fn a_conversation_is_held_rated_explained_and_found_again() {
    let folder = folder();
    let lines = "How do I reset my router?\n/rate 4\n/why\n/strategies\n/set tone dry\n/prefs\n/history\n/nonsense\n/rate 9\n/quit\nnot read\n";
    let chat = helmctl(folder.path(), &[], &["chat", "--task", "support", "--user", "ana"], lines);
    assert_eq!(chat.status.code(), Some(2), "two lines were wrong");
    let text = out(&chat);
    for expected in [
        "router",
        "(simulated answer",
        "thank you; the reward",
        "drew",
        "probability now",
        "\"tone\": \"dry\"",
        "user      How",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    for expected in ["there is no /nonsense", "from 1 to 5"] {
        assert!(err(&chat).contains(expected), "{expected}: {}", err(&chat));
    }
    let id = decision_id(&text);
    let shown = run(&folder, &["decisions", "show", &id, "--output", "json"]);
    let shown: Value = serde_json::from_str(&out(&shown)).unwrap();
    assert_eq!(
        (&shown["decision_id"], &shown["feedback"][0]["value"]),
        (&Value::from(id.as_str()), &Value::from(0.75))
    );
    for (rating, applied) in [("4", "duplicate"), ("5", "corrected")] {
        let given = run(&folder, &["feedback", &id, "--rating", rating, "--output", "json"]);
        let given: Value = serde_json::from_str(&out(&given)).unwrap();
        assert_eq!(given["applied"], Value::from(applied));
    }
    let report = run(&folder, &["tasks", "report", "support", "--output", "jsonl"]);
    let report: Value = serde_json::from_str(&out(&report)).unwrap();
    let sum: f64 =
        report["strategies"].as_array().unwrap().iter().map(|s| s["feedback"]["sum"].as_f64().unwrap()).sum();
    assert_eq!(sum, 1.0);
    assert!(out(&run(&folder, &["tasks", "list"])).starts_with("support\ntutor\nwriting"));
}

#[test]
fn scenarios_are_played_whole_or_not_at_all() {
    let folder = folder();
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/scenarios/support.jsonl");
    let played = run(&folder, &["scenario", "run", scenario, "--output", "json"]);
    assert!(played.status.success(), "{}", err(&played));
    let played: Value = serde_json::from_str(&out(&played)).unwrap();
    assert!(played["turns"].as_u64().unwrap() > 50 && played["rated"].as_u64().unwrap() > 20);
    assert_eq!(played["simulated"], Value::from(true));
    assert!(played["learning"]["support"]["last_third"].is_number());
    let bad = folder.path().join("bad.jsonl");
    std::fs::write(&bad, "{\"user\":\"a\",\"task\":\"support\",\"message\":\"hi\"}\n{\"user\":\"a\"}\n{\"user\":\"a\",\"task\":\"support\",\"message\":\"hi\",\"ratings\":{\"concise\":9}}\n").unwrap();
    refused(
        &run(&folder, &["scenario", "run", "bad.jsonl"]),
        &["nothing was played", "line 2", "line 3", "from 1 to 5"],
    );
    refused(&run(&folder, &["scenario", "run", "missing.jsonl"]), &["missing.jsonl"]);
    let line = |task: &str, message: &str, strategy: &str| {
        serde_json::json!({ "user": "a", "task": task, "message": message, "ratings": { strategy: 3 } })
            .to_string()
    };
    let lines = [
        line("support", "hi", "concise"),
        line("sales", "hi", "concise"),
        line("support", "hi", "brief"),
        line("support", &"x".repeat((1 << 20) + 1), "concise"),
    ];
    std::fs::write(&bad, lines.join("\n")).unwrap();
    let before = std::fs::read_dir(folder.path()).unwrap().count();
    refused(
        &run(&folder, &["scenario", "run", "bad.jsonl", "--database", "sqlite://new.db"]),
        &[
            "line 2: there is no task sales",
            "line 3: task support has no strategy brief",
            "line 4: the message has 1048577 bytes",
        ],
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before, "nothing was created");
}

#[test]
fn wrong_input_is_refused_in_one_clear_message() {
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("unknown.toml", "[store]\nurls = \"x\"\n");
    write("broken.toml", "[store\n");
    write("no.db", &"this is text and not a database at all ".repeat(30));
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    refused(
        &run(&folder, &["--config", "unknown.toml", "config", "check"]),
        &["unknown.toml", "line 2", "urls"],
    );
    refused(&run(&folder, &["--config", "broken.toml", "config", "check"]), &["broken.toml", "line 1"]);
    refused(&run(&folder, &["--config", "missing.toml", "config", "check"]), &["cannot read missing.toml"]);
    refused(&run(&folder, &["tasks", "report", "sales"]), &["no task sales", "support, tutor, writing"]);
    refused(&run(&folder, &["chat", "--task", "sales"]), &["no task sales"]);
    refused(&run(&folder, &["decisions", "show", unknown]), &["no database at helm.db"]);
    assert!(!folder.path().join("helm.db").exists(), "nothing was created");
    let report = run(&folder, &["tasks", "report", "support"]);
    assert!(report.status.success() && err(&report).contains("no database at helm.db"), "{}", err(&report));
    assert!(!folder.path().join("helm.db").exists(), "nothing was created");
    assert!(run(&folder, &["migrate"]).status.success());
    refused(&run(&folder, &["decisions", "show", unknown]), &[unknown]);
    refused(&run(&folder, &["decisions", "show", "x"]), &["UUID"]);
    refused(&run(&folder, &["feedback", unknown, "--rating", "5"]), &[unknown]);
    refused(&run(&folder, &["feedback", unknown, "--rating", "7"]), &["from 1 to 5", "7"]);
    refused(
        &run(&folder, &["--database", "sqlite://no.db", "tasks", "report", "support"]),
        &["no.db", "not a SQLite database"],
    );
    refused(&run(&folder, &["--database", "sqlite:///proc/nowhere/helm.db", "migrate"]), &["does not exist"]);
    refused(
        &run(&folder, &["--database", "postgres://ana:hush@127.0.0.1:1/x", "tasks", "report", "support"]),
        &["postgres", "reached"],
    );
    refused(&run(&folder, &["serve", "--listen", "0.0.0.0:0"]), &["reached from outside"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&run(&folder, &["serve", "--listen", &address]), &["something else listens there"]);
    let empty = helmctl(folder.path(), &[("LOG_LEVEL", "=")], &["tasks", "report", "support"], "");
    refused(&empty, &["LOG_LEVEL"]);
    assert_eq!(run(&folder, &["feedback", unknown]).status.code(), Some(2), "a judgement is needed");
    let long = format!("{}\n", "x".repeat(10 << 20));
    let chat = helmctl(folder.path(), &[], &["chat"], &long);
    assert!(
        chat.status.code() == Some(2) && err(&chat).contains("bytes, more than"),
        "{}",
        err(&chat).chars().take(300).collect::<String>()
    );
}

#[test]
fn data_is_written_in_the_form_that_is_asked_for() {
    let folder = folder();
    let json = |arguments: &[&str]| -> Value {
        let output = run(&folder, arguments);
        assert!(output.status.success(), "{}", err(&output));
        serde_json::from_str(&out(&output)).unwrap()
    };
    assert_eq!(json(&["init", "--output", "json"])["path"], "helm.toml");
    assert_eq!(json(&["config", "check", "--output", "json"])["ok"], true);
    assert_eq!(json(&["config", "show", "--output", "jsonl"])["store"]["url"], "sqlite://helm.db");
    assert_eq!(json(&["tasks", "list", "--output", "json"])[0], "support");
    assert_eq!(out(&run(&folder, &["tasks", "list", "--output", "jsonl"])).lines().count(), 3);
    let lines = "How do I reset it?\n/rate 4\n/why\n";
    for format in ["json", "jsonl"] {
        let chat = helmctl(folder.path(), &[], &["chat", "--output", format], lines);
        assert!(chat.status.success(), "{}", err(&chat));
        let text =
            if format == "json" { out(&chat) } else { format!("[{}]", out(&chat).trim().replace('\n', ",")) };
        let values: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&values[0]["status"], &values[1]["applied"]), (&"completed".into(), &"fresh".into()));
        assert_eq!(values[2]["decision_id"], values[0]["decision_id"]);
    }
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    std::fs::write(folder.path().join("file"), "").unwrap();
    refused(&run(&folder, &["--database", "sqlite://file/helm.db", "migrate"]), &["file does not exist"]);
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(folder.path().join("probe"), "").is_ok() {
        helm_testkit::note("skipped: this user may write into a read-only folder, as root does");
        return;
    }
    refused(&run(&folder, &["migrate"]), &["writable"]);
    refused(&run(&folder, &["init"]), &["cannot write helm.toml"]);
}

#[test]
fn the_environment_is_refused_where_it_cannot_be_meant() {
    let folder = folder();
    for (name, value, expected) in
        [("LOG_LEVEL", "verbose", "error, warn, info"), ("ENVIRONMENT", "prod", "development or production")]
    {
        refused(
            &helmctl(folder.path(), &[(name, value)], &["config", "check"], ""),
            &[name, value, expected],
        );
    }
    let good = helmctl(folder.path(), &[("LOG_LEVEL", "WARNING")], &["config", "check"], "");
    assert!(good.status.success(), "{}", err(&good));
    let leaky = [("DATABASE_URL", "mysql://ana:sk-very-secret@db/helm?password=sk-very-secret")];
    for arguments in [["config", "check"], ["config", "show"]] {
        let output = helmctl(folder.path(), &leaky, &arguments, "");
        assert!(!format!("{}{}", out(&output), err(&output)).contains("very-secret"));
    }
}

/// The file says something else, or there is none.
#[test]
fn what_a_variable_or_a_flag_gets_wrong_is_not_laid_to_the_file() {
    let folder = folder();
    let wrong = [("DATABASE_URL", "mysql://x")];
    for file in [None, Some("[store]\nurl = \"sqlite://helm.db\"\n")] {
        if let Some(text) = file {
            std::fs::write(folder.path().join("helm.toml"), text).unwrap();
        }
        let output = helmctl(folder.path(), &wrong, &["config", "check"], "");
        refused(&output, &["environment variable DATABASE_URL: store.url"]);
        let output = run(&folder, &["--database", "mysql://x", "config", "check"]);
        refused(&output, &["flag --database: store.url"]);
    }
}

#[test]
fn all_that_is_wrong_with_a_configuration_is_said_at_once() {
    let folder = folder();
    let refused_at = |text: &str, expected: &[&str]| {
        std::fs::write(folder.path().join("helm.toml"), text).unwrap();
        let output = run(&folder, &["config", "check"]);
        refused(&output, expected);
        assert_eq!(err(&output).lines().count(), expected.len(), "each once: {}", err(&output));
    };
    let read = r#"
[odd]
number = 3
[server]
drain_seconds = "long"
even = 4
[tasks.support]
sticky = "sometimes"
[tasks.support.strategies.plain]
system = "Be brief."
[[many]]
"#;
    refused_at(
        read,
        &[
            "helm.toml, line 2, column 2: unknown field `odd`",
            "helm.toml, line 5, column 17: invalid type",
            "helm.toml, line 6, column 1: unknown field `even`",
            "helm.toml, line 8, column 10: unknown variant `sometimes`",
            "helm.toml, line 11, column 3: unknown field `many`",
        ],
    );
    // Without its wrong line a model would lack a family, which nobody has left out.
    refused_at(
        "[models.main]\nfamily = \"nonsense\"\n[models.other]\nmodel = 3\n",
        &[
            "line 2, column 10: unknown variant",
            "line 3, column 1: missing field `family`",
            "line 4, column 9",
        ],
    );
    let parts = r#"
[server]
drain_seconds = 1000000
[models.first]
family = "openai-chat"
model = "m"
key_file = "first.key"
[models.second]
family = "openai-chat"
model = "m"
key_file = "second.key"
[tasks.support.strategies.plain]
system = "Be brief."
"#;
    refused_at(parts, &["line 3: server.drain_seconds", "cannot read first.key", "cannot read second.key"]);
    let tasks = r#"
[tasks.support]
policy = { kind = "zz" }
[tasks.support.strategies.plain]
system = "Be brief."
[tasks.writing.strategies.plain]
system = "{% if"
[tasks.tutor.strategies.plain]
model = "nobody"
"#;
    refused_at(tasks, &["line 3: tasks.support.policy", "tasks.tutor", "tasks.writing"]);
}

const PARTS: &str = r#"
[models.main]
family = "builtin"
[models.broken]
family = "openai-chat"
model = "m"
key_file = "absent.key"
[judges.polite]
model = "nobody"
[judges.brief]
model = "main"
rate = 7
[judges.waiting]
model = "broken"
[checks.mild]
kind = "judge"
model = "main"
[guardrails.strict]
checks = ["mild", "absent"]
banned_words = ["two words"]
[guardrails.strict.input]
pii = { action = "redact", keep = 4 }
toxicity = { action = "block", threshold = 7 }
[guardrails.strict.input.entities]
EMAIL = { threshold = 0.5 }
email = "block"
[guardrails.strict.output]
allowed_hosts = ["com"]
[tasks.support]
guardrails = "absent"
[tasks.support.strategies.plain]
"#;

const TASKS: &str = r#"
[tools.look]
description = "Looks."
url = "http://127.0.0.1:9/look"
[tasks.support]
policy = { kind = "fixed", weights = { nobody = 1 } }
tools = ["luck", "look", "lock"]
reward = "absent"
guardrails = "absent"
fallback = "third"
summary_model = "nobody"
[tasks.support.strategies.first]
tools = ["luck"]
deadline_seconds = 0
[tasks.support.strategies.second]
system = "{% if"
tools = []
[experiments.tone]
task = "nobody"
variants = { a = {}, b = {} }
"#;

/// Each rule, judge, strategy and name is told of, and nothing that follows from another mistake.
#[test]
fn one_mistake_does_not_hide_another() {
    let folder = folder();
    for (text, expected) in [
        (
            PARTS,
            &[
                "absent.key",
                "line 9: judges.polite.model",
                "line 12: judges.brief.rate",
                "line 15: checks.mild: a check of kind judge needs rule",
                "line 19: guardrails.strict.checks: there is no [checks.absent]",
                "line 20: guardrails.strict.banned_words",
                "line 22: guardrails.strict.input.pii",
                "line 23: guardrails.strict.input.toxicity",
                "line 25: guardrails.strict.input.entities.EMAIL",
                "line 26: guardrails.strict.input.entities.email",
                "line 27: guardrails.strict.output",
            ][..],
        ),
        (
            TASKS,
            &[
                "line 14: tasks.support.strategies.first.deadline_seconds",
                "line 16: tasks.support.strategies.second.system",
                "line 6: tasks.support.policy",
                "line 10: tasks.support.fallback",
                "line 7: tasks.support.tools: there is no [tools.luck]",
                "line 7: tasks.support.tools: there is no [tools.lock]",
                "line 8: tasks.support.reward",
                "line 9: tasks.support.guardrails",
                "line 11: tasks.support.summary_model",
            ],
        ),
    ] {
        std::fs::write(folder.path().join("helm.toml"), text).unwrap();
        let output = run(&folder, &["config", "check"]);
        refused(&output, expected);
        assert_eq!(err(&output).lines().count(), expected.len(), "each once: {}", err(&output));
    }
}

#[test]
fn where_there_is_no_database_none_is_looked_into() {
    let folder = folder();
    for arguments in [["keys", "list"], ["jobs", "list"]] {
        refused(&run(&folder, &arguments), &["there is no database at helm.db", "--database"]);
    }
}

#[test]
fn what_a_process_keeps_in_its_memory_is_no_missing_database() {
    let folder = folder();
    let kept = |arguments: &[&str]| run(&folder, &[&["--database", "memory:"], arguments].concat());
    let alone = "memory: is seen by the process alone that keeps it";
    refused(&kept(&["keys", "list"]), &[alone, "--database sqlite://PATH"]);
    for arguments in [["tasks", "report", "support"].as_slice(), &["doctor"]] {
        let output = kept(arguments);
        let told = format!("{}{}", out(&output), err(&output));
        assert!(output.status.success() && told.contains(alone) && !told.contains("no database"), "{told}");
    }
}

#[test]
fn a_server_is_told_where_to_listen_by_an_address() {
    let folder = folder();
    for (listen, such_as) in
        [("28084", "127.0.0.1:28084"), (":28084", "127.0.0.1:28084"), ("localhost:9", "127.0.0.1:8080")]
    {
        let wrong = run(&folder, &["serve", "--listen", listen]);
        assert_eq!(wrong.status.code(), Some(2));
        assert!(err(&wrong).contains(&format!("such as {such_as}")), "{}", err(&wrong));
    }
}

#[test]
fn the_doctor_looks_at_everything() {
    let folder = folder();
    let healthy = run(&folder, &["doctor", "--live", "--output", "json"]);
    assert!(healthy.status.success(), "{}", err(&healthy));
    let checks: Value = serde_json::from_str(&out(&healthy)).unwrap();
    assert!(
        checks
            .as_array()
            .unwrap()
            .iter()
            .any(|check| check["check"] == "model main" && check["verdict"] == "ok")
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was created");
    std::fs::write(folder.path().join("no.db"), "this is text and not a database at all ".repeat(30))
        .unwrap();
    let ill = run(&folder, &["--database", "sqlite://no.db", "doctor"]);
    assert_eq!(ill.status.code(), Some(1), "a check said no");
    assert!(out(&ill).contains("FAIL"), "{}", out(&ill));
    assert!(out(&run(&folder, &["migrate"])).contains("version 11"));
    let absent = helmctl(folder.path(), &[("REDIS_URL", "redis://127.0.0.1:1")], &["doctor"], "");
    assert!(out(&absent).contains("warn  redis") && out(&absent).contains("REDIS_URL"), "{}", out(&absent));
    assert_eq!(out(&absent).matches("does not answer").count(), 1, "{}", out(&absent));
    let wrong = helmctl(folder.path(), &[("REDIS_URL", "no address")], &["doctor"], "");
    assert_eq!(wrong.status.code(), Some(1), "{}", out(&wrong));
    assert!(out(&wrong).contains("FAIL  redis"), "{}", out(&wrong));
    let off = helmctl(
        folder.path(),
        &[("ENABLE_VECTOR_SEARCH", "false"), ("ENABLE_AB_TESTING", "0")],
        &["doctor"],
        "",
    );
    assert!(out(&off).contains("vector search off, A/B testing off"), "{}", out(&off));
}

#[test]
fn guards_check_lines_in_order() {
    let folder = folder();
    let lines = "{\"id\":1,\"text\":\"é mail ana@example.com\"}\n{\"id\":\"b\",\"text\":\"fine\"}\n";
    let checked = helmctl(folder.path(), &[], &["guard", "check", "--direction", "input", "--scores"], lines);
    let lines: Vec<Value> = out(&checked).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["action"], &lines[0]["text"]), (&"redact".into(), &"é mail [EMAIL]".into()));
    assert_eq!(
        (&lines[0]["violations"][0]["start"], &lines[0]["violations"][0]["end"]),
        (&7.into(), &22.into())
    );
    assert_eq!((&lines[1]["id"], &lines[1]["action"]), (&"b".into(), &"allow".into()));
    assert!(lines[1]["scores"]["toxic"].as_f64().is_some_and(|score| score < 0.5), "{}", lines[1]);
    let names: Vec<_> = lines[1]["scores"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["injection", "profane", "suspicious", "toxic"]);
    let wrong = helmctl(folder.path(), &[], &["guard", "check", "--direction", "output"], "{\"id\":1}\n");
    refused(&wrong, &["line 1", "text"]);
    let nameless = "\n{\"text\":\"b\"}\n";
    let wrong = helmctl(folder.path(), &[], &["guard", "check", "--direction", "output"], nameless);
    refused(&wrong, &["line 2", "id"]);
}

#[test]
fn the_configured_guards_are_tried_by_name() {
    let folder = TempDir::new().unwrap();
    let config = "[guardrails.strict.output]\npii = \"block\"\n[tasks.t.strategies.s]\n";
    std::fs::write(folder.path().join("helm.toml"), config).unwrap();
    let named = |name: &str, text: &str| {
        let arguments = ["guard", "explain", text, "--direction", "output", "--guardrails", name];
        helmctl(folder.path(), &[], &arguments, "")
    };
    let explained = out(&named("strict", "mail ana@example.com"));
    assert!(explained.contains("verdict  block") && explained.contains("passes   nothing"), "{explained}");
    assert!(out(&named("standard", "mail ana@example.com")).contains("passes   mail [EMAIL]"));
    let wrong = named("stric", "x");
    let told = String::from_utf8_lossy(&wrong.stderr);
    assert!(!wrong.status.success() && told.contains("there are: standard, strict"), "{told}");
}

#[test]
fn guards_explain_list_and_time_themselves() {
    let folder = folder();
    let text = "é mail ana@example.com";
    let explained = out(&helmctl(folder.path(), &[], &["guard", "explain", text], ""));
    assert!(explained.contains("EMAIL") && explained.contains("7..22"), "{explained}");
    assert!(explained.contains("é mail [EMAIL]") && explained.contains("redact"), "{explained}");
    let data = out(&helmctl(folder.path(), &[], &["guard", "explain", text, "--output", "json"], ""));
    let data: Value = serde_json::from_str(&data).unwrap();
    let found = &data["violations"][0];
    assert_eq!((&found["entity"], &found["action"]), (&"EMAIL".into(), &"redact".into()), "{data}");
    let listed = out(&helmctl(folder.path(), &[], &["guard", "list"], ""));
    assert!(listed.contains("secret") && listed.contains("injection"), "{listed}");
    let lines = "{\"text\":\"Write to ana@example.com, please.\"}\n";
    let bench = ["guard", "bench", "--direction", "output", "--seconds", "1"];
    let timed = out(&helmctl(folder.path(), &[], &bench, lines));
    assert!(timed.contains("whole") && timed.contains("1 texts, 33 bytes"), "{timed}");
    refused(&helmctl(folder.path(), &[], &bench, ""), &["standard input"]);
}

/// A conversation of one message with the endpoint of this server.
async fn asked(server: &ModelServer) -> Output {
    let (folder, url) = (folder(), server.base_url());
    tokio::task::spawn_blocking(move || {
        let environment = [
            ("OPENAI_API_KEY", "sk-very-secret"),
            ("OPENAI_BASE_URL", url.as_str()),
            ("OPENAI_MODEL", "gpt-test"),
        ];
        helmctl(folder.path(), &environment, &["chat"], "Is it plugged in?\n")
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_key_in_the_environment_makes_its_endpoint_answer() {
    let server = ModelServer::start([Reply::Answer("Yes, it is plugged in.".to_owned())]).await.unwrap();
    let chat = asked(&server).await;
    assert!(
        out(&chat).contains("Yes, it is plugged in.") && !out(&chat).contains("simulated"),
        "{}",
        out(&chat)
    );
    let received = server.received();
    assert_eq!(received[0].authorization.as_deref(), Some("Bearer sk-very-secret"));
    assert_eq!((&received[0].body["model"], &received[0].body["stream"]), (&"gpt-test".into(), &true.into()));
}

#[tokio::test]
async fn a_provider_that_fails_is_told_without_the_key() {
    for (reply, expected) in [
        (
            Reply::status(401, "invalid_api_key", "Incorrect API key provided: sk-very-secret"),
            "refused the key",
        ),
        (Reply::status(429, "insufficient_quota", "pay"), "quota"),
        (Reply::Cut("Yes, it is".to_owned(), 2), "stopped before its end"),
        (Reply::ErrorEvent("Yes, it is".to_owned(), 1), "the engine fell over"),
    ] {
        let server = ModelServer::start([reply]).await.unwrap();
        let chat = asked(&server).await;
        assert!(err(&chat).contains(expected), "{expected}: {} {}", out(&chat), err(&chat));
        assert_eq!(chat.status.code(), Some(2), "{expected}");
        assert!(!format!("{}{}", out(&chat), err(&chat)).contains("very-secret"));
    }
}

#[test]
fn a_state_is_rebuilt_after_another_policy_was_configured() {
    let folder = folder();
    let configure = |kind: &str| {
        let text = format!(
            "[tasks.t]\npolicy = {{ kind = \"{kind}\" }}\n[tasks.t.strategies.a]\n[tasks.t.strategies.b]\n"
        );
        std::fs::write(folder.path().join("helm.toml"), text).unwrap();
    };
    configure("thompson");
    refused(&run(&folder, &["policy", "rebuild", "--task", "t", "--check"]), &["no database"]);
    let lines = "How do I reset it?\n/rate 5\nAnd then?\n/rate 1\n/quit\n";
    assert!(helmctl(folder.path(), &[], &["chat", "--task", "t"], lines).status.success());
    let check = || run(&folder, &["policy", "rebuild", "--task", "t", "--check", "--output", "json"]);
    let equal = check();
    assert_eq!(equal.status.code(), Some(0), "{}", err(&equal));
    configure("lin_ucb");
    let different = check();
    assert_eq!(different.status.code(), Some(1), "{}", err(&different));
    let told: Value = serde_json::from_str(&out(&different)).unwrap();
    assert_eq!((&told["decisions"], &told["changed"], &told["equal"]), (&2.into(), &2.into(), &false.into()));
    assert!(!told["differences"].as_array().unwrap().is_empty());
    let rebuilt = run(&folder, &["policy", "rebuild", "--task", "t"]);
    assert!(rebuilt.status.success() && out(&rebuilt).contains("was rebuilt"), "{}", err(&rebuilt));
    assert!(out(&rebuilt).contains("a@1") || out(&rebuilt).contains("b@1"), "{}", out(&rebuilt));
    assert_eq!(check().status.code(), Some(0));
    refused(&run(&folder, &["policy", "rebuild", "--task", "none"]), &["no task none"]);
}

#[test]
fn a_key_is_made_once_and_no_public_address_is_served_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(&folder, &["keys", "new", "laptop", "--output", "json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let (key, entry) = (made["key"].as_str().unwrap(), made["entry"].as_str().unwrap());
    assert!(key.starts_with("hk_") && key.len() == 3 + 8 + 1 + 64, "{key}");
    assert!(entry.starts_with("laptop:") && !entry.contains(key), "{entry}");
    let again = run(&folder, &["keys", "new", "laptop", "--output", "json"]);
    assert_ne!(serde_json::from_slice::<Value>(&again.stdout).unwrap()["key"], key);
    refused(&run(&folder, &["keys", "new", "a:b"]), &["colon"]);
    for (entries, told) in [("", "there is no key"), (key, "entry 1")] {
        let serve =
            helmctl(folder.path(), &[("HELM_API_KEYS", entries)], &["serve", "--listen", "127.0.0.1:0"], "");
        refused(&serve, &["HELM_API_KEYS", told]);
        assert!(entries.is_empty() || !err(&serve).contains(entries), "the key was repeated");
    }
}

/// A log of an even draw of two strategies, of which the second earns more.
fn even_log(turns: usize) -> String {
    let candidates = r#"[{"strategy":"plain@1","probability":0.5},{"strategy":"warm@2","probability":0.5}]"#;
    let turn = |at: usize| {
        let (strategy, reward) = if at.is_multiple_of(2) { ("plain@1", 0.2) } else { ("warm@2", 0.8) };
        format!(
            r#"{{"strategy":"{strategy}","propensity":0.5,"mode":"sampled","candidates":{candidates},"reward":{reward}}}"#
        )
    };
    let mut lines: Vec<_> = (0..turns).map(turn).collect();
    lines.push(
        r#"{"strategy":"plain@1","propensity":1.0,"mode":"pinned","candidates":[],"reward":1.0}"#.to_owned(),
    );
    lines.push(r#"{"candidates":[],"mode":null}"#.to_owned());
    lines.join("\n")
}

#[test]
fn a_log_says_what_another_policy_would_have_earned() {
    let folder = folder();
    std::fs::write(folder.path().join("turns.jsonl"), even_log(400)).unwrap();
    let asked = |target: &str, more: &[&str]| {
        let arguments = ["ope", "--log", "turns.jsonl", "--target", target];
        helmctl(folder.path(), &[], &[&arguments, more].concat(), "")
    };
    let data: Value = serde_json::from_str(&out(&asked("warm", &["--output", "json"]))).unwrap();
    for estimator in ["dr", "snips", "ips", "dros"] {
        assert!((data["estimates"][estimator].as_f64().unwrap() - 0.8).abs() < 1e-3, "{estimator}: {data}");
    }
    assert_eq!(data["diagnostics"]["effective"], 200.0);
    assert_eq!(data["left_out"]["turns whose strategy was not drawn (pinned, fallback)"], 1);
    let [low, high] = [0, 1].map(|end| data["intervals"]["betting"][end].as_f64().unwrap());
    assert!(0.6 < low && low < 0.8 && 0.8 < high, "{data}");
    let shown = out(&asked("uniform", &[]));
    assert!(shown.contains("0.5000") && shown.contains("left out: 1 turns without a decision"), "{shown}");
    assert!(out(&asked("best", &[])).contains("0.8000"));

    refused(&asked("warn", &[]), &["no turn could have chosen warn", "plain@1, warm@2"]);
    refused(&asked("warm", &["--min-effective", "NaN"]), &["--min-effective must be a number"]);
    refused(&asked("warm", &["--alpha", "2"]), &["alpha must lie between 0 and 1"]);
    let little = asked("warm", &["--min-effective", "1000"]);
    assert_eq!(little.status.code(), Some(3));
    assert!(err(&little).contains("worth 200.0 decisions"), "{}", err(&little));
    let once: String = even_log(400)
        .lines()
        .enumerate()
        .map(|(number, line)| format!("{{\"id\":\"t{number}\",{}\n", line.trim_start_matches('{')))
        .collect();
    std::fs::write(folder.path().join("turns.jsonl"), once.repeat(2)).unwrap();
    let data: Value = serde_json::from_str(&out(&asked("warm", &["--output", "json"]))).unwrap();
    assert_eq!(data["diagnostics"]["effective"], 200.0, "a turn counts once");
    assert_eq!(data["left_out"]["turns that stand more than once"], 400);
    std::fs::write(folder.path().join("turns.jsonl"), "{\"strategy\": 3}").unwrap();
    refused(&asked("warm", &[]), &["turns.jsonl: line 1"]);
}

#[test]
fn a_table_of_rounds_is_a_log() {
    let folder = folder();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/ope/");
    let asked = |file: &str, target: &str| {
        let file = if file.contains('/') { file.to_owned() } else { format!("{golden}{file}") };
        helmctl(folder.path(), &[], &["ope", "--log", &file, "--target", target, "--output", "json"], "")
    };
    let data: Value = serde_json::from_str(&out(&asked("ope_synth_binary.csv", "columns"))).unwrap();
    assert!((data["estimates"]["dr"].as_f64().unwrap() - 0.842_270_392_758_253_7).abs() < 1e-9, "{data}");
    let data: Value = serde_json::from_str(&out(&asked("ope_llm_log.csv", "always_0"))).unwrap();
    assert!((data["estimates"]["snips"].as_f64().unwrap() - 0.943_908_444_444_444_4).abs() < 1e-9, "{data}");
    refused(&asked("ope_llm_log.csv", "always_7"), &["always_0 to always_2"]);
    assert_eq!(asked("ope_synth_continuous.csv", "columns").status.code(), Some(3));
    let broken = folder.path().join("broken.csv");
    for (text, told) in [
        ("action,reward\n1,2\n", "no column pscore"),
        ("action,reward,pscore,q0\n0,x,0.5,1\n", "row 1, column reward"),
        ("action,reward,pscore,q0\n0,1,0,1\n", "row 0"),
    ] {
        std::fs::write(&broken, text).unwrap();
        refused(&asked(broken.to_str().unwrap(), "always_0"), &[told]);
    }
}

#[test]
fn a_test_is_planned_before_it_runs() {
    let folder = folder();
    let asked = |arguments: &[&str]| run(&folder, &[&["experiment", "power"], arguments].concat());
    let users = |arguments: &[&str]| {
        let data: Value =
            serde_json::from_str(&out(&asked(&[arguments, &["--output", "json"]].concat()))).unwrap();
        (
            data["users_per_arm"].as_f64().unwrap(),
            data["power"].as_f64().unwrap(),
            data["effect"].as_f64().unwrap(),
        )
    };
    assert_eq!(users(&["--effect", "0.2"]).0, 394.0);
    assert!((users(&["--shares", "0.10,0.12", "--units", "4000"]).1 - 0.8157).abs() < 1e-4);
    assert!((users(&["--units", "40", "--power", "0.9"]).2 - 0.733_920).abs() < 1e-5);
    assert_eq!(
        users(&["--effect", "0.2", "--explained", "0.5"]).0,
        197.0,
        "half of the variance, half of the users"
    );
    let many = users(&["--effect", "0.2", "--turns", "8", "--correlation", "0.3"]).0;
    assert!((150.0..160.0).contains(&many), "{many}: eight turns are worth 2.6");
    assert!(out(&asked(&["--effect", "0.2"])).contains("users an arm   394"));
    refused(&asked(&["--effect", "0"]), &["above 0"]);
    refused(&asked(&[]), &["two of --effect, --units and --power"]);
    let three = ["--shares", "0.10,0.12", "--units", "4000", "--power", "0.9"];
    refused(&asked(&three), &["--shares, --units and --power are one too many"]);
    refused(&asked(&["--effect", "0.2", "--alpha", "2"]), &["alpha must lie between 0 and 1"]);
}

#[test]
fn whom_an_experiment_assigns_to_what_is_told() {
    let folder = folder();
    let config = "[tasks.t.strategies.s]\n[experiments.tone]\ntask = \"t\"\n[experiments.tone.variants]\ncontrol = { weight = 0.5 }\nwarm = { weight = 0.5 }\n";
    std::fs::write(folder.path().join("helm.toml"), config).unwrap();
    let asked = ["experiment", "assign", "tone", "--unit", "ana", "--unit", "bob", "--output", "json"];
    let data: Value = serde_json::from_str(&out(&run(&folder, &asked))).unwrap();
    assert_eq!((&data[0]["user"], &data[1]["share"]), (&"ana".into(), &0.5.into()), "{data}");
    refused(&run(&folder, &["experiment", "assign", "ton", "--unit", "ana"]), &["no experiment ton", "tone"]);
}
