//! JUnit's XML, as continuous integration reads it: one case a gate.

use super::{Gate, MET, NOT_MET, Report, escaped};

pub(super) fn document(report: &Report) -> String {
    let count = |verdict: &str| report.gates.iter().filter(|gate| gate.verdict == verdict).count();
    let (tests, failures) = (report.gates.len(), count(NOT_MET));
    let errors = tests - failures - count(MET);
    let cases: String = report.gates.iter().map(case).collect();
    let (title, output) = (escaped(&report.title), escaped(&report.sentence()));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n\
         <testsuite name=\"{title}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n\
         {cases}<system-out>{output}</system-out>\n</testsuite>\n</testsuites>\n"
    )
}

/// A gate that cannot be told is an error, and not a failure.
fn case(gate: &Gate) -> String {
    let (name, found) = (escaped(&gate.gate), escaped(&gate.found()));
    match gate.verdict {
        MET => format!("<testcase classname=\"helm.eval\" name=\"{name}\"/>\n"),
        verdict => {
            let element = if verdict == NOT_MET { "failure" } else { "error" };
            format!(
                "<testcase classname=\"helm.eval\" name=\"{name}\"><{element} message=\"{found}\"/></testcase>\n"
            )
        }
    }
}
