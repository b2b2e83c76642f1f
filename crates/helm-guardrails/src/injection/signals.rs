//! Ways of speaking by which injections and jailbreaks give themselves away.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::dfa::{Builder, DFA};
use aho_corasick::{Anchored, StartKind};
use helm_core::Severity;
use regex::Regex;

/// A family of phrases.
pub(super) struct Signal {
    pub(super) entity: &'static str,
    pub(super) severity: Severity,
    pub(super) score: f64,
    /// Over folded text: `~` stands for what is between two words, `…` for up to five words between two. Names of
    /// [`LISTS`] stand for any of their words.
    phrases: &'static [&'static str],
    /// Parts of words, between commas, without at least one of which there is no phrase.
    hints: &'static str,
}

const LISTS: [(&str, &str); 6] = [
    (
        "DROP",
        "(?:ignore|disregard|forget|override|overlook|neglect|bypass|discard|dismiss|(?:do~not|don't|never|stop|no~longer)~\
         (?:follow|following|obey|obeying|listen~to|pay~attention~to|adhere~to))",
    ),
    (
        "ORDERS",
        "(?:instructions?|prompts?|rules|guidelines?|directions|directives?|commands?|orders|programming|restrictions|\
         constraints|safeguards|safety~filters?|content~filters?|polic(?:y|ies)|assignments?|tasks?)",
    ),
    (
        "BEFORE",
        "(?:previous|prior|above|earlier|preceding|initial|original|former|foregoing|existing|system|other)",
    ),
    (
        "TELL",
        "(?:reveal|show|print|repeat|output|display|tell|give|share|leak|dump|recite|expose|return|disclose|spell|write~out)",
    ),
    (
        "HIDDEN",
        "(?:system|initial|hidden|secret|original|internal|developer|confidential|exact|full|entire|verbatim)",
    ),
    (
        "FREE",
        "(?:unfiltered|unrestricted|uncensored|jailbroken|amoral|unethical|unmoderated|unaligned|unbound|unchained)",
    ),
];

