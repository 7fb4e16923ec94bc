//! A target that Prometheus cannot scrape, in its own words.

use super::{Cause, Facts, Failed, Rule, Seen, Verdict, service_restarting};
use crate::derive::files::of_job;
use crate::observation::{Peer, ScrapeTarget, Scrapes};
use crate::plan::{Expectation, OriginKind};
use crate::stack::Container;
use crate::target::is_loopback;
use crate::text;

/// How many places are named at which a target stands.
const MOST_NAMED: usize = 3;

/// A scrape target is down, with Prometheus' own reason.
pub const RULE: Rule = Rule::new("prometheus-target-down", explain).inspecting(inspect);

/// A server of which targets are down is itself reachable: no failed check is explained by it.
fn explain(_: &Facts, _: &Failed) -> Option<Cause> {
    None
}

fn inspect(facts: &Facts) -> Vec<Cause> {
    let mut causes = Vec::new();
    for seen in facts.checks.iter().filter(|seen| seen.verdict == Verdict::Pass) {
        // What a stranger scrapes is no matter of this stack.
        let (Some(scrapes), Some(server)) = (scrapes(seen), facts.stack.by_id(&seen.check.place(&facts.stack).0))
        else {
            continue;
        };
        causes.extend(scrapes.down.iter().filter_map(|target| cause(facts, server, target)));
    }
    causes
}

fn scrapes(seen: &Seen) -> Option<&Scrapes> {
    match seen.observation.as_ref()?.peer.as_ref()? {
        Peer::Http(http) => http.application.as_ref()?.scrapes.as_ref(),
        _ => None,
    }
}

/// What Prometheus says is told where nothing else tells it, and where it still holds.
///
/// Where our own check of the very address from Prometheus' container fails, that check's finding is the one that is shown: it
/// knows the stack, so it can say that the name is misspelt or which port is open, where Prometheus repeats the system's
/// words. Where our check passes and Prometheus could not even connect, the target came up after it was scraped last, and
/// Prometheus will see that by itself. What is left is what no look at a connection can show: another path, no metrics, a
/// login, no answer in time; and targets that only Prometheus knows of.
fn cause(facts: &Facts, server: &Container, target: &ScrapeTarget) -> Option<Cause> {
    let (service, url, error) = (&server.service, &target.url, &target.error);
    let own = own_check(facts, server, target);
    match own.map(|seen| seen.verdict) {
        Some(Verdict::Fail) => return None,
        Some(Verdict::Pass) if could_not_connect(error) => return None,
        _ => {}
    }
    let scraped = scraped(facts, server, target);
    // Who was started or stopped meanwhile, or crashes again and again, is no news about Prometheus.
    let unsteady = |at: &Container| facts.changed.contains(&at.id) || service_restarting::crashes(at);
    if unsteady(server) || scraped.is_some_and(unsteady) {
        return None;
    }
    let mut evidence = vec![format!("{} says of {url} (job {}): {error}", server.label(), target.job)];
    if let Some(own) = own {
        let named = named(own, &target.job);
        if !named.is_empty() {
            evidence.push(format!("{} is named by {}", shown(target), text::list(&named)));
        }
        if own.verdict == Verdict::Pass {
            evidence.push(format!("{service} reaches {}: it is the answer that it cannot use", shown(target)));
        }
    }
    let at_fault = scraped.filter(|_| fails(error)).unwrap_or(server);
    Some(Cause {
        subject: format!("{service} -> {url}"),
        service: Some(at_fault.service.clone()),
        message: format!("{service} cannot scrape {url}: {error}"),
        evidence,
        help: help(service, target),
    })
}

/// Our own look at the same address from Prometheus' own place.
fn own_check<'a>(facts: &'a Facts, server: &Container, target: &ScrapeTarget) -> Option<&'a Seen> {
    facts.checks.iter().find(|seen| {
        let (from, at) = (seen.check.from.container(), &seen.check.target);
        from == Some(server.id.as_str())
            && at.host.eq_ignore_ascii_case(target.host.trim_end_matches('.'))
            && at.port == target.port
            && seen.check.expect == Expectation::Answers
    })
}

/// The places in files that name a target for this job, or where none says for which, all that name it.
fn named<'a>(own: &'a Seen, job: &str) -> Vec<&'a str> {
    let files = own.check.origins.iter().filter(|origin| origin.kind == OriginKind::File);
    let all: Vec<_> = files.map(|origin| origin.name.as_str()).collect();
    let of_job: Vec<_> = all.iter().filter(|name| name.ends_with(&of_job(job))).copied().collect();
    let mut named = if of_job.is_empty() { all } else { of_job };
    named.truncate(MOST_NAMED);
    named
}

/// The container that is scraped, where it is one of the stack.
fn scraped<'a>(facts: &'a Facts, server: &'a Container, target: &ScrapeTarget) -> Option<&'a Container> {
    match target.host.parse().ok() {
        _ if is_loopback(&target.host) => Some(server),
        Some(address) => facts.stack.at_address(address),
        None => facts.stack.named(&target.host).first().copied(),
    }
}

fn shown(target: &ScrapeTarget) -> String {
    crate::target::host_and_port(&target.host, target.port)
}

/// Whether Prometheus did not even have a connection.
fn could_not_connect(error: &str) -> bool {
    error.contains("dial tcp")
}

/// Whether the target itself says that it fails.
fn fails(error: &str) -> bool {
    error.contains("HTTP status 5")
}

/// What to change, by Prometheus' words.
fn help(service: &str, target: &ScrapeTarget) -> String {
    let (host, job) = (&target.host, &target.job);
    let says = |words: &[&str]| words.iter().any(|word| target.error.contains(word));
    if says(&["HTTP status 404", "HTTP status 405"]) {
        return format!(
            "set metrics_path of the job {job} to where {host} has its metrics (Spring Boot: /actuator/prometheus, if \
             management.endpoints.web.exposure.include names prometheus), or have {host} serve them there"
        );
    }
    if says(&["HTTP status 401", "HTTP status 403"]) {
        return format!(
            "{host} wants a login: give the job {job} its basic_auth or authorization, or let {service} in without"
        );
    }
    if fails(&target.error) {
        return format!("the log of {host} says why it answers so");
    }
    if says(&["text/html", "Content-Type", "start token", "invalid metric", "while parsing"]) {
        return format!(
            "{host} answers with something else than metrics: set metrics_path (or the port) of the job {job} to where it has them"
        );
    }
    if says(&["HTTP response to HTTPS client", "first record does not look like a TLS"]) {
        return format!("{host} speaks without TLS there: set `scheme: http` for the job {job}");
    }
    if says(&["malformed HTTP response", "HTTP request to an HTTPS server"]) {
        return format!("{host} speaks no plain HTTP there: set `scheme: https` for the job {job}, or its port");
    }
    if says(&["context deadline exceeded", "Client.Timeout"]) {
        return format!(
            "{host} takes longer than the scrape_timeout of the job {job}: raise that, or have it answer sooner"
        );
    }
    if could_not_connect(&target.error) {
        return format!(
            "start what is scraped at {}, or correct or remove that target of the job {job}",
            shown(target)
        );
    }
    format!("look at the job {job} in the configuration of {service}, and at the log of {host}")
}

#[cfg(test)]
#[path = "prometheus_target_down_tests.rs"]
mod tests;
