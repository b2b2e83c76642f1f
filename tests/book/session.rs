use std::fs::{File, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use helm_testkit::{Reply, note};
use tempfile::TempDir;

use crate::blocks::{Block, blocks};
use crate::page::{Page, root};

/// The ports that pages name; others are used here, for somebody may listen on these.
const PORTS: std::ops::RangeInclusive<u16> = 8080..=8083;

/// How long a command, and a server's start, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Before each block: what was set before is still set, and what fails ends it.
const PRELUDE: &str =
    "set -euo pipefail\n[ ! -f \"$STATE\" ] || . \"$STATE\"\ntrap 'export -p > \"$STATE\"' EXIT\nset -a\n";

/// `cargo run` of an example runs the one that is built.
const CARGO: &str = "#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in --example) name=$2; shift;; --) shift; break;; esac
  shift
done
exec \"$EXAMPLES/$name\" \"$@\"
";

/// A reader at an empty folder who does what a page tells.
pub(crate) struct Session {
    folder: TempDir,
    /// What pages call something, and what it is here.
    names: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    /// What was started in the background, each the first of a group.
    background: Vec<Child>,
    started: usize,
    /// What the last block printed.
    printed: String,
}

impl Session {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join(".programs");
        std::fs::create_dir(&programs).unwrap();
        let session = Self {
            folder,
            names: PORTS.map(|port| (address(port), free())).collect(),
            environment: Vec::new(),
            background: Vec::new(),
            started: 0,
            printed: String::new(),
        };
        session.program("cargo", CARGO);
        std::os::unix::fs::symlink(root().join("examples"), session.folder.path().join("examples")).unwrap();
        session
    }

    /// Has this stand for what pages call otherwise.
    pub(crate) fn rename(mut self, told: &str, here: &str) -> Self {
        self.names.push((told.to_owned(), here.to_owned()));
        self
    }

    /// Sets a variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a program that blocks may run.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let path = self.folder.path().join(".programs").join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    /// Does all that a page tells, in order.
    pub(crate) fn follow(mut self, page: &Page) {
        let mut shown = false;
        for block in blocks(&page.text) {
            let place = format!("{}:{}", page.path, block.line);
            match (block.language(), block.file()) {
                (_, Some(file)) => self.write(file, &block, &place),
                ("sh", None) => shown = self.shell(&block, &place),
                ("text" | "json", None) if block.follows && shown => self.compare(&block, &place),
                ("toml", None) => panic!("{place}: say which file this is, with file=NAME"),
                _ => {}
            }
        }
    }

    fn write(&mut self, file: &str, block: &Block<'_>, place: &str) {
        let path = self.folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.here(&block.text)).unwrap();
        if file.ends_with("helm.toml") {
            self.run(&format!("helmctl config check --config {file}\n"), 0, place);
        }
    }

    /// Runs a block; whether it was.
    fn shell(&mut self, block: &Block<'_>, place: &str) -> bool {
        if let Some(why) = block.ignored() {
            note(&format!("{place} is not run: {why}"));
            return false;
        }
        let text = listening(&block.text);
        if block.is("background") {
            let here = self.here(&text);
            let (child, output) = self.start(&here, place);
            self.background.push(child);
            self.wait_for(&text, &output, place);
            return false;
        }
        self.run(&text, block.exits(), place);
        true
    }

    fn run(&mut self, text: &str, code: i32, place: &str) {
        let here = self.here(text);
        let (mut child, output) = self.start(&here, place);
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "{place} did not end: {}", read(&output));
            std::thread::sleep(Duration::from_millis(10));
        };
        self.printed = self.told(&read(&output));
        assert_eq!(status.code(), Some(code), "{place}\n{text}{}", self.printed);
    }

    /// Starts a block, first of a group of its own; what it prints goes into a file.
    fn start(&mut self, text: &str, place: &str) -> (Child, PathBuf) {
        self.started += 1;
        let output = self.folder.path().join(format!(".output-{}", self.started));
        // Both ends append, so that what is printed stands in its order.
        let out = File::options().create(true).append(true).open(&output).unwrap();
        let err = out.try_clone().unwrap();
        let (built, programs) = (built(), self.folder.path().join(".programs"));
        let path = format!("{}:{}:/usr/local/bin:/usr/bin:/bin", programs.display(), built.display());
        let mut bash = Command::new("bash");
        let child = helm_testkit::without_environment(&mut bash)
            .args(["-c", &format!("{PRELUDE}{text}")])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("LANG", "C.UTF-8")
            .env("STATE", self.folder.path().join(".state"))
            .env("EXAMPLES", built.join("examples"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{place}: {error}"));
        (child, output)
    }

    /// Waits until somebody listens at each address that a block names.
    fn wait_for(&self, text: &str, output: &Path, place: &str) {
        let named = self.names.iter().filter(|(told, _)| PORTS.map(address).any(|port| port == *told));
        let deadline = Instant::now() + PATIENCE;
        for (_, here) in named.filter(|(told, _)| text.contains(told)) {
            while TcpStream::connect(here).is_err() {
                assert!(Instant::now() < deadline, "{place}: nobody listens: {}", read(output));
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn compare(&self, block: &Block<'_>, place: &str) {
        let figures = |text: &str| if block.is("figures") { without_figures(text) } else { text.to_owned() };
        let (expected, printed) = (figures(&block.text), figures(&self.printed));
        assert!(
            matches(&lines(&expected), &lines(&printed)),
            "{place}: the page says\n{}but it is\n{}",
            block.text,
            self.printed
        );
    }

    fn here(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (told, here)| text.replace(told, here))
    }

    fn told(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (told, here)| text.replace(here, told))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in &mut self.background {
            // bash, since the kill of other shells takes no groups.
            let kill = format!("kill -KILL -- -{}", child.id());
            drop(Command::new("bash").args(["-c", &kill]).status());
            drop(child.wait());
        }
    }
}

/// A model at an address that says this, whatever it is asked.
pub(crate) async fn model(answer: &str) -> helm_testkit::ModelServer {
    helm_testkit::ModelServer::start([Reply::Answer(answer.to_owned())]).await.unwrap()
}

/// The folder of the built programs. `cargo test` has built them already; other runners may not have.
pub(crate) fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        helm_testkit::build_all(env!("CARGO"), root());
        let own = std::env::current_exe().unwrap();
        own.parent().and_then(Path::parent).unwrap().to_owned()
    })
}

