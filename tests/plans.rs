//! What is derived from declarations of the kinds that people write, against what they depend on: `tests/plans/`.
//!
//! Each folder has compose files and `expected.txt`, with a connection a line: who connects to whom, by what, what says so and
//! where. Set `PLANS=NAME` to see one, or `PLANS=all` to see everything that differs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crosscheck::compose;
use crosscheck::derive;
use crosscheck::mounted::{self, Whereabouts};
use crosscheck::plan::build::{Narrow, build};
use crosscheck::stack::project::Selection;
use crosscheck::stack::surroundings::Surroundings;

/// What is reached, in percent: what was found of what there is, and what there is of what was found.
const RECALL: f64 = 99.0;
const PRECISION: f64 = 99.5;

/// What is known of a connection: what it speaks, the kind of its origin, and its place.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    scheme: String,
    kind: String,
    place: String,
}

type Plan = BTreeMap<String, Told>;

fn expected(folder: &Path) -> Plan {
    let text = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let columns: Vec<_> = line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
            let [id, scheme, kind, place] = columns[..] else { panic!("{}: {line}", folder.display()) };
            (id.to_owned(), Told { scheme: scheme.into(), kind: kind.into(), place: place.into() })
        })
        .collect()
}

fn found(folder: &Path) -> Plan {
    let here = Surroundings { directory: folder.to_owned(), ..Surroundings::default() };
    let chosen = compose::at_hand::chosen(&Selection::default(), &[], &here);
    let (name, project) = chosen.unwrap_or_else(|error| panic!("{error}")).unwrap();
    let stack = compose::as_stack(&project, &name);
    let files = mounted::from_disk(&stack, Some(&project), Whereabouts::Declared).files;
    let mut plan = Plan::new();
    for check in build(&stack, derive::all(&stack, Some(&project), &files, folder), &Narrow::default()) {
        // Without the database, which is part of a check's identity and not of the address.
        let id = match &check.published {
            Some(published) if check.from.is_machine() => {
                format!("host -> {}:{} (published)", published.service, published.container_port)
            }
            _ => format!("{} -> {}", check.from.identity(), check.target.address()),
        };
        let origin = &check.origins[0];
        let kind = serde_json::to_value(origin.kind).unwrap();
        let place = origin.location.as_ref().map(|at| format!("{}:{}", at.file, at.line)).unwrap_or_default();
        let scheme = check.target.protocol.scheme().to_owned();
        plan.insert(id, Told { scheme, kind: kind.as_str().unwrap().to_owned(), place });
    }
    plan
}

fn folders() -> Vec<PathBuf> {
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let mut folders: Vec<_> = std::fs::read_dir(plans).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn what_stacks_depend_on_is_found_and_nothing_else() {
    let shown = std::env::var("PLANS").unwrap_or_default();
    let (mut both, mut missed, mut invented, mut kinds) = (0, 0, 0, [0; 3]);
    let mut differences = Vec::new();
    for folder in folders() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let (expected, found) = (expected(&folder), found(&folder));
        let mut differ = |what: &str, id: &str, told: &Told| {
            differences.push(format!("{name}: {what} {id}  {}  {}  {}", told.scheme, told.kind, told.place));
        };
        for (id, told) in &expected {
            let Some(known) = found.get(id) else {
                missed += 1;
                differ("missed", id, told);
                continue;
            };
            both += 1;
            let same = [known.scheme == told.scheme, known.kind == told.kind, known.place == told.place];
            for (count, same) in kinds.iter_mut().zip(same) {
                *count += usize::from(same);
            }
            if known != told {
                differ("told differently", id, known);
                differ("         expected", id, told);
            }
        }
        for (id, told) in found.iter().filter(|(id, _)| !expected.contains_key(*id)) {
            invented += 1;
            differ("invented", id, told);
        }
    }
    differences.retain(|line| shown == "all" || line.split(':').next() == Some(shown.as_str()));
    println!("{}", differences.join("\n"));
    let percent = |part: usize, whole: usize| f64::from(u32::try_from(part * 1000 / whole).unwrap()) / 10.0;
    let (recall, precision) = (percent(both, both + missed), percent(both, both + invented));
    let [scheme, kind, place] = kinds.map(|count| percent(count, both));
    println!("{} connections: recall {recall} %, precision {precision} %", both + missed);
    println!("of those found: protocol {scheme} %, kind of origin {kind} %, line {place} %");
    assert!(recall >= RECALL && precision >= PRECISION);
}
