//! Looks at a hostile peer, and holds what every look must hold.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crosscheck::catalog::catalog;
use crosscheck::judge;
use crosscheck::observation::{FailureKind, Observation};
use crosscheck::plan::{
    Check, Credentials, Expectation, Leads, Needed, Origin, OriginKind, Readiness, Security, Vantage,
};
use crosscheck::probe::{self, Options, Request};
use crosscheck::report::text::Style;
use crosscheck::report::{self, Report, json, junit};
use crosscheck::rule::{Facts, Seen, Verdict};
use crosscheck::stack::Stack;
use crosscheck::target::{Protocol, Target};
use crosscheck::text::is_unprintable;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One look at a time: memory is counted for the whole process.
pub static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The time of a look that must wait to its end: short, for there are many.
pub const TIME: Duration = Duration::from_millis(300);

/// The time of a look that ends by itself: enough on a busy machine too.
pub const PLENTY: Duration = Duration::from_secs(2);

/// What a look may take beyond its time on a busy machine, built without optimisation.
const MARGIN: Duration = Duration::from_millis(1500);

/// By how much memory may grow during a look, in bytes.
const MOST_MEMORY: usize = 8 << 20;

/// A password that must stand nowhere.
pub const PASSWORD: &str = "pa55-w0rd-of-ours";

/// Everything that could steer a terminal or turn text around, and what breaks XML.
pub const NASTY: &str =
    "\u{1b}[2J\u{7}\u{202e}gpj.exe\u{200b}\u{feff}\u{9b}31m\u{2066}<b>]]>&\u{e0041}\u{ffff}\u{1b}]0;t\u{1b}\\";

/// What came of a look.
#[derive(Debug)]
pub struct Look {
    pub observation: Observation,
    pub verdict: Verdict,
    pub kind: Option<FailureKind>,
    pub detail: String,
}

/// Looks at `address` as a client of `protocol` would that has credentials.
pub async fn look(protocol: Protocol, address: SocketAddr) -> Look {
    look_at(target(protocol, address), Some(("app", PASSWORD)), PLENTY).await
}

/// A target at an address.
pub fn target(protocol: Protocol, address: SocketAddr) -> Target {
    Target::new(protocol, address.ip().to_string(), address.port())
}

/// Looks at a target, and holds time, memory, text and verdict to what they must be.
pub async fn look_at(target: Target, account: Option<(&str, &str)>, time: Duration) -> Look {
    let credentials =
        account.map(|(user, password)| Credentials { user: user.into(), password: Some(password.into()) });
    let acquaintances = catalog().told_at(target.path.as_deref().unwrap_or("/"));
    let request = Request {
        target,
        timeout: time,
        credentials,
        security: Security::default(),
        needed: Needed::default(),
        questions: Vec::new(),
        acquaintances,
        options: Options::default(),
    };
    // To the end: what the report takes is not to be counted with another look.
    let _one = ONE.lock().await;
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let started = Instant::now();
    let observation = probe::look(&request).await;
    let took = started.elapsed();
    let grown = MEMORY.peak_usage().saturating_sub(before);
    assert!(took < time + MARGIN, "took {took:?}: {observation:?}");
    assert!(grown < MOST_MEMORY, "{} KiB of memory", grown >> 10);
    hold_text(&format!("{:?}", observation.peer), &serde_json::to_string(&observation).unwrap());
    let told = report(request.target, observation);
    let Report { checks, .. } = &told.0;
    let verdict = checks[0].verdict.unwrap();
    let observation = told.1;
    let failure = observation.failure.as_ref();
    let (kind, detail) = (failure.map(|it| it.kind), failure.map(|it| it.detail.clone()).unwrap_or_default());
    Look { observation, verdict, kind, detail }
}

/// No text of an observation has a character that could steer a terminal, nor the password: JSON escapes the controls of
/// ASCII and nothing else.
fn hold_text(shown: &str, json: &str) {
    let control = json.match_indices("\\u00").any(|(at, _)| !json[..at].ends_with('\\'));
    let escaped = ["\\n", "\\r", "\\t", "\\b", "\\f"];
    let control = control || escaped.iter().any(|it| json.match_indices(it).any(|(at, _)| !json[..at].ends_with('\\')));
    assert!(!control && !json.contains(is_unprintable), "raw text: {json}");
    assert!(!json.contains(PASSWORD) && !shown.contains(PASSWORD), "the password: {json}");
}

/// The report in every format over what was seen, held to the same.
fn report(target: Target, observation: Observation) -> (Report, Observation) {
    let check = Check {
        id: format!("app -> {}", target.identity()),
        from: Vantage::Host,
        target,
        origins: vec![Origin::new(OriginKind::Declared, "--expect".into(), None)],
        expect: Expectation::Answers,
        wanted: crosscheck::plan::Wanted::default(),
        published: None,
        leads: Leads::default(),
        readiness: Readiness::Ready,
        settings: Vec::new(),
        security: Security::default(),
        credentials: None,
    };
    let seen = Seen { via: Some("host".into()), observation: Some(observation.clone()), ..Seen::of(check) };
    let mut facts = Facts { stack: Stack::default(), checks: vec![seen], ..Facts::default() };
    judge::verdicts(&mut facts);
    let mut report = report::build::frame("check", &facts.stack);
    report.checks = facts.checks.iter().map(report::build::result).collect();
    report.findings = judge::findings(&facts).iter().map(report::build::finding).collect();
    report.summary = report::build::summary(&report);
    for output in rendered(&report) {
        let raw: Vec<_> = output.chars().filter(|&it| it != '\n' && is_unprintable(it)).collect();
        assert!(raw.is_empty(), "{raw:?} in {output}");
        assert!(!output.contains(PASSWORD), "the password: {output}");
    }
    (report, observation)
}

/// The report in every format.
pub fn rendered(report: &Report) -> Vec<String> {
    let mut outputs = vec![json::render(report).unwrap(), junit::render(report).unwrap()];
    for (unicode, verbose) in [(false, false), (true, true)] {
        let style = Style { unicode, verbose, ..Style::PLAIN };
        outputs.push(report::text::head(report, style));
        outputs.extend(report.by_vantage().iter().map(|(from, checks)| report::text::group(from, checks, style)));
        outputs.push(report::text::findings(report, style));
        outputs.push(report::text::summary(report, style));
        outputs.push(report::text::plan(report, style));
        outputs.extend(report.checks.iter().map(|check| report::text::check_in_full(check, style)));
    }
    outputs
}

#[test]
fn what_is_raw_is_seen() {
    let holds = |text: &str| {
        let json = serde_json::to_string(&[text]).unwrap();
        std::panic::catch_unwind(|| hold_text("", &json)).is_ok()
    };
    for raw in ["\u{1b}[2J", "\u{7f}", "a\nb", "\u{9b}", "\u{202e}", "\u{200b}", PASSWORD] {
        assert!(!holds(raw), "{raw:?}");
    }
    assert!(holds(r#"\u{1b}[2J \n \x1b "quoted" \"#));
}
