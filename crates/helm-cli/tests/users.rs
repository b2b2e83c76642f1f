//! What is kept of people, shown and forgotten by the built program.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod program;

use std::path::Path;
use std::process::Output;

use serde_json::Value;

const CONFIG: &str = r#"
[tasks.support]
remember = true
[tasks.support.strategies.concise]
system = "Be brief. {{ preferences.tone }}"
[tasks.support.strategies.thorough]
system = "Explain."
retrieve = { memories = 3 }
"#;

/// What nobody else says or is called.
const WORDS: [&str; 4] = ["zephyrine", "quokka", "wombat-conversation", "marsupial"];

fn helmctl(folder: &Path, arguments: &[&str], input: &str) -> Output {
    program::helmctl(folder, &[], arguments, input)
}

fn succeeded(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

fn talk(folder: &Path, user: &str) {
    let input =
        "My quokka eats marsupial leaves\n/rate 5\n/set tone marsupial\nWhat does my quokka eat?\n/rate 2\n";
    let arguments = ["chat", "--task", "support", "--user", user, "--conversation", "wombat-conversation"];
    succeeded(&helmctl(folder, &arguments, input));
}

/// Which of the words stand in any of the folder's files, byte for byte.
fn found(folder: &Path) -> Vec<&'static str> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file).unwrap()).collect();
    let holds = |word: &&str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    WORDS.into_iter().filter(holds).collect()
}

#[test]
fn a_forgotten_user_is_nowhere_in_the_file_and_all_that_was_learnt_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("helm.toml"), CONFIG).unwrap();
    talk(folder, "zephyrine");
    assert_eq!(found(folder), WORDS);
    let exported = succeeded(&helmctl(folder, &["users", "export", "zephyrine"], ""));
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(exported["preferences"]["values"]["tone"], "marsupial");
    assert_eq!(exported["conversations"][0]["messages"].as_array().unwrap().len(), 4);
    assert_eq!(exported["turns"].as_array().unwrap().len(), 2);
    assert!(exported["turns"][0]["input"].as_str().unwrap().contains("marsupial leaves"), "the oldest first");
    for held in ["memories", "statistics"] {
        assert!(!exported[held].as_array().unwrap().is_empty(), "{held}");
    }
    let counted = helmctl(folder, &["users", "forget", "zephyrine", "--dry-run", "--output", "json"], "");
    let counted: Value = serde_json::from_str(&succeeded(&counted)).unwrap();
    assert_eq!(
        (&counted["turns"], &counted["messages"], &counted["dry_run"]),
        (&2.into(), &4.into(), &true.into())
    );
    let unsure = helmctl(folder, &["users", "forget", "zephyrine"], "zephyrine\n");
    assert_eq!(unsure.status.code(), Some(2), "nobody is asked who is not there");
    assert_eq!(found(folder), WORDS, "nothing was done");
    let report = succeeded(&helmctl(folder, &["tasks", "report", "support", "--output", "json"], ""));
    let forgotten = helmctl(folder, &["users", "forget", "zephyrine", "--yes", "--output", "json"], "");
    let forgotten: Value = serde_json::from_str(&succeeded(&forgotten)).unwrap();
    for what in ["turns", "messages", "memories", "preferences", "decisions", "judgements", "statistics"] {
        assert_eq!(forgotten[what], counted[what], "{what}");
    }
    assert_eq!(found(folder), Vec::<&str>::new());
    assert_eq!(succeeded(&helmctl(folder, &["tasks", "report", "support", "--output", "json"], "")), report);
    succeeded(&helmctl(folder, &["policy", "rebuild", "--task", "support", "--check"], ""));
    let again = helmctl(folder, &["users", "forget", "zephyrine", "--yes", "--output", "json"], "");
    let again: Value = serde_json::from_str(&succeeded(&again)).unwrap();
    assert_eq!((&again["turns"], &again["statistics"]), (&0.into(), &0.into()));
}

#[test]
fn of_whom_nothing_is_kept_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("helm.toml"), CONFIG).unwrap();
    talk(folder, "zephyrine");
    for (arguments, tenant) in [
        (&["users", "forget", "zephyrin", "--yes"][..], "default"),
        (&["users", "forget", "zephyrin", "--dry-run"], "default"),
        (&["users", "forget", "zephyrine", "--yes", "--tenant", "eu", "--output", "json"], "eu"),
        (&["users", "export", "zephyrin"], "default"),
        (&["users", "export", "zephyrine", "--tenant", "eu"], "eu"),
    ] {
        let output = helmctl(folder, arguments, "");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        let name = arguments.get(2).unwrap();
        assert!(
            told.contains(&format!("nothing is kept of {name} in tenant {tenant}")),
            "{arguments:?}: {told}"
        );
    }
    let export = helmctl(folder, &["users", "export", "zephyrine"], "");
    assert!(!String::from_utf8_lossy(&export.stderr).contains("nothing is kept"));
}

