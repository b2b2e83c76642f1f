use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

/// The files of a folder, which need not be there.
pub(crate) fn names(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    if !folder.is_dir() {
        return Ok(BTreeSet::new());
    }
    let entries = std::fs::read_dir(folder)?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Copies what was not there before to where it is replayed; how the copies are called.
pub(crate) fn keep(artifacts: &Path, before: &BTreeSet<String>, seeds: &Path) -> anyhow::Result<Vec<String>> {
    let new: Vec<String> = names(artifacts)?.difference(before).cloned().collect();
    for name in &new {
        let kept = seeds.join(name);
        std::fs::copy(artifacts.join(name), &kept)
            .with_context(|| format!("cannot write {}", kept.display()))?;
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (artifacts, seeds) = (folder.path().join("artifacts"), folder.path().join("seeds"));
        assert!(names(&artifacts).unwrap().is_empty());
        std::fs::create_dir(&artifacts).unwrap();
        std::fs::create_dir(&seeds).unwrap();
        std::fs::write(artifacts.join("crash-old"), "a").unwrap();
        let before = names(&artifacts).unwrap();
        std::fs::write(artifacts.join("crash-new"), "b").unwrap();
        assert_eq!(keep(&artifacts, &before, &seeds).unwrap(), ["crash-new"]);
        assert_eq!(std::fs::read(seeds.join("crash-new")).unwrap(), b"b");
        assert_eq!(names(&seeds).unwrap().len(), 1);
    }
}
