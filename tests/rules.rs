//! The sets that belong together: rules, their pages, their cases; and the rules held against recorded facts.

mod support;

use std::collections::BTreeSet;

use crosscheck::rule::{Facts, RULES, Verdict};
use crosscheck::{catalog, judge};
use support::{Found, cases};

#[test]
fn every_rule_has_a_page_a_case_and_a_near_miss() {
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(rules.len(), RULES.len(), "an id stands twice");
    let pages: BTreeSet<&str> = catalog::pages().iter().map(|page| page.id.as_str()).collect();
    assert_eq!(rules, pages, "rules and pages");
    let cases = cases();
    let proven: BTreeSet<&str> =
        cases.iter().flat_map(|case| &case.findings).map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, proven, "rules and cases that must fail");
    let near: BTreeSet<&str> = cases.iter().flat_map(|case| &case.near_misses).map(|near| near.rule.as_str()).collect();
    assert_eq!(rules, near, "rules and near-misses that must pass");
}

#[test]
fn recorded_facts_give_what_their_stacks_gave() {
    for case in cases() {
        let file = case.facts();
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut facts: Facts =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        judge::verdicts(&mut facts);
        let found = judge::findings(&facts).into_iter().map(|judged| Found {
            rule: judged.rule.into(),
            service: judged.cause.service,
            checks: judged.checks,
            text: format!("{}\n{}\n{}", judged.cause.message, judged.cause.evidence.join("\n"), judged.cause.help),
            silenced: None,
        });
        let passed = facts
            .checks
            .iter()
            .filter(|seen| seen.verdict == Verdict::Pass)
            .map(|seen| seen.check.id.clone())
            .collect();
        let differences = case.differences(&found.collect::<Vec<_>>(), &passed);
        assert!(differences.is_empty(), "{}:\n{}", file.display(), differences.join("\n"));
        for secret in &case.secrets {
            assert!(!text.contains(secret.as_str()), "{} holds a secret", file.display());
        }
    }
}
