//! What fuzzing holds, held for the bytes that are kept: what was found once stays found.

#[path = "../fuzz/src/lib.rs"]
#[expect(dead_code, reason = "some of it is for the programs that look for such bytes")]
mod targets;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use targets::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn what_is_kept_holds() {
    for target in &TARGETS {
        let kept = entries(&fuzz().join("seeds").join(target.name));
        assert!(!kept.is_empty(), "{} has nothing to begin with", target.name);
        for path in kept {
            let bytes = std::fs::read(&path).unwrap();
            assert!(bytes.len() <= 16_384, "{} is larger than what belongs here", path.display());
            // Beside a panic's own words.
            eprintln!("{}", path.display());
            (target.run)(&bytes);
            (target.run)(bytes.split_last().map_or(&[], |(_, rest)| rest));
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_folder() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let stems = |paths: Vec<PathBuf>| -> BTreeSet<String> {
        paths.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(stems(entries(&fuzz().join("targets"))), names);
    assert_eq!(stems(entries(&fuzz().join("seeds"))), names);
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let readme = std::fs::read_to_string(fuzz().join("README.md")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name} is no program");
        assert!(readme.contains(&format!("`{name}`")), "README.md says nothing of {name}");
        let program = std::fs::read_to_string(fuzz().join(format!("targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("helm_fuzz::run(\"{name}\", data)")), "{name} runs another one");
    }
}