#[test]
fn one_of_two_users_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("helm.toml"), CONFIG).unwrap();
    talk(folder, "zephyrine");
    talk(folder, "bo");
    succeeded(&helmctl(folder, &["users", "forget", "zephyrine", "--yes"], ""));
    assert!(!found(folder).contains(&"zephyrine"));
    let to = folder.join("bo.json");
    succeeded(&helmctl(folder, &["users", "export", "bo", "--to", to.to_str().unwrap()], ""));
    let exported: Value = serde_json::from_str(&std::fs::read_to_string(to).unwrap()).unwrap();
    assert_eq!((exported["user"].as_str(), exported["turns"].as_array().unwrap().len()), (Some("bo"), 2));
    let own = helmctl(folder, &["users", "forget", "helm/judges", "--yes"], "");
    assert_eq!(own.status.code(), Some(2));
    let other =
        helmctl(folder, &["users", "forget", "bo", "--tenant", "elsewhere", "--yes", "--output", "json"], "");
    let other: Value = serde_json::from_str(&succeeded(&other)).unwrap();
    assert_eq!(other["turns"], 0);
}

#[test]
fn keys_are_made_listed_rotated_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let json = |arguments: &[&str]| -> Value {
        let output = helmctl(folder, &[arguments, &["--output", "json"]].concat(), "");
        serde_json::from_str(&succeeded(&output)).unwrap()
    };
    let made = json(&["keys", "create", "shop", "--expires", "90d"]);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with(&format!("hk_{}_", made["id"].as_str().unwrap())) && key.len() > 70, "{made}");
    assert_eq!(
        (&made["role"], &made["tenant"], &made["active"]),
        (&"chat".into(), &"default".into(), &true.into())
    );
    json(&["keys", "create", "shop", "--role", "read", "--tenant", "eu"]);
    let listed = helmctl(folder, &["keys", "list"], "");
    assert!(!succeeded(&listed).contains(key), "the key is nowhere");
    let bytes = std::fs::read(folder.join("helm.db")).unwrap();
    assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()));
    let turned = json(&["keys", "rotate", "shop", "--overlap", "1h"]);
    assert_eq!((&turned["role"], &turned["name"]), (&"chat".into(), &"shop".into()));
    let old = &turned["replaced"][0];
    assert_eq!(
        (&old["id"], &old["active"]),
        (&made["id"], &true.into()),
        "how long the old one opens is said"
    );
    assert!(old["expires"].as_str().unwrap() < made["expires"].as_str().unwrap());
    assert!(turned["expires"].is_string(), "as long as the old one");
    let again = helmctl(folder, &["keys", "rotate", made["id"].as_str().unwrap()], "");
    assert!(String::from_utf8_lossy(&again.stderr).contains(turned["id"].as_str().unwrap()), "{again:?}");
    let listed = json(&["keys", "list", "--tenant", "default"]);
    let listed = listed.as_array().unwrap();
    assert!(
        listed.len() == 2 && listed.iter().all(|key| key["active"] == true && key["expires"].is_string())
    );
    let revoked = json(&["keys", "revoke", "shop"]);
    assert_eq!(revoked.as_array().unwrap().len(), 2);
    assert!(
        json(&["keys", "list", "--tenant", "default"])
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key["active"] == false)
    );
    assert_eq!(json(&["keys", "list", "--tenant", "eu"])[0]["active"], true);
    for (wrong, told) in [
        (&["keys", "revoke", "shop"][..], "no active key"),
        (&["keys", "rotate", "nobody"], "no active key"),
        (&["keys", "create", "x", "--role", "boss"], "chat, read, metrics and admin"),
        (&["keys", "create", " "], "name"),
        (&["keys", "create", "a:b"], "colon"),
        (&["keys", "create", "late", "--expires", "0d"], "opens nothing"),
        (&["keys", "create", "late", "--expires", "99999999w"], "ten years"),
        (&["keys", "create", "shop", "--role", "admin", "--tenant", "eu"], "with the role read already"),
    ] {
        let refused = helmctl(folder, wrong, "");
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains(told), "{refused:?}");
    }
}

#[test]
fn keys_are_shown_for_people() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeeded(&helmctl(folder, &["keys", "create", "shop"], ""));
    let turned = helmctl(folder, &["keys", "rotate", "shop", "--overlap", "7d"], "");
    let told = String::from_utf8_lossy(&turned.stderr).into_owned();
    assert!(succeeded(&turned).starts_with("hk_") && told.contains(" opens until 20"), "{told}");
    let listed = succeeded(&helmctl(folder, &["keys", "list"], ""));
    let heading = listed.lines().find(|line| line.contains("name")).unwrap();
    let columns = ["id", "name", "role", "tenant", "state", "created", "expires", "used"];
    assert_eq!(heading.split_whitespace().collect::<Vec<_>>(), columns);
    let rows: Vec<_> = listed.lines().filter(|line| line.contains("shop")).collect();
    assert_eq!(rows.len(), 2);
    for column in ["created", "expires"] {
        let place = heading.find(column).unwrap();
        assert!(
            rows.iter().all(|row| row.get(place..).is_some_and(|cell| !cell.starts_with(' '))),
            "{listed}"
        );
    }
    assert_eq!(rows.iter().filter(|row| row.contains("never")).count(), 1, "{listed}");
}
