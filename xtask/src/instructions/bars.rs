use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Deserialize;

const FILE: &str = "benches/instructions.toml";

/// What the repository says of each path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bars {
    /// Which part more is still well.
    tolerance: f64,
    paths: BTreeMap<String, u64>,
}

/// How a count is beside its bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Well,
    /// So much less that the file should say so, or the gain may be lost again unseen.
    Less,
    More,
}

impl Verdict {
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Less => "less; --update keeps it",
            Self::More => "MORE THAN ALLOWED",
        }
    }
}

impl Bars {
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(root.join(FILE)).with_context(|| format!("cannot read {FILE}"))?;
        toml::from_str(&text).context(FILE)
    }

    /// The paths that were asked for, or all.
    pub(crate) fn chosen(&self, only: &[String]) -> anyhow::Result<Vec<String>> {
        for name in only {
            let known: Vec<_> = self.paths.keys().map(String::as_str).collect();
            ensure!(self.paths.contains_key(name), "there is no path {name}; there are {}", known.join(", "));
        }
        let all = || self.paths.keys().cloned().collect();
        Ok(if only.is_empty() { all() } else { only.to_vec() })
    }

    /// What is told of a path, and how this count is beside it.
    pub(crate) fn judge(&self, name: &str, counted: u64) -> (u64, Verdict) {
        let told = self.paths.get(name).copied().unwrap_or_default();
        let verdict = match change(counted, told) {
            change if change > self.tolerance => Verdict::More,
            change if change < -self.tolerance => Verdict::Less,
            _ => Verdict::Well,
        };
        (told, verdict)
    }

    pub(crate) fn set(&mut self, name: &str, counted: u64) {
        self.paths.insert(name.to_owned(), counted);
    }

    /// Puts the numbers in their lines; what is written around them stays.
    pub(crate) fn write(&self, root: &Path) -> anyhow::Result<()> {
        let path = root.join(FILE);
        let text = std::fs::read_to_string(&path)?;
        let line = |line: &str| {
            let name = line.split_once(" = ").map(|(name, _)| name);
            let known = name.and_then(|name| Some((name, self.paths.get(name)?)));
            known.map_or_else(|| format!("{line}\n"), |(name, count)| format!("{name} = {count}\n"))
        };
        let text: String = text.lines().map(line).collect();
        std::fs::write(&path, text).with_context(|| format!("cannot write {FILE}"))
    }
}

/// By which part a count is above what is told.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(crate) fn change(counted: u64, told: u64) -> f64 {
    (counted as f64 - told as f64) / (told as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_tolerance_is_refused() {
        let bars: Bars = toml::from_str("tolerance = 0.05\n[paths]\na = 1000\n").unwrap();
        assert_eq!(bars.judge("a", 1_050), (1_000, Verdict::Well));
        assert_eq!(bars.judge("a", 1_051).1, Verdict::More);
        assert_eq!(bars.judge("a", 949).1, Verdict::Less);
        assert_eq!(bars.chosen(&[]).unwrap(), ["a"]);
        assert!(bars.chosen(&["b".to_owned()]).is_err());
    }

    #[test]
    fn only_numbers_are_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("benches")).unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, "# why\ntolerance = 0.05\n\n[paths]\na = 1\nb = 2\n").unwrap();
        let mut bars = Bars::read(folder.path()).unwrap();
        bars.set("b", 7);
        bars.write(folder.path()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "# why\ntolerance = 0.05\n\n[paths]\na = 1\nb = 7\n");
    }

    #[test]
    fn the_repository_says_how_many_each_path_executes() {
        let bars = Bars::read(&crate::root()).unwrap();
        assert!(bars.paths.len() >= 5 && bars.paths.values().all(|count| *count > 100), "{:?}", bars.paths);
    }
}
