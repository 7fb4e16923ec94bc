//! A client without TLS may not ask MySQL for the key under which it would have to send its password.

use super::{Cause, Facts, Failed, Need, Rule, Seen, Verdict};
use crate::observation::FailureKind as Kind;
use crate::plan::TLS_BY_DEFAULT;
use crate::stack::Container;

/// The server wants the password whole; or the client's own log says that it did.
pub const RULE: Rule = Rule::new("mysql-public-key-retrieval", explain).inspecting(inspect).needing(&[Need::Logs]);

/// What Connector/J says.
const WORDS: &[&str] = &["Public Key Retrieval is not allowed"];

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::KeyRetrieval]) {
        return None;
    }
    let mut evidence = vec![failed.evidence()];
    evidence.extend(failed.client(facts).and_then(|client| logged(facts, client)));
    let server = failed.server(facts).map_or_else(|| failed.host().to_owned(), |server| server.service.clone());
    Some(cause(failed.seen, &server, &failed.origin(), evidence))
}

/// Where the client's password is not known, its own words are the proof.
fn inspect(facts: &Facts) -> Vec<Cause> {
    let undecided = |seen: &&Seen| seen.verdict == Verdict::Inconclusive && seen.check.login_would_hide();
    let told = |seen: &Seen| {
        let client = facts.stack.by_id(seen.check.from.container()?)?;
        let place = seen.check.place(&facts.stack).0;
        let server = facts.stack.by_id(&place).map_or(place, |server| server.service.clone());
        Some(cause(seen, &server, &seen.origin(), vec![logged(facts, client)?]))
    };
    facts.checks.iter().filter(undecided).filter_map(told).collect()
}

fn logged(facts: &Facts, client: &Container) -> Option<String> {
    facts.logged(client, WORDS).map(|line| format!("the log of {}: {line}", client.label()))
}

fn cause(seen: &Seen, server: &str, origin: &str, evidence: Vec<String>) -> Cause {
    let from = seen.check.from.identity();
    let instead = match seen.check.setting(TLS_BY_DEFAULT) {
        Some(_) => "sslMode=trust or stricter: its driver speaks no TLS by itself",
        None => "sslMode=REQUIRED in the place of useSSL=false",
    };
    Cause {
        subject: format!("{from} -> {server}"),
        service: Some(from.clone()),
        message: format!(
            "{from} connects to {server} without TLS and without allowPublicKeyRetrieval=true, so it cannot send its password"
        ),
        evidence,
        help: format!("in {from}, add allowPublicKeyRetrieval=true to {origin}, or let it use TLS ({instead})"),
    }
}
