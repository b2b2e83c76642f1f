//! Configuration files, right and wrong.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use helm_orchestrator::config::Origin;
use helm_orchestrator::{Error, HelmConfig};

const TASK: &str = "[tasks.t.strategies.s]\nsystem = \"Be brief.\"\n";
const MODEL: &str = "[models.main]\nfamily = \"openai-chat\"\nmodel = \"m\"\n";

fn load(text: &str, variables: &[(&str, &str)]) -> Result<HelmConfig, Error> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let find =
        |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let config = HelmConfig::from_toml(text, Path::new("etc/helm.toml"))?.with_environment(&find)?;
    config.builder(&find)?.check().map_err(|error| config.locate(error))?;
    Ok(config)
}

fn refused(text: &str, variables: &[(&str, &str)]) -> String {
    let error = load(text, variables).unwrap_err();
    format!("{} {error:?}", error.report())
}

#[test]
fn mistakes_name_file_and_line() {
    for (text, expected) in [
        ("[store]\nurls = \"x\"\n", ["line 2", "urls"]),
        (
            "[tasks.t]\npolicy = { kind = \"best\" }\n[tasks.t.strategies.s]",
            ["line 2: tasks.t.policy", "best"],
        ),
        (
            "[tasks.t]\npolicy = { kind = \"fixed\", weights = { z = 1.0 } }\n[tasks.t.strategies.s]",
            ["line 2: tasks.t.policy", "no strategy \"z\"; it has: s"],
        ),
        (
            "[tasks.t]\n[tasks.t.strategies.s]\n\nsystem = \"{{ nobody }}\"",
            ["line 4: tasks.t.strategies.s.system", "template"],
        ),
        ("[tasks.t.strategies.s]\nmodel = \"other\"", ["line 1: tasks.t.strategies.s", "no model other"]),
        ("[tasks.t.strategies.s]\ndeadline_seconds = 1e300", ["line 2", "0.01 to 86400"]),
        ("[tasks.t.strategies.s]\ndeadline_seconds = -1", ["line 2", "0.01 to 86400"]),
        // Nothing refers to these, and they are looked at all the same.
        (
            "[tasks.t.strategies.s]\n[rewards.mine]\nterms = []\nhuman_weight = 7",
            ["line 2: rewards.mine", "7"],
        ),
        (
            "[tasks.t.strategies.s]\n[guardrails.mine]\ninput = { toxicity = { threshold = 7 } }",
            ["line 2: guardrails.mine", "from 0 to 1"],
        ),
        ("[server]\ndrain_seconds = 9999999999", ["line 2: server.drain_seconds", "86400"]),
        ("[log]\nlevel = \"verbose\"", ["line 2: log.level", "error, warn, info"]),
        (
            "[models.main]\nfamily = \"openai-chat\"\nmodel = \"m\"\nbase_url = \"http://h\"\nidle_seconds = 0",
            ["line 5: models.main.idle_seconds", "0.01"],
        ),
        ("[tasks.t]\ntools = [\"x\"]\n[tasks.t.strategies.s]", ["line 2: tasks.t.tools", "no [tools.x]"]),
        ("[tasks.t.strategies.s]\ntools = [\"x\"]", ["line 2: tasks.t.strategies.s.tools", "no tool x"]),
        ("[tasks.t]\nfallback = []\n[tasks.t.strategies.s]", ["line 2: tasks.t.fallback", "at least one"]),
        (
            "[tasks.t]\nfallback = [\"z\"]\n[tasks.t.strategies.s]",
            ["line 2: tasks.t.fallback", "strategies: s"],
        ),
        (
            "[tasks.t.strategies.s]\n[tools.x]\ndescription = \"\"\nurl = \"ftp://h\"",
            ["line 4: tools.x.url", "http"],
        ),
        (
            "[tasks.t.strategies.s]\n[tools.x]\ndescription = \"\"\nurl = \"http://h\"\nparameters = { type = \"string\" }",
            ["line 5: tools.x.parameters", "object"],
        ),
        (
            "[tasks.t.strategies.s]\n[limits.user]\nrequests_per_day = 0",
            ["line 3: limits.user.requests_per_day", "1"],
        ),
        (
            "[tasks.t.strategies.s]\n[limits.user]\ndollars_per_day = -1",
            ["line 3: limits.user.dollars_per_day", "-1"],
        ),
        ("[tasks.t.strategies.s]\nmax_dollars = 0", ["line 2: tasks.t.strategies.s.max_dollars", "above 0"]),
    ] {
        let told = refused(text, &[]);
        for expected in expected.iter().chain(["etc/helm.toml"].iter()) {
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }
}

#[test]
fn mistakes_in_checks_name_file_and_line() {
    for (text, expected) in [
        (
            "[tasks.t.strategies.s]\n[checks.x]\nkind = \"classifier\"\nlabels = [\"BAD\"]",
            ["line 2: checks.x", "a check of kind classifier needs url"],
        ),
        (
            "[tasks.t.strategies.s]\n[checks.x]\nkind = \"moderation\"\nurl = \"http://h\"\nrule = \"be kind\"",
            ["line 5: checks.x.rule", "moderation has no such setting"],
        ),
        (
            "[tasks.t.strategies.s]\n[checks.x]\nkind = \"judge\"\nrule = \"be kind\"\nmodel = \"y\"",
            ["line 5: checks.x.model", "there is no [models.y]"],
        ),
        (
            "[tasks.t.strategies.s]\n[guardrails.mine]\nchecks = [\"x\"]",
            ["line 3: guardrails.mine.checks", "there is no [checks.x]"],
        ),
    ] {
        let told = refused(text, &[]);
        assert!(expected.iter().all(|expected| told.contains(expected)), "{told}");
    }
}

#[test]
fn no_message_repeats_a_secret() {
    let model = |more: &str| format!("{TASK}{MODEL}{more}");
    for text in [
        model("api_key = \"sk-very-secret\""),
        model("api_key = sk-very-secret"),
        model("key_env = \"sk-very-secret\""),
        model("base_url = \"ftp://ana:sk-very-secret@host/?key=sk-very-secret\""),
        "[store]\nurl = \"mysql://ana:sk-very-secret@host/helm?password=sk-very-secret\"".to_owned(),
    ] {
        let told = refused(&text, &[]);
        assert!(!told.contains("very-secret"), "{told}");
    }
}

#[test]
fn what_is_shown_holds_no_secret() {
    let text = format!(
        "{TASK}{MODEL}base_url = \"https://ana:sk-very-secret@host/v1?key=sk-very-secret\"\n\
         [store]\nredis_url = \"redis://:sk-very-secret@cache\"\n[guardrails.mine]\nmonitor = true\n"
    );
    let config = load(&text, &[]).unwrap();
    let shown = format!("{config:?} {} {}", config.shown().unwrap(), config.shown_as_toml().unwrap());
    assert!(!shown.contains("very-secret"), "{shown}");
    for expected in ["host/v1", "Be brief.", "[guardrails.mine]", "monitor = true"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

#[test]
fn only_openai_gets_its_key_unasked() {
    let local = format!("{TASK}{MODEL}base_url = \"http://127.0.0.1:11434/v1\"\n");
    load(&local, &[]).unwrap();
    let told = refused(&format!("{TASK}{MODEL}"), &[]);
    assert!(told.contains("OPENAI_API_KEY") && told.contains("not set"), "{told}");
    load(&format!("{TASK}{MODEL}"), &[("OPENAI_API_KEY", "k")]).unwrap();
    let told = refused(&format!("{local}key_env = \"MINE\"\n"), &[]);
    assert!(told.contains("MINE"), "{told}");
}

#[test]
fn a_model_has_its_limits_and_abilities() {
    let abilities = "base_url = \"http://127.0.0.1:1/v1\"\nconnect_seconds = 1\nfirst_token_seconds = 2.5\nidle_seconds = 3\n\
        legacy_max_tokens = true\nstream_usage = false\ncapabilities = { sampling = false, max_output_tokens = 100 }\n";
    load(&format!("{TASK}{MODEL}{abilities}"), &[]).unwrap();
    for (knob, expected) in
        [("temperature = 0.5", "no sampling knobs"), ("max_output_tokens = 101", "at most 100")]
    {
        let told = refused(&format!("{TASK}{knob}\n{MODEL}{abilities}"), &[]);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn every_family_is_set_up_with_its_own_defaults() {
    let main = |family: &str| format!("{TASK}[models.main]\nfamily = \"{family}\"\nmodel = \"m\"\n");
    load(&main("ollama"), &[]).unwrap();
    for (family, key) in [("openai-responses", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY")] {
        let told = refused(&main(family), &[]);
        assert!(told.contains(key) && told.contains("not set"), "{told}");
        load(&main(family), &[(key, "k")]).unwrap();
        // Nobody else gets it unasked.
        load(&format!("{}base_url = \"http://127.0.0.1:1/v1\"\n", main(family)), &[]).unwrap();
    }
    let told = refused(&format!("{TASK}[models.main]\nfamily = \"ollama\"\n"), &[]);
    assert!(told.contains("say which model"), "{told}");
    let told = refused(&main("cohere"), &[]);
    assert!(told.contains("openai-responses") && told.contains("line 4"), "{told}");
}

#[test]
fn every_key_of_a_model_is_accepted_where_it_belongs() {
    let chat = "[models.main]\nfamily = \"openai-chat\"\nmodel = \"m\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
        input_price = 1\noutput_price = 2\ncached_input_price = 0.1\nlegacy_max_tokens = true\nstream_usage = false\n\
        developer_role = true\nstrict = false\nnamed_tool_choice = false\nextra = { top_k = 40 }\n\
        capabilities = { tools = true, tool_choice = false, parallel_tool_calls = false, structured_output = false, \
        images = false, image_urls = false, stop = false, seed = false }\n";
    load(&format!("{TASK}{chat}"), &[]).unwrap();
    let claude =
        "[models.main]\nfamily = \"anthropic\"\nmodel = \"m\"\nbase_url = \"http://127.0.0.1:1/v1\"\n";
    load(&format!("{TASK}temperature = 1.0\n{claude}version = \"2023-06-01\"\nmax_tokens = 9\n"), &[])
        .unwrap();
    for (knob, more, expected) in [
        ("temperature = 1.0\n", "", "no sampling knobs"),
        ("temperature = 1.5\n", "version = \"2023-06-01\"\n", "from 0 to 1"),
        ("", "version = \"2024-01-01\"\n", "2026-10-21"),
        ("", "max_tokens = 0\n", "models.main.max_tokens"),
        ("", "legacy_max_tokens = true\n", "anthropic has no such setting; it is of openai-chat"),
        ("", "capabilities = { sampling = true }\n", "models.main.capabilities.sampling"),
        ("", "cached_input_price = 1\n", "both input_price and output_price"),
    ] {
        let told = refused(&format!("{TASK}{knob}{claude}{more}"), &[]);
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn embeddings_are_builtin_or_behind_an_address() {
    let local = "[embeddings]\nfamily = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\n";
    load(&format!("{TASK}[embeddings]\nfamily = \"builtin\"\n"), &[]).unwrap();
    let whole = "dimensions = 3\nask_dimensions = true\nbatch = 7\ntimeout_seconds = 2\nkey_env = \"MINE\"\n";
    load(&format!("{TASK}{local}{whole}"), &[("MINE", "k")]).unwrap();
    for (text, expected) in [
        (local.to_owned(), "needs dimensions"),
        (format!("{local}dimensions = 0"), "at least one dimension"),
        (format!("{local}dimensions = 3\nbatch = 0"), "embeddings.batch"),
        (format!("{local}dimensions = 3\ntimeout_seconds = 0"), "embeddings.timeout_seconds"),
        (format!("{local}{whole}"), "MINE"),
        ("[embeddings]\nfamily = \"openai\"\ndimensions = 3".to_owned(), "needs model"),
        ("[embeddings]\nfamily = \"openai\"\nmodel = \"m\"\ndimensions = 3".to_owned(), "OPENAI_API_KEY"),
        ("[embeddings]\ndimensions = 3".to_owned(), "no settings"),
    ] {
        let told = refused(&format!("{TASK}{text}"), &[]);
        assert!(told.contains(expected) && told.contains("etc/helm.toml"), "{expected}: {told}");
    }
}

#[test]
fn a_database_is_a_file_or_a_postgres_server() {
    for (url, expected) in [
        ("sqlite::memory:", "forget"),
        ("sqlite://helm.db?mode=ro", "behind a ?"),
        ("mysql://ana@host/helm", "postgres://USER@HOST/DATABASE"),
        ("sqlite://", "write sqlite://PATH"),
    ] {
        let told = refused(TASK, &[("DATABASE_URL", url)]);
        assert!(told.contains(expected) && told.contains("store.url"), "{told}");
    }
}

#[test]
fn the_documented_tables_are_accepted() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let tables: Vec<_> =
        guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(tables.len(), 4);
    let key = [("GUARD_KEY", "sixteen bytes or more")];
    load(
        &format!(
            "{}{TASK}[models.main]\nfamily = \"builtin\"\n[models.small]\nfamily = \"builtin\"\n",
            tables.concat()
        ),
        &key,
    )
    .unwrap();
}

#[test]
fn a_key_for_pseudonyms_comes_from_the_environment() {
    let text = format!(
        "{TASK}[tasks.t]\nguardrails = \"mine\"\n[guardrails.mine]\npseudonym_key_env = \"GUARD_KEY\"\n[guardrails.mine.input]\npii = {{ action = \"redact\", style = \"pseudonym\" }}\n"
    );
    for (environment, expected) in
        [(&[][..], "GUARD_KEY is not set"), (&[("GUARD_KEY", "zq9")][..], "pseudonym_key_env")]
    {
        let told = refused(&text, environment);
        assert!(told.contains(expected) && !told.contains("zq9"), "{told}");
    }
}

#[test]
fn tools_are_of_models_that_call_them() {
    let tool =
        "[tools.orders]\ndescription = \"Says where an order is.\"\nurl = \"http://127.0.0.1:9/orders\"\n";
    let task =
        |strategy: &str| format!("{tool}[tasks.t]\ntools = [\"orders\"]\n[tasks.t.strategies.s]\n{strategy}");
    let base = "base_url = \"http://127.0.0.1:9/v1\"\n";
    load(&format!("{MODEL}{base}{}", task("")), &[]).unwrap();
    load(&task("tools = []"), &[]).unwrap();
    let told = refused(&task(""), &[]);
    assert!(told.contains("main calls no tools; write tools = []"), "{told}");
}

#[cfg(feature = "local-embeddings")]
#[test]
fn a_local_model_is_a_folder_and_nothing_else() {
    for (section, place, why) in [
        ("family = \"local\"", "embeddings", "needs path"),
        ("family = \"local\"\npath = \"absent\"", "embeddings.path", "absent/config.json"),
        ("family = \"local\"\npath = \"x\"\ndimensions = 3", "embeddings", "only path"),
        ("path = \"x\"", "embeddings.path", "local"),
    ] {
        let text = format!("[embeddings]\n{section}\n[tasks.t.strategies.s]\n");
        let config: HelmConfig = toml::from_str(&text).unwrap();
        let error = config.builder(&|_| None).err().unwrap().to_string();
        assert!(error.contains(place) && error.contains(why), "{error}");
    }
}

/// A configuration that leaves out all that it can of every table.
const SPARSE: &str = r#"
[store]
url = "postgres://helm@localhost/helm"
[models.main]
family = "openai-chat"
model = "m"
[models.sonnet]
family = "anthropic"
model = "s"
key_file = "KEY_FILE"
[models.local]
family = "ollama"
model = "l"
[models.sold]
family = "ollama"
model = "l"
input_price = 1
output_price = 2
[judges.good]
model = "local"
strong_model = "main"
[judges.paid]
model = "sold"
[checks.moderated]
kind = "moderation"
[guardrails.strict]
checks = ["moderated"]
[guardrails.strict.output]
pii = "block"
entities = { EMAIL = { action = "redact", style = "mask" } }
[rewards.mine]
terms = [{ evaluator = "relevance", weight = 1 }]
[tools.look]
description = "Looks."
url = "http://127.0.0.1:9/look"
[mcp.files]
url = "http://127.0.0.1:9/mcp"
[tasks.support.strategies.concise]
semantic_cache = {}
tools = []
[tasks.support.strategies.thorough]
model = "sonnet"
"#;

const KEY: [(&str, &str); 1] = [("OPENAI_API_KEY", "k")];

/// The sparse configuration, and the file with a key that it names.
fn sparse() -> (HelmConfig, tempfile::NamedTempFile) {
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "sk-of-a-file").unwrap();
    let text = SPARSE.replace("KEY_FILE", key.path().to_str().unwrap());
    (load(&text, &KEY).unwrap(), key)
}

#[test]
fn what_is_shown_has_all_defaults_and_means_the_same() {
    let (config, _key) = sparse();
    let shown = config.shown().unwrap();
    for (place, value) in [
        ("/environment", serde_json::json!("development")),
        ("/log/format", "text".into()),
        ("/models/main/base_url", "https://api.openai.com/v1".into()),
        ("/models/main/key_env", "OPENAI_API_KEY".into()),
        ("/models/main/connect_seconds", 5.0.into()),
        ("/models/main/stream_usage", true.into()),
        ("/models/main/capabilities/tools", true.into()),
        ("/models/sonnet/max_tokens", 4_096.into()),
        ("/models/sonnet/version", "2026-10-21".into()),
        ("/models/local/base_url", "http://127.0.0.1:11434".into()),
        ("/judges/good/rate", 0.1.into()),
        ("/checks/moderated/max_bytes", 65_536.into()),
        ("/tools/look/timeout_seconds", 10.0.into()),
        ("/mcp/files/timeout_seconds", 30.0.into()),
        ("/tasks/support/policy/kind", "auto".into()),
        ("/tasks/support/reward", "default".into()),
        ("/tasks/support/guardrails", "standard".into()),
        ("/tasks/support/fallback", serde_json::json!(["concise", "thorough"])),
        ("/tasks/support/history_tokens", 2_000.into()),
        ("/tasks/support/strategies/concise/model", "main".into()),
        ("/tasks/support/strategies/concise/version", 1.into()),
        ("/tasks/support/strategies/concise/deadline_seconds", 60.0.into()),
        ("/tasks/support/strategies/concise/tool_turns", 8.into()),
        ("/tasks/support/strategies/concise/semantic_cache/seconds", 3_600.0.into()),
    ] {
        assert_eq!(shown.pointer(place), Some(&value), "{place}");
    }
    assert!(shown.pointer("/models/sonnet/key_env").is_none(), "its key is in a file");
    let again = load(&config.shown_as_toml().unwrap(), &KEY).unwrap();
    assert_eq!(again.shown().unwrap(), shown, "what is shown is a configuration");
    let settings = config.settings().unwrap();
    let of = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap();
    for key in ["log.level", "store.connections", "log.format", "tasks.support.policy.kind"] {
        assert_eq!(of(key).origin, Origin::Default, "{key}");
    }
    assert_ne!(of("models.main.family").origin, Origin::Default);
    let standard = HelmConfig::standard().unwrap().settings().unwrap();
    assert!(standard.iter().all(|setting| setting.origin == Origin::Default));
    assert!(standard.iter().any(|setting| setting.key == "models.main.family" && setting.value == "builtin"));
}

#[test]
fn rewards_guardrails_and_judges_are_shown_with_their_defaults() {
    let (config, _key) = sparse();
    let shown = config.shown().unwrap();
    for (place, value) in [
        ("/judges/good/judgements_per_day", serde_json::json!(1_000)),
        ("/judges/paid/max_dollars", 0.01.into()),
        ("/judges/paid/dollars_per_day", 1.0.into()),
        ("/rewards/mine/version", 1.into()),
        ("/rewards/mine/combine", "weighted".into()),
        ("/rewards/mine/human_weight", 0.8.into()),
        ("/rewards/mine/price/per_dollar", 0.0.into()),
        ("/rewards/mine/terms/0/missing", "drop".into()),
        ("/guardrails/strict/max_bytes", 1_048_576.into()),
        ("/guardrails/strict/output/pii/action", "block".into()),
        ("/guardrails/strict/output/toxicity/threshold", 0.8.into()),
        ("/guardrails/strict/output/entities/EMAIL/keep", 0.into()),
        ("/guardrails/strict/output/on_error", "closed".into()),
        ("/guardrails/strict/input/hold", "awake".into()),
    ] {
        assert_eq!(shown.pointer(place), Some(&value), "{place}");
    }
    assert_eq!(shown["judges"]["good"]["levels"].as_array().unwrap().len(), 5);
    let paid = shown.pointer("/judges/paid/judgements_per_day");
    assert!(paid.is_none(), "what is priced is bounded by dollars");
    let settings = config.settings().unwrap();
    let of = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap();
    for key in [
        "rewards.mine.human_weight",
        "guardrails.strict.output.pii.threshold",
        "guardrails.strict.input.toxicity.action",
        "judges.good.question",
    ] {
        assert_eq!(of(key).origin, Origin::Default, "{key}");
    }
    for key in ["rewards.mine.terms", "guardrails.strict.output.pii.action"] {
        assert_ne!(of(key).origin, Origin::Default, "{key}");
    }
    assert_ne!(of("guardrails.strict.output.entities.EMAIL.style").origin, Origin::Default);
}
