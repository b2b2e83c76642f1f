use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;

use super::cargo;

/// A crate of one version.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Id {
    pub(super) name: String,
    pub(super) version: String,
}

/// Which dependencies are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edges {
    /// Those that are part of the program.
    Run,
    /// Those, and what build scripts need.
    RunAndBuild,
}

/// What a package is built from, and what each of it needs. `cargo tree` knows it exactly; `cargo metadata` knows only
/// what the whole workspace together is built from.
pub(super) struct Tree {
    pub(super) root: Id,
    pub(super) needs: BTreeMap<Id, BTreeSet<Id>>,
}

impl Tree {
    /// Asks cargo.
    pub(super) fn of(root: &Path, package: &str, target: Option<&str>, edges: Edges) -> anyhow::Result<Self> {
        let edges = if edges == Edges::Run { "normal" } else { "normal,build" };
        let mut arguments =
            vec!["tree", "--locked", "--package", package, "--edges", edges, "--prefix", "depth"];
        arguments.extend(target.iter().flat_map(|target| ["--target", *target]));
        Self::parse(&cargo(root, &arguments)?)
    }

    /// Reads lines of a depth, a name and a version. A crate's own lines follow where it is first met.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut path: Vec<Id> = Vec::new();
        let mut needs: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (depth, id) = entry(line).with_context(|| format!("cargo tree wrote {line}"))?;
            path.truncate(depth);
            if let Some(parent) = path.last() {
                needs.entry(parent.clone()).or_default().insert(id.clone());
            }
            needs.entry(id.clone()).or_default();
            path.push(id);
        }
        let root = path.into_iter().next().context("cargo tree knows nothing of the package")?;
        Ok(Self { root, needs })
    }
}

/// The parts of a line such as `2serde v1.0.229 (proc-macro) (*)`.
fn entry(line: &str) -> Option<(usize, Id)> {
    let end = line.find(|character: char| !character.is_ascii_digit())?;
    let (depth, rest) = line.split_at(end);
    let mut words = rest.split_whitespace();
    let name = words.next()?.to_owned();
    let version = words.next()?.strip_prefix('v')?.to_owned();
    Some((depth.parse().ok()?, Id { name, version }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, version: &str) -> Id {
        Id { name: name.to_owned(), version: version.to_owned() }
    }

    #[test]
    fn lines_become_what_needs_what() {
        let text = "0a v1.0.0 (/x/a)\n1b v2.0.0\n2c v0.1.0 (proc-macro)\n1c v0.1.0 (proc-macro) (*)\n";
        let tree = Tree::parse(text).unwrap();
        assert_eq!(tree.root, id("a", "1.0.0"));
        let needed = |name, version| tree.needs[&id(name, version)].iter().cloned().collect::<Vec<_>>();
        assert_eq!(needed("a", "1.0.0"), [id("b", "2.0.0"), id("c", "0.1.0")]);
        assert_eq!(needed("b", "2.0.0"), [id("c", "0.1.0")]);
        assert!(needed("c", "0.1.0").is_empty());
        assert!(Tree::parse("").is_err() && Tree::parse("nonsense").is_err());
    }
}
