//! The generated part of the page, in which each benchmark has a part of its own.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::bench_report::plan::Plan;

const BEGIN: &str = "<!-- cargo xtask bench-report makes what follows -->\n";
const END: &str = "<!-- cargo xtask bench-report made what stands before -->";

/// The page with these sections in place of their former selves. The others stay, unless they left the plan.
pub(crate) fn renewed(
    page: &str,
    plan: &Plan,
    sections: &BTreeMap<String, String>,
) -> anyhow::Result<String> {
    let marks =
        || format!("the page has no part for figures; put these lines where it belongs:\n{BEGIN}{END}");
    let (before, rest) = page.split_once(BEGIN).with_context(marks)?;
    let (made, after) = rest.split_once(END).with_context(marks)?;
    let mut text = String::new();
    for bench in &plan.benches {
        let section = sections.get(&bench.name).map(String::as_str).or_else(|| kept(made, &bench.name));
        if let Some(section) = section {
            text.push_str(&format!("\n{}{section}{}", opening(&bench.name), closing(&bench.name)));
        }
    }
    Ok(format!("{before}{BEGIN}{text}\n{END}{after}"))
}

fn opening(name: &str) -> String {
    format!("<!-- {name} -->\n")
}

fn closing(name: &str) -> String {
    format!("<!-- end of {name} -->\n")
}

fn kept<'m>(made: &'m str, name: &str) -> Option<&'m str> {
    let (_, rest) = made.split_once(&opening(name))?;
    Some(rest.split_once(&closing(name))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(names: &[&str]) -> Plan {
        let bench = |name: &&str| {
            format!("[[bench]]\nname = \"{name}\"\ntitle = \"\"\nabout = \"\"\nreads = \"figures\"\n")
        };
        toml::from_str(&names.iter().map(bench).collect::<String>()).unwrap()
    }

    fn sections(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(name, text)| ((*name).to_owned(), format!("{text}\n"))).collect()
    }

    #[test]
    fn what_was_not_measured_stays_and_the_rest_is_renewed() {
        let page = format!("# A\n{BEGIN}{END}\nZ\n");
        let both = renewed(&page, &plan(&["a", "b"]), &sections(&[("b", "old b"), ("a", "old a")])).unwrap();
        assert!(both.starts_with("# A\n") && both.ends_with(&format!("{END}\nZ\n")), "{both}");
        assert!(both.find("old a").unwrap() < both.find("old b").unwrap(), "the plan has the order");
        let one = renewed(&both, &plan(&["a", "b"]), &sections(&[("b", "new b")])).unwrap();
        assert!(one.contains("old a") && one.contains("new b") && !one.contains("old b"), "{one}");
        let gone = renewed(&one, &plan(&["b"]), &sections(&[])).unwrap();
        assert!(!gone.contains("old a") && gone.contains("new b"), "{gone}");
        assert!(renewed("# A\n", &plan(&["a"]), &sections(&[])).is_err());
    }
}