/// A server without an address listens on the one that pages name first.
fn listening(text: &str) -> String {
    let first = format!("helmctl serve --listen {}", address(*PORTS.start()));
    let line = |line: &str| match line.contains("--listen") {
        true => format!("{line}\n"),
        false => format!("{}\n", line.replace("helmctl serve", &first)),
    };
    text.lines().map(line).collect()
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// An address on loopback on which nobody listens.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}

fn lines(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

/// Whether lines are as expected: `…` alone stands for any lines, within one for any text.
fn matches(expected: &[&str], printed: &[&str]) -> bool {
    match (expected, printed) {
        ([], []) => true,
        (["…", rest @ ..], _) => (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..])),
        ([first, rest @ ..], [line, others @ ..]) => fits(first, line) && matches(rest, others),
        _ => false,
    }
}

fn fits(expected: &str, line: &str) -> bool {
    let Some((begin, rest)) = expected.split_once('…') else { return expected == line };
    let Some(line) = line.strip_prefix(begin) else { return false };
    let starts = (0..=line.len()).filter(|at| line.is_char_boundary(*at));
    starts.into_iter().any(|at| fits(rest, &line[at..]))
}

/// The text with one sign for whatever is a number, or stands for the absence of one, and for the rules and bars of
/// tables, whose lengths are those of numbers.
fn without_figures(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_whitespace().map(plain).collect::<Vec<_>>().join(" "));
    lines.map(|line| format!("{line}\n")).collect()
}

fn plain(word: &str) -> String {
    if word.chars().all(|sign| "─═█·".contains(sign)) {
        return "─".to_owned();
    }
    if ["-", "–"].contains(&word) {
        return "#".to_owned();
    }
    let mut plain = String::new();
    for (at, sign) in word.char_indices() {
        let digit = |sign: char| sign.is_ascii_digit();
        let rest = &word[at + sign.len_utf8()..];
        let point = sign == '.' && plain.ends_with('#') && rest.starts_with(digit);
        let signed = "+-".contains(sign) && plain.is_empty() && rest.starts_with(digit);
        match digit(sign) || point || signed {
            true if plain.ends_with('#') => {}
            true => plain.push('#'),
            false => plain.push(sign),
        }
    }
    plain
}

#[test]
fn figures_may_differ_and_nothing_else() {
    assert_eq!(without_figures(" a@1   +0.66 ± -  47.8 %\n──═\n"), "a@# # ± # # %\n─\n");
    assert_eq!(without_figures("0.1, to 20:30 x-y (2)."), "#, to #:# x-y (#).\n");
}

#[test]
fn what_is_left_out_may_be_anything() {
    let page = "decision …, drew … of 3\n…\nend\n";
    let matched = |printed: &str| matches(&lines(page), &lines(printed));
    assert!(matched("decision 7, drew a of 3\nx\ny\nend\n") && matched("decision , drew  of 3\nend"));
    assert!(!matched("decision 7, drew a of 4\nend") && !matched("decision 7, drew a of 3\nx"));
}

#[test]
fn a_server_listens_where_the_page_says() {
    assert_eq!(listening("helmctl serve &\n"), "helmctl serve --listen 127.0.0.1:8080 &\n");
    assert_eq!(listening("helmctl serve --listen x\n"), "helmctl serve --listen x\n");
}
