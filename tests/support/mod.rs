//! The cases in `compose-fixtures/`: what each stack must show, and how that is compared with a report.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses its own part, and a case that cannot be read is a failure"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What must be found in a stack; `expect*.yaml` beside its compose file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// The compose file, beside this one.
    pub compose: String,
    /// A compose file beside it that is brought up first and taken down again, its volumes kept.
    pub before: Option<String>,
    /// Flags for crosscheck.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Services that are stopped once the stack is up.
    #[serde(default)]
    pub stop: Vec<String>,
    /// The file that the compose file becomes once the stack is up, beside it.
    pub change: Option<String>,
    /// Whether some of the stack is meant not to come up.
    #[serde(default)]
    pub incomplete: bool,
    /// A host port that a stranger takes before the stack comes up.
    pub occupy: Option<u16>,
    /// The exit code.
    pub exit: i32,
    /// All findings, in any order.
    pub findings: Vec<Expected>,
    /// Checks that must pass although a rule is near.
    #[serde(default)]
    pub near_misses: Vec<NearMiss>,
    /// What must be in no output.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// The file itself.
    #[serde(skip)]
    pub file: PathBuf,
}

/// One finding that must be there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The rule's id.
    pub rule: String,
    /// The service to change.
    pub service: Option<String>,
    /// The checks that it fails.
    #[serde(default)]
    pub checks: Vec<String>,
    /// What its message, evidence or help must name.
    #[serde(default)]
    pub mentions: Vec<String>,
    /// Whether the user has silenced it.
    #[serde(default)]
    pub silenced: bool,
}

/// A check that must pass, and the rule that is near.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearMiss {
    /// The rule's id.
    pub rule: String,
    /// The check's id.
    pub check: String,
}

/// A finding of a report, as far as cases speak of it.
#[derive(Clone, Debug)]
pub struct Found {
    pub rule: String,
    pub service: Option<String>,
    pub checks: Vec<String>,
    /// Message, evidence and help in one.
    pub text: String,
    /// Whether the user has silenced it, where that is known: it is no fact of the stack.
    pub silenced: Option<bool>,
}

/// The folder with the cases.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compose-fixtures")
}

/// Reads one case.
pub fn case(file: &str) -> Case {
    let file = fixtures().join(file);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut case: Case = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    case.file = file;
    case
}

/// Every case there is, by its path below the folder.
pub fn cases() -> Vec<Case> {
    let mut files = Vec::new();
    let mut folders = vec![fixtures()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && name != "images" {
                folders.push(path);
            } else if name.starts_with("expect") {
                files.push(path.strip_prefix(fixtures()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    files.sort();
    files.iter().map(|file| case(file)).collect()
}

impl Case {
    /// The facts that were recorded from the live stack.
    pub fn facts(&self) -> PathBuf {
        let name =
            self.file.file_name().unwrap().to_string_lossy().replace("expect", "facts").replace(".yaml", ".json");
        self.file.with_file_name(name)
    }

    /// What differs from what must be found; empty when nothing does.
    pub fn differences(&self, found: &[Found], passed: &BTreeSet<String>) -> Vec<String> {
        let mut differences = Vec::new();
        let mut left: Vec<&Found> = found.iter().collect();
        for expected in &self.findings {
            let fits = |found: &&Found| {
                let same = |a: &[String], b: &[String]| a.iter().collect::<BTreeSet<_>>() == b.iter().collect();
                found.rule == expected.rule
                    && found.service == expected.service
                    && found.silenced.is_none_or(|silenced| silenced == expected.silenced)
                    && same(&found.checks, &expected.checks)
            };
            match left.iter().position(fits) {
                None => differences.push(format!("missing: {expected:?}")),
                Some(at) => {
                    let found = left.remove(at);
                    for word in expected.mentions.iter().filter(|word| !found.text.contains(*word)) {
                        differences.push(format!("{} does not mention {word:?}: {}", found.rule, found.text));
                    }
                }
            }
        }
        differences.extend(left.iter().map(|found| format!("not expected: {found:?}")));
        let near = self.near_misses.iter().filter(|near| !passed.contains(&near.check));
        differences.extend(near.map(|near| format!("near-miss of {} did not pass: {}", near.rule, near.check)));
        differences
    }
}
