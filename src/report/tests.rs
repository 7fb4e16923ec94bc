//! Every format over the same samples, and what they must agree on.

use std::collections::BTreeSet;

use serde_json::Value;

use super::text::{Style, check_in_full, findings, group, head, plan, summary};
use super::{Report, Verdict, json, junit, markdown, mermaid, samples};

const UNICODE: Style = Style { unicode: true, ..Style::PLAIN };

/// The whole text report, as it is written piece by piece.
fn text(report: &Report, style: Style) -> String {
    let mut out = head(report, style);
    for (from, checks) in report.by_vantage() {
        out.push_str(&group(from, &checks, style));
    }
    out.push_str(&findings(report, style));
    out.push_str(&summary(report, style));
    out
}

/// Escape sequences, made visible for the snapshot.
fn visible(text: &str) -> String {
    text.replace('\u{1b}', "␛")
}

#[test]
fn text_of_every_sample() {
    for (name, report) in samples::all() {
        insta::assert_snapshot!(format!("text-{name}"), text(&report, UNICODE));
    }
}

#[test]
fn text_in_other_styles() {
    let broken = samples::named("broken");
    let bad = samples::named("bad-day");
    insta::assert_snapshot!("text-broken-colour", visible(&text(&broken, Style { color: true, ..UNICODE })));
    insta::assert_snapshot!("text-broken-ascii", text(&broken, Style::PLAIN));
    insta::assert_snapshot!("text-broken-narrow", text(&broken, Style { width: 60, ..UNICODE }));
    insta::assert_snapshot!("text-broken-wide", text(&broken, Style { width: 160, ..UNICODE }));
    insta::assert_snapshot!("text-bad-day-verbose", text(&bad, Style { verbose: true, ..UNICODE }));
    insta::assert_snapshot!("text-bad-day-quiet", text(&bad, Style { quiet: true, ..UNICODE }));
}

#[test]
fn text_of_a_plan() {
    insta::assert_snapshot!("plan", plan(&samples::named("planned"), UNICODE));
    insta::assert_snapshot!("plan-empty", plan(&samples::named("empty"), UNICODE));
}

#[test]
fn text_of_one_check_in_full() {
    for name in ["broken", "bad-day", "hostile", "planned"] {
        let report = samples::named(name);
        let all: Vec<_> = report.checks.iter().map(|check| check_in_full(check, UNICODE)).collect();
        insta::assert_snapshot!(format!("full-{name}"), all.join("\n"));
    }
}

#[test]
fn json_of_every_sample() {
    for name in ["broken", "hostile", "empty"] {
        insta::assert_snapshot!(format!("json-{name}"), json::render(&samples::named(name)).unwrap());
    }
}

#[test]
fn junit_of_every_sample() {
    for (name, report) in samples::all() {
        insta::assert_snapshot!(format!("junit-{name}"), junit::render(&report).unwrap());
    }
}

#[test]
fn maps_and_tables_of_every_sample() {
    for (name, report) in samples::all() {
        insta::assert_snapshot!(format!("mermaid-{name}"), mermaid::render(&report));
        insta::assert_snapshot!(format!("markdown-{name}"), markdown::render(&report));
    }
}

#[test]
fn nothing_from_elsewhere_draws_a_map_or_ends_a_cell() {
    let report = samples::named("hostile");
    let map = mermaid::render(&report);
    for line in map.lines().skip(2) {
        // An id, an arrow or a shape, and one label: two quotes, and nothing in them that means anything.
        let parts: Vec<_> = line.split('"').collect();
        assert_eq!(parts.len(), 3, "{line}");
        assert!(!parts[1].contains(['<', '>', '`', '%', '{', '[', '|', '(', '\\', '&']), "{line}");
        assert!(parts[0].is_ascii() && parts[2].is_ascii(), "{line}");
    }
    let table = markdown::render(&report);
    assert!(!table.contains("<script") && !table.contains("<!--"), "{table}");
    for row in table.lines().filter(|line| line.starts_with('|')) {
        assert_eq!(row.matches('|').count(), 6, "{row}");
    }
}

