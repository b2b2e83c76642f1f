//! The report reads what it should, refuses what it cannot read, and can be made again to the bit.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::fmt::Write;

use helm_eval::report::{DataError, Half, figures, read};

fn folder(lines: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("rows.jsonl"), lines).expect("a file");
    std::fs::write(folder.path().join("README.md"), "no rows").expect("a file");
    folder
}

/// Answers that are copied from the knowledge are attributable, others are not.
fn grounded() -> String {
    let mut lines = String::new();
    for number in 0..120 {
        let fact = format!("bridge number {number} was opened in {} by a famous engineer", 1_800 + number);
        let (answer, attributable) = if number % 2 == 0 {
            (fact.clone(), 1.0)
        } else {
            ("i really like long rivers !".to_owned(), 0.0)
        };
        let row = serde_json::json!({
            "id": number.to_string(), "source": "begin_made_up", "context": "", "user": format!("tell me about {number}"),
            "response": answer, "human": {"attributable": attributable}, "knowledge": fact,
        });
        writeln!(lines, "{row}").expect("a string");
    }
    lines
}

#[test]
fn figures_are_those_of_the_data_and_repeatable() {
    let folder = folder(&grounded());
    let rows = read(folder.path()).expect("rows");
    assert_eq!(rows.len(), 120);
    let first = rows.iter().filter(|row| row.half() == Half::First).count();
    assert!((30..90).contains(&first), "{first} rows in the first half");
    let lines = |figures: Vec<helm_eval::report::Figure>| format!("{figures:?}");
    let made = figures(&rows).expect("figures");
    assert!(made.iter().any(|figure| figure.name.contains("coverage") && figure.rows == 120));
    assert_eq!(lines(made), lines(figures(&rows).expect("figures")));
    assert!(figures(&[]).expect("no figures").is_empty());
}

/// Pairs of answers: one speaks of what was asked, the other one of something else, and longer.
fn pairs() -> String {
    let things = ["bridges", "rivers", "violins", "glaciers", "lanterns", "orchards"];
    let mut lines = String::new();
    let others = things.iter().cycle().skip(1);
    for (number, (asked, other)) in (0..90).zip(things.iter().cycle().zip(others)) {
        let answers = [
            (format!("Number {number} of the {asked} is old."), 1.0),
            (format!("Number {number} of the {other} is old, and a long story can be told of it."), 0.0),
        ];
        for (answer, preferred) in answers {
            let row = serde_json::json!({
                "id": number, "source": "pandalm", "user": format!("tell me about number {number} of the {asked}"),
                "response": answer, "human": {"preferred": preferred}, "pair_id": number.to_string(),
            });
            writeln!(lines, "{row}").expect("a string");
        }
    }
    lines
}

#[test]
fn pairs_are_tested_by_what_was_not_fitted_to_them() {
    let folder = folder(&pairs());
    let made = figures(&read(folder.path()).expect("rows")).expect("figures");
    let tested = made.iter().find(|figure| figure.name == "pairs: pandalm").expect("a line");
    assert_eq!(tested.rows, 90);
    assert!(tested.value.value > 0.95, "{:?}", tested.value);
}

#[test]
fn what_is_no_row_is_named() {
    let bad = folder("{\"source\": \"x\", \"user\": \"a\", \"response\": \"b\", \"human\": {}}\n\n{}\n");
    assert!(matches!(read(bad.path()), Err(DataError::Row { line: 3, .. })));
    assert!(matches!(read(&bad.path().join("nowhere")), Err(DataError::Io { .. })));
}