pub(super) const SIGNALS: [Signal; 5] = [
    Signal {
        entity: "INSTRUCTION_OVERRIDE",
        severity: Severity::Medium,
        score: 0.9,
        phrases: &[
            r"DROP…(?:all|any|every|your|my|BEFORE|these|those)…ORDERS",
            r"DROP…(?:everything|anything|all|whatever)…(?:told|said|learned|taught|above|before|know)",
            r"DROP~(?:instructions|directions|guidelines|the~above|everything~above|all~above)",
            r"(?:new|updated|revised|real)~(?:instructions?|directives?|task)~(?:are|is|follow|begin|start|for~you)",
            r"(?:instructions?|rules|guidelines)…(?:no~longer~(?:apply|valid|matter)|are~(?:void|cancelled|canceled|obsolete))",
            r"DROP…(?:document|e~?mail|text|web~?page|page|content|article|paper|resume|table|code|function|function's)…(?:and|instead|just|only)~(?:say|state|write|print|output|respond|answer|reply|return)",
            r"(?:instead|now)~(?:say|write|print|output|respond~with|answer~with)…(?:pwned|hacked|owned)",
            // Spanish, Portuguese, Italian, French, German, Russian.
            r"(?:ignor\w{1,6}|olvid\w{1,4}|esque[cç]\w{1,4}|dimentic\w{1,4}|oubli\w{1,5}|vergiss|vergessen|missachte\w?|игнорир\w{1,6}|забудь\w{0,2})…(?:instrucciones|instrucoes|istruzioni|consignes|instructions|anweisung\w{0,3}|anordnung\w{0,3}|befehle|aufgaben|инструкци\w{1,2}|указани\w{1,2})",
        ],
        hints: "ignor,disregard,forget,overrid,overlook,neglect,bypass,discard,dismiss,not follow,n't follow,never follow,stop follow,longer follow,not obey,n't obey,never obey,stop obey,longer obey,not listen,n't listen,stop listen,attention to,adher,instruction,directive,new task,real task,rules,guidelines,pwned,hacked,owned,olvid,esque,dimentic,oubli,vergiss,vergess,missacht,игнорир,забудь",
    },
    Signal {
        entity: "PROMPT_PROBE",
        severity: Severity::Medium,
        score: 0.8,
        phrases: &[
            r"TELL…(?:HIDDEN|your|above|previous|preceding)…(?:system~prompt|prompts?|instructions|directives|guidelines|system~message)",
            r"(?:what|what's|which)~(?:(?:is|are|was|were)~)?(?:the|your)~(?:HIDDEN~){1,2}(?:prompt|instructions|message|directives)",
            r"(?:what|what's|which)~(?:(?:is|are|was|were)~)?your~(?:prompt|instructions|directives)",
            r"(?:repeat|print|output|copy)…(?:text|words|sentences?|everything|all)…(?:above|before~this|so~far|preceding)",
        ],
        hints: "prompt,instruction,directive,guideline,message,above,before,so far,preceding",
    },
    Signal {
        entity: "SECRET_PROBE",
        severity: Severity::Medium,
        score: 0.7,
        phrases: &[
            r"(?:TELL|what~is|what's|whats|translate|encode|spell|reverse|rhyme|hint|guess|know)…(?:your|the|that|this)~(?:secret|hidden|confidential|pass)~?(?:key|password|passphrase|phrase|word|code|token|credentials?|information)?",
            r"(?:TELL|what~is|what's|whats|confirm|provide)…(?:your|our)~(?:password|passcode|api~key|passphrase|credentials|secrets?)",
            r"(?:reveal|tell~me|give~me|share|confirm)~(?:with~me~)?(?:the|that|this)~(?:password|passcode|passphrase)",
        ],
        hints: "secret,hidden,confidential,pass,api,credential",
    },
    Signal {
        entity: "JAILBREAK",
        severity: Severity::Medium,
        score: 0.85,
        phrases: &[
            r"do~anything~now",
            r"(?:dan|developer|debug|god|sudo|jailbreak|unrestricted|evil|opposite|maintenance)~mode",
            r"(?:you~are|you're|act~as|acting~as|be|become|pretend~to~be|persona|as~an?)…FREE",
            r"FREE~(?:and~FREE~)?(?:ai|chatbot|bot|assistant|model|response|answer|character|language)",
            r"(?:without|no|free~(?:of|from)|lacks?|ignores?|not~bound~by|no~longer~bound~by|break~free~(?:of|from))…(?:moral|ethical|ethics|openai|content|safety|typical)…(?:restrictions?|guidelines?|constraints?|limitations?|confines|polic(?:y|ies)|filters?|boundaries|rules|principles|standards|concerns)",
            r"(?:never|cannot|can't|must~not|not|without)~(?:refuse|reject|decline)…(?:request|question|order|command|answer|prompt|task|instruction)",
            r"(?:never|not|don't|without)~(?:say|saying|apologi[sz]e|apologi[sz]ing|mention|mentioning|warn|warning|remind|reminding)…(?:sorry|apologi[sz]e|you~can't|you~cannot|i~can't|i~cannot|illegal|unethical|immoral|as~an~ai|ai~language|ethical)",
            r"stay~in~character",
            r"(?:no~matter~how|even~if|regardless~of)…(?:illegal|immoral|unethical|harmful|inappropriate|offensive|dangerous)",
            r"jail~?(?:break|broken|breaking)",
        ],
        hints: "anything now,mode,filter,restrict,censor,jail,moral,ethic,moderated,unaligned,unbound,unchained,openai,content,safety,typical,refus,reject,declin,sorry,apologi,mention,n't say,not say,never say,warn,remind,saying,in character,illegal,harmful,inappropriate,offensive,dangerous",
    },
    Signal {
        entity: "CHAT_TEMPLATE",
        severity: Severity::Medium,
        score: 0.9,
        phrases: &[
            r"<\|(?:anweis|vergiss|vergess|instruc|istruz|consigne|инструкц|указани|befehl|passcode|im_start|im_end|system|assistant|user|endoftext|eot_id|start_header_id)\|>",
            r"\[/?(?:inst|system)\]",
            r"<</?sys>>",
            r"(?:begin|end)~(?:of~)?(?:system|user|hidden|admin)~(?:prompt|message|instructions|input)",
        ],
        hints: "<|,[inst,[/inst,[system,[/system,<<sys,<</sys,begin,end",
    },
];