#[test]
fn nothing_from_elsewhere_steers_a_terminal_or_breaks_xml() {
    let report = samples::named("hostile");
    let mut outputs = vec![json::render(&report).unwrap(), junit::render(&report).unwrap()];
    outputs.extend([mermaid::render(&report), markdown::render(&report)]);
    for width in [0, 1, 20, 80, 100_000] {
        for verbose in [false, true] {
            let style = Style { width, verbose, ..UNICODE };
            for output in [text(&report, style), plan(&report, style)] {
                assert!(output.contains(&format!("tcp://{}.example:1/", "x".repeat(300))), "cut: {output}");
                outputs.push(output);
            }
            outputs.extend(report.checks.iter().map(|check| check_in_full(check, style)));
        }
    }
    for output in outputs {
        let bad: Vec<_> = output.chars().filter(|&c| c != '\n' && crate::text::is_unprintable(c)).collect();
        assert!(bad.is_empty(), "{bad:?}: {output}");
    }
    let xml = junit::render(&report).unwrap();
    assert!(!xml.contains("<script") && !xml.contains("]]>"), "{xml}");
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    for (name, report) in samples::all() {
        let again = samples::named(name);
        assert_eq!(text(&report, UNICODE), text(&again, UNICODE));
        assert_eq!(json::render(&report).unwrap(), json::render(&again).unwrap());
        assert_eq!(junit::render(&report).unwrap(), junit::render(&again).unwrap());
        assert_eq!(mermaid::render(&report), mermaid::render(&again));
        assert_eq!(markdown::render(&report), markdown::render(&again));
    }
}

#[test]
fn all_formats_count_alike_and_name_the_same() {
    for (name, report) in samples::all() {
        let sum = report.summary;
        let value: Value = serde_json::from_str(&json::render(&report).unwrap()).unwrap();
        let counted = |word: &str| {
            let checks = value["checks"].as_array().unwrap().iter();
            checks.filter(|check| check["verdict"] == word && check["silenced"] == false).count()
        };
        let numbers = [counted("pass"), counted("fail"), counted("skipped"), counted("inconclusive")];
        assert_eq!(numbers, [sum.pass, sum.fail, sum.skipped, sum.inconclusive], "{name}");

        let xml = junit::render(&report).unwrap();
        let cases = attributes(&xml, "testcase", "name");
        let shown = cases.iter().cloned().collect::<BTreeSet<_>>();
        for check in &report.checks {
            assert!(shown.contains(&super::text::paint::safe(&check.id)), "{name}: {} in {xml}", check.id);
        }
        let of_stack = attributes(&xml, "testcase", "classname").iter().filter(|class| *class == "stack").count();
        assert_eq!(cases.len(), report.checks.len() + of_stack, "{name}");
        assert_eq!(attributes(&xml, "error", "type").len(), sum.inconclusive, "{name}");
        let failures = attributes(&xml, "failure", "type");
        assert!((sum.fail..=sum.fail + of_stack).contains(&failures.len()), "{name}: {failures:?}");
        // A red run is red in every format.
        let red = failures.len() + sum.inconclusive > 0;
        assert_eq!(red, report.exit_code == 1 || sum.inconclusive > 0, "{name}");

        let text = text(&report, UNICODE);
        for check in report.checks.iter().filter(|check| check.verdict.is_some()) {
            assert!(text.contains(&super::text::paint::safe(&check.target)), "{name}: {}", check.target);
        }
        for finding in &report.findings {
            let id = super::text::paint::safe(&finding.rule);
            assert!(text.contains(&format!("[{id}]")), "{name}: {id}");
            let open = !finding.silenced;
            let told = value["findings"].as_array().unwrap().iter().any(|told| told["rule"] == finding.rule.as_str());
            assert!(told && (!open || xml.contains(&escape(&id))), "{name}: {id}");
        }
        for (number, word) in [(sum.pass, "passed"), (sum.fail, "failed"), (sum.inconclusive, "inconclusive")] {
            assert_eq!(text.contains(&format!("{number} {word}")), number > 0, "{name}: {number} {word}");
        }
    }
}

#[test]
fn quiet_keeps_what_failed_and_what_is_unknown() {
    let report = samples::named("bad-day");
    let quiet = text(&report, Style { quiet: true, ..UNICODE });
    for check in &report.checks {
        let open = matches!(check.verdict, Some(Verdict::Fail | Verdict::Inconclusive));
        let line = quiet.lines().any(|line| {
            let mut words = line.split_whitespace().skip(1);
            line.starts_with("  ") && words.next() == Some(check.target.as_str())
        });
        assert_eq!(line, open, "{}: {quiet}", check.target);
    }
}

/// The values of an attribute of every element of a name. Enough of XML for what we write.
fn attributes(xml: &str, element: &str, attribute: &str) -> Vec<String> {
    let start = format!("<{element} ");
    xml.split(&start)
        .skip(1)
        .map(|rest| {
            let tag = rest.split('>').next().unwrap();
            let tag = format!(" {tag}");
            let (_, value) = tag.split_once(&format!(" {attribute}=\"")).unwrap();
            unescape(value.split('"').next().unwrap())
        })
        .collect()
}

fn unescape(value: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    pairs.iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn escape(value: &str) -> String {
    let pairs = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&apos;")];
    pairs.iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to))
}
