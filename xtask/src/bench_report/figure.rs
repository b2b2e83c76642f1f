use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// Its group and name, with `/` between.
    pub(crate) name: String,
    pub(crate) value: f64,
    /// `ns` is written as whatever unit of time is short.
    pub(crate) unit: String,
}

#[derive(Deserialize)]
struct Line {
    group: String,
    name: String,
    value: f64,
    unit: String,
}

/// What was told line by line, as `benches/shared/figures.rs` does. No file is no figure.
pub(crate) fn lines(path: &Path) -> anyhow::Result<Vec<Figure>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(path)?;
    let figure = |line: &str| {
        let Line { group, name, value, unit } =
            serde_json::from_str(line).with_context(|| format!("no figure: {line}"))?;
        Ok(Figure { name: format!("{group}/{name}"), value, unit })
    };
    text.lines().map(figure).collect()
}

/// What criterion has written below this folder, in the order of names.
pub(crate) fn criterion(folder: &Path) -> anyhow::Result<Vec<Figure>> {
    let mut found = Vec::new();
    collect(folder, &mut found)?;
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<Figure>) -> anyhow::Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.ends_with("new") {
            found.extend(measured(&path)?);
        } else if path.is_dir() {
            collect(&path, found)?;
        }
    }
    Ok(())
}

/// The time an iteration: the slope where criterion has fitted one, else the mean.
fn measured(folder: &Path) -> anyhow::Result<Option<Figure>> {
    let read = |name: &str| -> anyhow::Result<Value> {
        let path = folder.join(name);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    };
    let (benchmark, estimates) = (read("benchmark.json")?, read("estimates.json")?);
    let estimate = |what: &str| estimates.get(what)?.get("point_estimate")?.as_f64();
    let name = benchmark.get("full_id").and_then(Value::as_str);
    let value = estimate("slope").or_else(|| estimate("mean"));
    Ok(name.zip(value).map(|(name, value)| Figure { name: name.to_owned(), value, unit: "ns".to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_what_is_none_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("figures");
        assert_eq!(lines(&path).unwrap(), []);
        std::fs::write(
            &path,
            "{\"group\":\"prose\",\"name\":\"a \\\"b\\\"\",\"value\":1.5,\"unit\":\"us/KB\"}\n",
        )
        .unwrap();
        let figure = Figure { name: "prose/a \"b\"".to_owned(), value: 1.5, unit: "us/KB".to_owned() };
        assert_eq!(lines(&path).unwrap(), [figure]);
        std::fs::write(&path, "prose 1.5\n").unwrap();
        assert!(format!("{:#}", lines(&path).unwrap_err()).contains("no figure: prose 1.5"));
    }

    #[test]
    fn criterions_slope_is_read_else_its_mean() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, slope: &str| {
            let new = folder.path().join(name).join("new");
            std::fs::create_dir_all(&new).unwrap();
            std::fs::write(new.join("benchmark.json"), format!("{{\"full_id\":\"{name}\"}}")).unwrap();
            let estimates = format!("{{\"mean\":{{\"point_estimate\":2.0}},\"slope\":{slope}}}");
            std::fs::write(new.join("estimates.json"), estimates).unwrap();
        };
        write("group/b", "null");
        write("group/a", "{\"point_estimate\":3.0}");
        let found: Vec<_> =
            criterion(folder.path()).unwrap().into_iter().map(|figure| (figure.name, figure.value)).collect();
        assert_eq!(found, [("group/a".to_owned(), 3.0), ("group/b".to_owned(), 2.0)]);
    }
}