/// Finds which families a sentence may hold a sign of.
struct Hints {
    automaton: DFA,
    start: StateID,
    /// By hint, the place of its family.
    families: Vec<usize>,
}

static HINTS: LazyLock<Hints> = LazyLock::new(hints);

#[expect(clippy::expect_used, reason = "the hints come with the crate")]
fn hints() -> Hints {
    let (mut hints, mut families) = (Vec::new(), Vec::new());
    for (family, signal) in SIGNALS.iter().enumerate() {
        hints.extend(signal.hints.split(','));
        families.resize(hints.len(), family);
    }
    let automaton =
        Builder::new().start_kind(StartKind::Unanchored).build(hints).expect("some dozens of hints");
    let start = automaton.start_state(Anchored::No).expect("the automaton is not anchored");
    Hints { automaton, start, families }
}

impl Hints {
    /// A bit for each family.
    fn of(&self, sentence: &str) -> u32 {
        let (mut state, mut found) = (self.start, 0);
        for byte in sentence.bytes() {
            state = self.automaton.next_state(Anchored::No, state, byte);
            if self.automaton.is_match(state) {
                let patterns =
                    (0..self.automaton.match_len(state)).map(|at| self.automaton.match_pattern(state, at));
                let families = patterns.filter_map(|pattern| self.families.get(pattern.as_usize()));
                found = families.fold(found, |found, family| found | 1 << family);
            }
        }
        found
    }
}

/// A pattern a family, in their order.
static COMPILED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let patterns = SIGNALS.iter().map(|signal| {
        let phrases: Vec<_> = signal.phrases.iter().map(|phrase| spelled_out(phrase)).collect();
        compiled(&phrases.join("|"))
    });
    patterns.collect()
});

#[expect(clippy::expect_used, reason = "the patterns come with the crate")]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of moderate size")
}

fn spelled_out(phrase: &str) -> String {
    let mut phrase = phrase.to_owned();
    for (name, words) in LISTS {
        phrase = phrase.replace(name, words);
    }
    let phrase = phrase.replace('…', r"(?:[^\w]+\w+){0,5}?~").replace('~', r"[^\w]{1,4}");
    // Letters of all scripts, in few states: what is not ASCII is one.
    let phrase = phrase
        .replace(r"[^\w]", r"[^a-z0-9'\x{80}-\x{10ffff}]")
        .replace(r"\w", r"[a-z0-9'\x{80}-\x{10ffff}]");
    let edge = |at: Option<char>| if at.is_some_and(|char| "<[".contains(char)) { "" } else { r"(?-u:\b)" };
    let first = phrase.strip_prefix('\\').unwrap_or(&phrase).chars().next();
    format!("{}(?:{phrase})", edge(first))
}

/// Shows `found` the first sign of each family in a folded sentence.
pub(super) fn signals(sentence: &str, mut found: impl FnMut(&'static Signal, Range<usize>)) {
    let hinted = HINTS.of(sentence);
    if hinted == 0 {
        return;
    }
    for (family, (signal, pattern)) in SIGNALS.iter().zip(COMPILED.iter()).enumerate() {
        if let Some(place) = (hinted >> family & 1 == 1).then(|| pattern.find(sentence)).flatten() {
            found(signal, place.range());
        }
    }
}
