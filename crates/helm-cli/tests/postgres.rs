//! The built program on PostgreSQL, each test in a database of its own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

#[path = "../../helm-store/tests/backends/services.rs"]
#[expect(dead_code, reason = "some of it is for other tests")]
mod services;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use services::Database;
use sqlx::Connection;

fn helmctl(folder: &Path, url: &str, arguments: &[&str], input: &str) -> Output {
    program::helmctl(folder, &[("DATABASE_URL", url)], arguments, input)
}

fn succeeded(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

fn report(folder: &Path, url: &str) -> Value {
    let report = helmctl(folder, url, &["tasks", "report", "support", "--output", "json"], "");
    serde_json::from_str(&succeeded(&report)).unwrap()
}

const TALK: &str = "How do I reset my password?\n/rate 4\nAnd on the phone?\n/rate 2\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_lives_in_postgres() {
    let Some(database) = Database::create("an_installation_lives_in_postgres").await else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    let run = |arguments: &[&str], input: &str| helmctl(folder.path(), &url, arguments, input);
    assert!(succeeded(&run(&["migrate", "status"], "")).contains("pending"));
    let outdated = run(&["tasks", "report", "support"], "");
    assert_eq!(outdated.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&outdated.stderr).contains("helmctl migrate"));
    assert!(succeeded(&run(&["migrate"], "")).contains("applied 1"));
    assert!(succeeded(&run(&["migrate", "up"], "")).contains("nothing to do"));
    assert!(!succeeded(&run(&["migrate", "status"], "")).contains("pending"));
    succeeded(&run(&["chat", "--task", "support", "--user", "ana"], TALK));
    let report = report(folder.path(), &url);
    let rewards =
        report["strategies"].as_array().unwrap().iter().map(|one| one["reward"]["count"].as_u64().unwrap());
    assert_eq!(rewards.sum::<u64>(), 2);
    assert!(succeeded(&run(&["policy", "rebuild", "--task", "support", "--check"], "")).contains("agree"));
    assert!(!succeeded(&run(&["doctor"], "")).contains("helm_turn_rest"));
    // A turn from before all months.
    let old = "INSERT INTO helm_turn SELECT tenant, helm_first_id('2020-01-01'), user_id, task, conversation, status,
        input, output, latency_us, cost_nano_usd, input_tokens, output_tokens, format, outcome, digest, began, ended
        FROM helm_turn LIMIT 1";
    database.damage(old).await;
    let told = succeeded(&run(&["doctor"], ""));
    let warned = told.lines().any(|line| line.starts_with("warn") && line.contains("helm_turn_rest"));
    assert!(warned, "{told}");
}

