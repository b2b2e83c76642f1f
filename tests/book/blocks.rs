/// A fenced block of a page.
#[derive(Debug)]
pub(crate) struct Block<'p> {
    /// The line of its fence, from 1.
    pub(crate) line: usize,
    info: &'p str,
    pub(crate) text: String,
    /// Whether nothing but empty lines stands between it and the block before it.
    pub(crate) follows: bool,
}

impl Block<'_> {
    pub(crate) fn language(&self) -> &str {
        self.info.split(',').next().unwrap()
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.info.split(',').skip(1).map(str::trim)
    }

    pub(crate) fn is(&self, word: &str) -> bool {
        self.words().any(|own| own == word)
    }

    /// The file that the reader is told to write it to.
    pub(crate) fn file(&self) -> Option<&str> {
        self.words().find_map(|word| word.strip_prefix("file="))
    }

    /// The exit code that it must end with.
    pub(crate) fn exits(&self) -> i32 {
        self.words().find_map(|word| word.strip_prefix("exits=")).map_or(0, |code| code.parse().unwrap())
    }

    /// Why it cannot be run here.
    pub(crate) fn ignored(&self) -> Option<String> {
        self.words().find_map(|word| word.strip_prefix("ignore-")).map(|why| why.replace('-', " "))
    }
}

/// The blocks of a page, in order.
pub(crate) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut follows = false;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            follows &= line.trim().is_empty();
            continue;
        };
        let inside: Vec<_> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let text = inside.iter().map(|line| format!("{line}\n")).collect();
        found.push(Block { line: number + 1, info, text, follows });
        follows = true;
    }
    found
}

#[test]
fn fences_are_taken_apart() {
    let text = "a\n\n```sh,exits=3\nx\ny\n```\n\n```text\nz\n```\nb\n```sh,ignore-needs-docker\n```\n";
    let blocks = blocks(text);
    let [first, second, third] = blocks.as_slice() else { panic!("{blocks:?}") };
    assert_eq!((first.language(), first.exits(), first.text.as_str()), ("sh", 3, "x\ny\n"));
    assert_eq!((first.line, first.follows, second.follows, third.follows), (3, false, true, false));
    assert_eq!(third.ignored().as_deref(), Some("needs docker"));
}
