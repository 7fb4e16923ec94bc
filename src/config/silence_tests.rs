use super::*;
use crate::config;
use crate::report::Severity;
use crate::report::samples::{check, finding};
use crate::stack::surroundings::Surroundings;

fn silences(text: &str) -> Vec<Silence> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("crosscheck.yaml"), format!("silence:\n{text}")).unwrap();
    let around = Surroundings { directory: folder.path().to_owned(), ..Surroundings::default() };
    config::read(None, &around.directory, None, &around).map_err(|error| error.to_string()).unwrap().silence
}

/// What is silenced, findings and checks, and what is noted.
fn applied(text: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let failing = |id: &str, verdict| CheckResult {
        id: id.into(),
        verdict: Some(verdict),
        ..check("app", "tcp://a:1", ("URL", "a:1"), None)
    };
    let cause = |rule: &str, service: &str, checks: &[&str]| Finding {
        checks: checks.iter().map(|&id| id.to_owned()).collect(),
        ..finding(rule, Severity::Error, service, "wrong")
    };
    let mut report = Report {
        checks: vec![
            failing("app -> a:1", Verdict::Fail),
            failing("app -> b:1", Verdict::Fail),
            failing("web -> b:1", Verdict::Fail),
            failing("web -> c:1", Verdict::Inconclusive),
            failing("web -> d:1", Verdict::Pass),
        ],
        findings: vec![
            cause("connection-refused", "a", &["app -> a:1"]),
            cause("unknown-host-name", "b", &["app -> b:1", "web -> b:1"]),
            cause("kafka-topic-missing", "b", &["web -> b:1"]),
            cause("service-out-of-memory", "d", &[]),
        ],
        ..Report::default()
    };
    let notes = apply(&mut report, &silences(text), jiff::civil::date(2026, 11, 22));
    let findings = report.findings.iter().filter(|it| it.silenced).map(|it| it.rule.clone()).collect();
    let checks = report.checks.iter().filter(|it| it.silenced).map(|it| it.id.clone()).collect();
    for (silenced, because) in report.findings.iter().map(|it| (it.silenced, &it.silenced_because)) {
        assert_eq!(silenced, because.is_some());
    }
    (findings, checks, notes)
}

#[test]
fn only_what_is_meant_is_silenced() {
    for (text, findings, checks) in [
        ("  - {rule: connection-refused, reason: x}\n", vec!["connection-refused"], vec!["app -> a:1"]),
        // The check that has another cause still counts.
        ("  - {rule: unknown-host-name, reason: x}\n", vec!["unknown-host-name"], vec!["app -> b:1"]),
        ("  - {rule: unknown-host-name, service: a, reason: x}\n", vec![], vec![]),
        ("  - {rule: unknown-host-name, service: b, reason: x}\n", vec!["unknown-host-name"], vec!["app -> b:1"]),
        // A cause counts as long as one of its checks does.
        ("  - {rule: unknown-host-name, check: 'app -> *', reason: x}\n", vec![], vec!["app -> b:1"]),
        (
            "  - {rule: unknown-host-name, reason: x}\n  - {rule: kafka-topic-missing, reason: y}\n",
            vec!["unknown-host-name", "kafka-topic-missing"],
            vec!["app -> b:1", "web -> b:1"],
        ),
        (
            "  - {check: '* -> b:1', reason: x}\n",
            vec!["unknown-host-name", "kafka-topic-missing"],
            vec!["app -> b:1", "web -> b:1"],
        ),
        ("  - {check: 'web -> c:1', reason: x}\n", vec![], vec!["web -> c:1"]),
        ("  - {rule: service-out-of-memory, reason: x}\n", vec!["service-out-of-memory"], vec![]),
        ("  - {rule: service-out-of-memory, check: '*', reason: x}\n", vec![], vec![]),
        ("  - {check: 'web -> d:1', reason: x}\n", vec![], vec![]),
        (
            "  - {rule: connection-refused, reason: x, until: 2026-11-22}\n",
            vec!["connection-refused"],
            vec!["app -> a:1"],
        ),
        ("  - {rule: connection-refused, reason: x, until: 2026-11-21}\n", vec![], vec![]),
    ] {
        let (found, looked, _) = applied(text);
        assert_eq!(
            (found, looked),
            (findings.iter().map(ToString::to_string).collect(), checks.iter().map(ToString::to_string).collect()),
            "{text}"
        );
    }
}

#[test]
fn entries_without_an_effect_are_said() {
    for (text, wanted) in [
        ("  - {rule: connection-refused, reason: x}\n", None),
        (
            "  - {rule: tls-failed, reason: old}\n",
            Some("crosscheck.yaml:2: nothing in this run is silenced by this: old"),
        ),
        (
            "  - {check: 'web -> d:1', reason: old}\n",
            Some("crosscheck.yaml:2: nothing in this run is silenced by this: old"),
        ),
        (
            "  - {rule: connection-refused, reason: x, until: 2026-11-21}\n",
            Some("crosscheck.yaml:2: this was silenced until 2026-11-21 and counts again: x"),
        ),
        (
            "  - {rule: tls-failed, reason: x, until: 2026-11-21}\n",
            Some("crosscheck.yaml:2: this was silenced until 2026-11-21 and is gone, so the entry can go too: x"),
        ),
    ] {
        assert_eq!(applied(text).2.first().map(String::as_str), wanted, "{text}");
    }
}

#[test]
fn a_service_that_is_nearly_one_is_a_slip() {
    for (service, wrong) in [
        ("redes", Some("crosscheck.yaml:2:42: there is no service \"redes\" (did you mean redis?)")),
        ("Redis", Some("did you mean redis?")),
        ("redis", None),
        ("batch", None),
        ("gone", None),
    ] {
        let silences = silences(&format!("  - {{rule: kafka-topic-missing, service: {service}, reason: x}}\n"));
        let error = silences[0].fits(&["app", "redis", "batch"]).err().map(|error| error.to_string());
        assert_eq!(error.is_some(), wrong.is_some(), "{service}");
        assert!(error.is_none_or(|error| error.contains(wrong.unwrap_or_default())), "{service}");
    }
}