/// What looks after the months has just begun when a short command ends.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_ends_at_once_leaves_no_commit_half_way() {
    let Some(database) = Database::create("whoever_ends_at_once").await else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    for _ in 0..40 {
        let output = helmctl(folder.path(), &url, &["migrate"], "");
        succeeded(&output);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_missing_is_not_migrated_back() {
    let Some(database) = Database::create("a_table_that_is_missing").await else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    succeeded(&helmctl(folder.path(), &url, &["migrate"], ""));
    database.run("DROP TABLE helm_health CASCADE").await;
    let told = |arguments: &[&str]| {
        let refused = helmctl(folder.path(), &url, arguments, "");
        assert_eq!(refused.status.code(), Some(2));
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        // Where in the server's source its words stand is nobody's business here.
        assert!(
            told.contains("relation \"helm_health\" does not exist") && !told.contains("at line"),
            "{told}"
        );
        told
    };
    let migrated = told(&["migrate"]);
    assert!(
        migrated.contains("restore it from a backup") && !migrated.contains("helmctl migrate"),
        "{migrated}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_from_a_file_to_postgres() {
    let Some(database) = Database::create("an_installation_moves").await else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    let file = "sqlite://helm.db";
    succeeded(&helmctl(folder.path(), file, &["chat", "--task", "support", "--user", "ana"], TALK));
    let copied = helmctl(folder.path(), file, &["db", "copy", file, &url, "--output", "json"], "");
    let copied: Value = serde_json::from_str(&succeeded(&copied)).unwrap();
    let rows = |table: &Value| (table["rows"].as_u64().unwrap(), table["copied"].as_u64().unwrap());
    let tables = copied.as_array().unwrap();
    assert!(tables.iter().all(|table| rows(table).0 == rows(table).1), "{copied}");
    assert!(tables.iter().any(|table| table["table"] == "helm_decision" && rows(table).0 == 2), "{copied}");
    assert_eq!(report(folder.path(), file), report(folder.path(), &url));

    for (from, to, expected) in [
        (file, url.as_str(), "empty"),
        ("sqlite://none.db", url.as_str(), "does not exist"),
        (url.as_str(), file, "copies go from"),
        (file, "postgres://nobody@127.0.0.1:1/none", "cannot be reached"),
    ] {
        let refused = helmctl(folder.path(), file, &["db", "copy", from, to], "");
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{told}");
        assert!(told.contains(expected) && !told.contains("panicked"), "{told}");
    }
}

/// As soon as the server listens, what `change` does; then what it logged after that, up to the line that holds a word.
fn logged(folder: &Path, word: &str, change: impl Fn()) -> String {
    let mut server = program::start(folder, &[], &["serve", "--listen", "127.0.0.1:0"]);
    let mut log = String::new();
    for line in BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if line.starts_with("listening") {
            change();
        }
        let is_last = line.contains(word);
        log = log + &line + "\n";
        if is_last {
            break;
        }
    }
    server.kill().unwrap();
    server.wait().unwrap();
    log
}

/// An address that is shown as it was before is another one all the same.
#[tokio::test(flavor = "multi_thread")]
async fn another_password_of_the_database_waits_for_the_next_start() {
    let Some(database) = Database::create("another_password_of_the_database").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let other = database.url_of("postgres:hunter2");
    let write = |url: &str| {
        let config =
            format!("[store]\nurl = \"{url}\"\n[tasks.support.strategies.concise]\nsystem = \"Be brief.\"\n");
        std::fs::write(folder.path().join("helm.toml"), config).unwrap();
    };
    write(&database.url());
    let log = logged(folder.path(), "configuration was taken", || write(&other));
    assert!(log.contains("wait for the next start") && log.contains("store"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

/// Every row of every table that holds a text, by table.
async fn holding(url: &str, text: &str) -> Vec<String> {
    use sqlx::Row;
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    let tables = sqlx::query(tables).fetch_all(&mut connection).await.unwrap();
    assert!(tables.len() > 15);
    let mut found = Vec::new();
    for table in tables.iter().map(|row| row.get::<String, _>(0)) {
        let rows = format!("SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0");
        let rows = sqlx::query(sqlx::AssertSqlSafe(rows)).bind(text);
        let rows: i64 = rows.fetch_one(&mut connection).await.unwrap().get(0);
        found.extend((rows > 0).then_some(table));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_user_is_in_no_table() {
    let Some(database) = Database::create("a_forgotten_user_is_in_no_table").await else { return };
    let (folder, url) = (tempfile::tempdir().unwrap(), database.url());
    let config =
        "[tasks.support]\nremember = true\n[tasks.support.strategies.concise]\nsystem = \"Be brief.\"\n";
    std::fs::write(folder.path().join("helm.toml"), config).unwrap();
    let run = |arguments: &[&str], input: &str| helmctl(folder.path(), &url, arguments, input);
    let talk = "My quokka eats leaves\n/rate 5\n/set tone quokka\nWhat does my quokka eat?\n/rate 2\n";
    let chat = ["chat", "--task", "support", "--user", "zephyrine", "--conversation", "wombat"];
    succeeded(&run(&chat, talk));
    assert!(holding(&url, "zephyrine").await.len() > 5, "{:?}", holding(&url, "zephyrine").await);
    let report = report(folder.path(), &url);
    succeeded(&run(&["users", "forget", "zephyrine", "--yes"], ""));
    for word in ["zephyrine", "quokka", "wombat"] {
        assert_eq!(holding(&url, word).await, Vec::<String>::new(), "{word}");
    }
    assert_eq!(self::report(folder.path(), &url), report);
    assert!(succeeded(&run(&["policy", "rebuild", "--task", "support", "--check"], "")).contains("agree"));
}
