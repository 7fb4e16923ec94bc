//! A container could not be started, because somebody has its host port.

use super::{Cause, Facts, Failed, Rule, Seen, published_port_held_by_another, waiting};
use crate::observation::FailureKind as Kind;
use crate::stack::{Container, PublishedAt};
use crate::text;

/// The engine could not bind a published port; told for every such container, used or not.
pub const RULE: Rule = Rule::new("port-already-allocated", explain).inspecting(inspect);

/// What engines say: of a port that another container has, and of one that a process has.
const ALLOCATED: &str = "port is already allocated";
const IN_USE: &str = "address already in use";
/// What stands beside the second one where it is about a TCP port: the same words are said of addresses of networks.
const OF_PORTS: [&str; 4] = ["listen tcp", "failed to bind host port", "Bind for", "exposing port TCP"];

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let mut cause = cause(facts, waiting::culprit(facts, failed.server(facts)?))?;
    cause.evidence.push(failed.evidence());
    Some(cause)
}

fn inspect(facts: &Facts) -> Vec<Cause> {
    facts.stack.containers.iter().filter_map(|container| cause(facts, container)).collect()
}

/// Whether the engine could not start a container for want of a TCP port of the host.
#[must_use]
pub fn lacks_port(container: &Container) -> bool {
    let error = &container.state.error;
    let in_use = error.contains(IN_USE) && OF_PORTS.iter().any(|words| error.contains(words));
    !container.is_running() && (error.contains(ALLOCATED) || in_use)
}

/// Whether a check found somebody else at a published port of a container.
fn answers(facts: &Facts, container: &Container, port: u16) -> bool {
    let stranger = |seen: &&Seen| seen.failure.as_ref().is_some_and(|failure| failure.kind == Kind::WrongIdentity);
    facts.checks.iter().filter(stranger).any(|seen| {
        let published = seen.check.published.as_ref();
        seen.check.target.port == port && published.is_some_and(|published| published.container == container.id)
    })
}

fn cause(facts: &Facts, container: &Container) -> Option<Cause> {
    if !lacks_port(container) {
        return None;
    }
    let (label, error) = (container.label(), &container.state.error);
    let so = waiting::so(facts, container);
    let again = if so.is_empty() {
        format!("docker compose up -d {}", container.service)
    } else {
        "docker compose up -d".into()
    };
    let named = |port: u16| {
        let port = format!(":{port}");
        error.match_indices(&port).any(|(at, _)| !error[at + port.len()..].starts_with(|c: char| c.is_ascii_digit()))
    };
    let wanted = container.wanted_ports.iter().find_map(|wanted| {
        let port = wanted.host_port.filter(|port| named(*port))?;
        Some(((Some(wanted.host_address), port), wanted.container_port))
    });
    let said = format!("the engine says: {}", text::line(&text::redact(error), 300));
    let Some((place, inside)) = wanted else {
        return Some(Cause {
            subject: label.clone(),
            service: Some(container.service.clone()),
            message: format!("{label} could not be started: a host port of it is taken{so}"),
            evidence: vec![said],
            help: format!("free the port, or publish another one, then {again}"),
        });
    };
    let port = place.1;
    let owner = published_port_held_by_another::holder(facts, place, &container.id);
    let here = facts.stack.engine.published_at == PublishedAt::Here;
    let host = facts.host.as_ref().and_then(|host| host.listeners.present());
    let listens = host.map(|listeners| listeners.iter().any(|listener| listener.port == port));
    let listens = if answers(facts, container, port) { Some(true) } else { listens };
    let elsewhere = format!("or publish port {inside} on another host port; then {again}");
    let (is, help) = match (owner, listens) {
        (Some(owner), _) => (format!("is taken by {owner}"), format!("stop {owner}, {elsewhere}")),
        (None, Some(false)) if here => ("was taken, and is free now".to_owned(), again),
        (None, Some(true)) if here => {
            ("is taken by a process on the host".to_owned(), format!("stop that process, {elsewhere}"))
        }
        (None, _) => ("was taken, by no container of this engine".to_owned(), format!("free it, {elsewhere}")),
    };
    Some(Cause {
        subject: format!("{label}:{inside}"),
        service: Some(container.service.clone()),
        message: format!("{label} could not be started: host port {port} {is}{so}"),
        evidence: vec![said],
        help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, port, stack};
    use crate::observation::{Fact, Listener, Survey};
    use crate::stack::{State, Status, Stranger};

    fn of(error: &str, strangers: Vec<Stranger>, listening: Option<&[u16]>) -> Vec<String> {
        let mut cache = container("cache", "redis:7");
        cache.wanted_ports = vec![port(6379, 16379, "0.0.0.0"), port(6380, 6380, "0.0.0.0")];
        cache.state = State { status: Status::Created, error: error.into(), ..State::default() };
        let mut stack = stack([cache]);
        stack.strangers = strangers;
        let at = |&port: &u16| Listener { address: "0.0.0.0".parse().unwrap(), port };
        let host = listening
            .map(|ports| Survey { listeners: Fact::Present(ports.iter().map(at).collect()), interfaces: Fact::Absent });
        inspect(&Facts { stack, host, ..Facts::default() }).into_iter().map(|cause| cause.message).collect()
    }

    #[test]
    fn the_engines_words_name_the_port_and_the_stack_its_owner() {
        let docker_28 = "failed to set up container networking: driver failed programming external connectivity on endpoint shop-cache-1 (0a): Bind for 0.0.0.0:16379 failed: port is already allocated";
        let proxy = "driver failed programming external connectivity on endpoint shop-cache-1 (0a): Error starting userland proxy: listen tcp4 0.0.0.0:6380: bind: address already in use";
        let desktop = "Ports are not available: exposing port TCP 0.0.0.0:6380 -> 0.0.0.0:0: listen tcp 0.0.0.0:6380: bind: address already in use";
        let stranger = Stranger {
            container: "other-cache-1".into(),
            project: Some("other".into()),
            port: port(6379, 16379, "0.0.0.0"),
        };
        let taken = "cache could not be started: host port 16379 is taken by container other-cache-1 of project other";
        assert_eq!(of(docker_28, vec![stranger], None), [taken]);
        for error in [proxy, desktop] {
            let taken = "cache could not be started: host port 6380 is taken by a process on the host";
            assert_eq!(of(error, Vec::new(), Some(&[6380])), [taken]);
            let unseen = "cache could not be started: host port 6380 was taken, by no container of this engine";
            assert_eq!(of(error, Vec::new(), None), [unseen]);
            let free = "cache could not be started: host port 6380 was taken, and is free now";
            assert_eq!(of(error, Vec::new(), Some(&[22, 16379])), [free]);
        }
        for error in [
            "",
            "no such file or directory",
            "failed to set up container networking: Address already in use",
            "listen udp4 0.0.0.0:6380: bind: address already in use",
        ] {
            assert!(of(error, Vec::new(), None).is_empty(), "{error}");
        }
    }
}
