//! Looks from every vantage at once, one attempt per check, and hands each observation on as it arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Semaphore, mpsc::UnboundedSender};

use crate::catalog::{Acquaintance, catalog};
use crate::observation::Observation;
use crate::plan::accounts::SPARES;
use crate::plan::{Check, Expectation, Readiness, Security, Vantage};
use crate::probe::{Options, Request};
use crate::stack::{Container, Stack};
use crate::survey::{Survey, Surveyed};
use crate::target::Protocol;
use crate::vantage::{Sessions, Ways};

/// Connections at once in all, so that looking is never the fault.
const AT_ONCE: usize = 1024;
/// New connections towards one target in each [`BREATH`]: a hundred at the same instant overflow Kafka's backlog of 50.
const BURST: usize = 16;
/// How long a burst lasts.
const BREATH: Duration = Duration::from_millis(10);

/// How to look.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// The time for one check, redirects included.
    pub timeout: Duration,
    /// Kafka: produce and consume one record.
    pub round_trip: bool,
}

/// Where `host.docker.internal` leads on Linux, where nobody has moved Docker's default bridge.
const DEFAULT_GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 17, 0, 1));

/// A round trip waits for a topic to be made and taken away again.
const ROUND_TRIP: Duration = Duration::from_secs(20);

/// One observation: the check's place in the plan, the way that was taken, what was seen.
pub type Sighting = (usize, &'static str, Observation);

/// What is looked at from everywhere at once.
pub struct Round<'a> {
    /// The ways in.
    pub ways: &'a Ways,
    /// The stack.
    pub stack: &'a Stack,
    /// The checks, each with its place in the plan.
    pub checks: Vec<(usize, &'a Check)>,
    /// How to look.
    pub how: How,
    /// Whose sockets are read, before anything is looked at from there.
    pub survey: &'a Survey,
    /// Where what was read goes.
    pub surveyed: &'a Mutex<Surveyed>,
}

/// Looks at everything that is ready, over sessions that are open already and those that this needs; gives them all.
pub async fn observe(round: Round<'_>, open: Sessions, seen: &UnboundedSender<Sighting>) -> Sessions {
    let Round { ways, stack, checks, how, survey, surveyed } = round;
    let mut groups: BTreeMap<&Vantage, Vec<(usize, &Check)>> =
        survey.vantages().map(|vantage| (vantage, Vec::new())).collect();
    let (permits, delays) = (Semaphore::new(AT_ONCE), delays(stack, &checks));
    for &(index, check) in checks.iter().filter(|(_, check)| check.readiness == Readiness::Ready) {
        groups.entry(&check.from).or_default().push((index, check));
    }
    let look_from = async |vantage: &Vantage, checks: Vec<(usize, &Check)>| {
        let opened = match open.get(vantage) {
            Some(session) => Ok(Arc::clone(session)),
            None => ways.open(vantage, stack).await.map(Arc::new),
        };
        let session = match opened {
            Ok(session) => session,
            Err(reason) if checks.is_empty() => {
                survey.missed(vantage, reason.to_string(), surveyed);
                return None;
            }
            Err(reason) => {
                for (index, _) in checks {
                    let _ = seen.send((index, ways.way(vantage), Observation::unlooked(reason.to_string())));
                }
                return None;
            }
        };
        // Our own connections are nobody's.
        survey.read(vantage, &session, surveyed).await;
        join_all(checks.into_iter().map(async |(index, check)| {
            tokio::time::sleep(delays[&index]).await;
            let permit = permits.acquire().await;
            let observation = session.look(&request(stack, check, how)).await;
            drop(permit);
            // Nobody listens any more when the run was interrupted.
            let _ = seen.send((index, session.way(), observation));
        }))
        .await;
        Some((vantage.clone(), session))
    };
    let looked = join_all(groups.into_iter().map(|(vantage, checks)| look_from(vantage, checks))).await;
    let mut sessions = open.clone();
    sessions.extend(looked.into_iter().flatten());
    sessions
}

/// When each check may start, counted from the first: bursts of [`BURST`] for each target.
fn delays(stack: &Stack, checks: &[(usize, &Check)]) -> BTreeMap<usize, Duration> {
    let mut earlier: BTreeMap<(String, u16), usize> = BTreeMap::new();
    let mut start = |check: &Check| {
        let place = check.place(stack);
        let count = earlier.entry(place).or_default();
        let bursts = u32::try_from(*count / BURST).unwrap_or(u32::MAX);
        *count += 1;
        BREATH * bursts
    };
    checks.iter().map(|&(index, check)| (index, start(check))).collect()
}

fn request(stack: &Stack, check: &Check, how: How) -> Request {
    let gateway = || {
        let address = check.target.host.parse().ok();
        address.is_some() && stack.containers.iter().flat_map(|c| &c.attachments).any(|at| at.gateway == address)
    };
    let proxied = check.published.is_some() || check.target.host.ends_with(".docker.internal") || gateway();
    let options = Options {
        proxied,
        round_trip: how.round_trip,
        system_resolver: check.from == Vantage::Host || (check.from == Vantage::Engine && !stack.engine.apart),
        connect_only: check.expect == Expectation::Closed,
        spare_cache: check.login_would_hide() || check.setting(SPARES).is_some(),
        keyless: check.login_would_hide(),
    };
    let timeout = check.wanted.timeout.unwrap_or(how.timeout);
    let timeout = if how.round_trip { timeout.max(ROUND_TRIP) } else { timeout };
    Request {
        target: check.target.clone(),
        timeout,
        credentials: check.credentials.clone(),
        security: Security { confidants: confidants(stack, check), ..check.security.clone() },
        needed: check.needed(),
        questions: check.wanted.questions(),
        acquaintances: acquaintances(check),
        options,
    }
}

/// Who may be told by the answer to what a check asks over HTTP.
fn acquaintances(check: &Check) -> Vec<Acquaintance> {
    match check.target.protocol {
        Protocol::Http | Protocol::Https => catalog().told_at(check.target.path.as_deref().unwrap_or("/")),
        _ => Vec::new(),
    }
}

/// Who is a container of this stack, where the check has a login that redirects may ask for: what is published on a
/// gateway is one too.
fn confidants(stack: &Stack, check: &Check) -> Vec<(IpAddr, Option<u16>)> {
    if check.credentials.is_none() || check.security.mechanism.is_none() {
        return Vec::new();
    }
    let containers = || stack.containers.iter();
    let mut found: Vec<_> = containers().flat_map(Container::addresses).map(|address| (address, None)).collect();
    let asker = check.from.container().and_then(|id| stack.by_id(id));
    let own = asker.is_some_and(|asker| !stack.namespace_owner(asker).on_host_network());
    let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    if own {
        // What listens at its own loopback is the client itself.
        found.extend(loopback.map(|address| (address, None)));
    }
    let gateways: BTreeSet<IpAddr> =
        containers().flat_map(|it| &it.attachments).filter_map(|at| at.gateway).chain([DEFAULT_GATEWAY]).collect();
    let published: BTreeSet<_> = containers()
        .flat_map(|it| &it.ports)
        .filter_map(|port| Some((port.host_port?, port.host_address.is_unspecified())))
        .collect();
    for (port, everywhere) in published {
        if !own {
            found.extend(loopback.map(|address| (address, Some(port))));
        }
        if everywhere {
            found.extend(gateways.iter().map(|&address| (address, Some(port))));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing;

    fn check(port: u16) -> Check {
        testing::check(Vantage::Host, Protocol::Tcp, "server", port)
    }

    #[test]
    fn one_target_is_never_asked_by_more_than_a_burst_at_once() {
        let mut checks: Vec<_> = (0..100).map(|_| check(1)).collect();
        checks.push(check(2));
        let delays = delays(&Stack::default(), &checks.iter().enumerate().collect::<Vec<_>>());
        for burst in 0..7 {
            let at = (0..100).filter(|index| delays[index] == BREATH * burst).count();
            assert_eq!(at, if burst < 6 { BURST } else { 100 - 6 * BURST });
        }
        assert_eq!(delays[&100], Duration::ZERO, "another target does not wait");
    }

    #[test]
    fn only_containers_of_the_stack_are_told_a_password() {
        use crate::derive::testing::{container, port, stack};
        let mut broker = container("kafka", "apache/kafka:4.1.0");
        broker.ports = vec![port(9094, 29094, "127.0.0.1"), port(9095, 29095, "0.0.0.0")];
        let mut outside = container("outside", "any:1");
        outside.network_mode = "host".into();
        let stack = stack([container("app", "any:1"), broker, outside]);
        let told = |service: &str, address: &str, port: u16| {
            let mut check = check(9095);
            check.from = crate::derive::vantage(stack.of_service(service).next().unwrap());
            check.credentials = Some(crate::plan::Credentials::default());
            check.security.mechanism = Some("PLAIN".into());
            let all = confidants(&stack, &check);
            let address: IpAddr = address.parse().unwrap();
            all.iter().any(|(known, at)| *known == address && at.is_none_or(|at| at == port))
        };
        for (service, address, port, expected) in [
            ("app", "172.30.0.3", 9095, true),
            ("app", "172.30.0.9", 9095, false),
            ("app", "127.0.0.1", 9095, true),
            ("app", "172.30.0.1", 29095, true),
            ("app", "172.17.0.1", 29095, true),
            // Published for the host alone, so that somebody else answers there.
            ("app", "172.30.0.1", 29094, false),
            ("app", "172.30.0.1", 9095, false),
            ("outside", "127.0.0.1", 29094, true),
            ("outside", "127.0.0.1", 9092, false),
        ] {
            assert_eq!(told(service, address, port), expected, "{service} {address}:{port}");
        }
        assert!(confidants(&stack, &check(1)).is_empty(), "nothing to tell");
    }
}
