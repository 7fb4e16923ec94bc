//! Packets that an interface sends and that its other end does not take.

use std::net::IpAddr;

use super::{Cause, Facts, Failed, Need, Rule};
use crate::observation::{FailureKind as Kind, Interface, PhaseName};
use crate::stack::{Container, Network, PublishedAt};
use crate::target::Protocol;
use crate::text;

/// An answer is lost because both ends send packets that are larger than what the network between them carries.
pub const RULE: Rule = Rule::new("mtu-mismatch", explain).needing(&[Need::Interfaces]);

/// The kernel forwards packets that are this much larger, in bytes: room for the tag of a VLAN.
const TOLERATED: u32 = 4;

/// Whether an answer was awaited in vain that may fill packets; greetings and short replies never do.
#[must_use]
pub fn is_candidate(failed: &Failed) -> bool {
    let protocol = failed.seen.check.target.protocol;
    let large = match failed.failure.phase {
        // Certificates.
        PhaseName::Tls => true,
        PhaseName::Request => {
            matches!(protocol, Protocol::Http | Protocol::Https | Protocol::Kafka | Protocol::Redis)
        }
        _ => false,
    };
    large && failed.is(&[Kind::Silent])
}

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let path = Path::of(facts, failed).filter(Path::loses)?;
    // Whoever is not heard by those either to whom packets of its size do come is silent by itself.
    let server = failed.server(facts)?;
    let also_silent = |other: &Failed| {
        other.is(&[Kind::Silent])
            && other.server_port(facts) == failed.server_port(facts)
            && other.server(facts).is_some_and(|container| container.id == server.id)
    };
    let failures = facts
        .checks
        .iter()
        .flat_map(|seen| seen.failure.iter().map(move |failure| Failed { seen, redirect: None, failure }));
    if failures.filter(also_silent).any(|other| !Path::of(facts, &other).is_some_and(|path| path.loses())) {
        return None;
    }
    // The answer goes by the server's end first; where that is as it must be, the client's is not.
    let size = path.size();
    let end = [&path.server, &path.client].into_iter().find(|end| size > end.carried + TOLERATED)?;
    let (label, network, carried) = (end.container.label(), path.network, end.carried);
    let sent = end.interface.mtu?;
    let key = network.key.as_ref().unwrap_or(&network.name);
    Some(Cause {
        subject: format!("{label} on {key}"),
        service: Some(end.container.service.clone()),
        message: format!(
            "{label} sends packets of up to {sent} bytes on {key}, which carries no more than {carried}: the larger ones are lost"
        ),
        evidence: vec![path.client.evidence(), path.server.evidence(), failed.evidence()],
        help: format!(
            "take away what sets the MTU of {} in {label} to {sent}, so that it is {carried}; or, where the machines below carry that, set `networks.{key}.driver_opts: {{ com.docker.network.driver.mtu: \"{sent}\" }}` and make the network anew",
            end.interface.name
        ),
    })
}

/// The way between a client and a server on a network that both are on.
struct Path<'a> {
    network: &'a Network,
    client: End<'a>,
    server: End<'a>,
}

/// An interface of a container, and its other end on the host.
struct End<'a> {
    container: &'a Container,
    interface: &'a Interface,
    host: &'a Interface,
    /// The largest packet that the other end takes, in bytes.
    carried: u32,
}

impl<'a> Path<'a> {
    /// The way that a connection took in vain; `None` where not all of it was seen.
    fn of(facts: &'a Facts, failed: &Failed) -> Option<Self> {
        // Numbers of interfaces mean something only on the engine's own machine.
        if !is_candidate(failed) || facts.stack.engine.published_at != PublishedAt::Here {
            return None;
        }
        let (client, server) = failed.pair(facts)?;
        let connected = failed.observation()?.connected?.to_canonical();
        let owner = |container| facts.stack.namespace_owner(container);
        let at = owner(server).attachments.iter().find(|at| at.addresses.contains(&connected))?;
        let network = facts.stack.networks.iter().find(|network| network.name == at.network)?;
        let bridge = format!("br-{}", network.id.get(..12)?);
        let host = facts.host_interfaces()?;
        host.iter().find(|interface| interface.name == bridge)?;
        let near = owner(client).attachments.iter().find(|near| near.network == at.network)?;
        Some(Self {
            network,
            client: near.addresses.iter().find_map(|address| End::of(facts, client, *address))?,
            server: End::of(facts, server, connected)?,
        })
    }

    /// The largest packets that TCP sends on it, in bytes: it keeps to the smaller of what both ends have.
    fn size(&self) -> u32 {
        let sizes = [&self.client, &self.server].map(|end| end.interface.mtu.unwrap_or_default());
        sizes[0].min(sizes[1])
    }

    fn loses(&self) -> bool {
        self.size() > self.client.carried.min(self.server.carried) + TOLERATED
    }
}

impl<'a> End<'a> {
    fn of(facts: &'a Facts, container: &'a Container, address: IpAddr) -> Option<Self> {
        let interface = facts.interfaces(container)?.iter().find(|interface| interface.addresses.contains(&address))?;
        let (index, link) = (interface.index?, interface.link?);
        // Each names the other, or the two are not one pair.
        let host = facts.host_interfaces()?.iter().find(|host| host.index == Some(link) && host.link == Some(index))?;
        Some(Self { container, interface, host, carried: host.mtu? })
    }

    fn evidence(&self) -> String {
        format!(
            "the MTU of {} in {} is {}, and that of its other end on the host ({}) is {}",
            self.interface.name,
            self.container.label(),
            self.interface.mtu.map_or_else(|| "unknown".into(), |mtu| mtu.to_string()),
            text::line(&self.host.name, 40),
            self.carried
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{self, container, stack};
    use crate::derive::vantage;
    use crate::observation::{Fact, Failure, Observation, Survey};
    use crate::rule::{Seen, Verdict};

    fn interface(name: &str, mtu: u32, index: u32, link: Option<u32>, address: Option<u8>) -> Interface {
        let addresses = address.map(|last| IpAddr::from([172, 30, 0, last])).into_iter().collect();
        Interface { name: name.into(), mtu: Some(mtu), index: Some(index), link, addresses }
    }

    fn survey(interfaces: Vec<Interface>) -> Survey {
        Survey { listeners: Fact::Absent, interfaces: Fact::Present(interfaces) }
    }

    fn seen(facts: &Facts, from: &str, protocol: Protocol, phase: PhaseName, kind: Kind) -> Seen {
        let from = facts.stack.of_service(from).next().unwrap();
        let failure = Failure { phase, kind, detail: "no answer".into() };
        let to = IpAddr::from([172, 30, 0, 4]);
        let mut seen = Seen::of(testing::check(vantage(from), protocol, "web", 80));
        seen.observation = Some(Observation {
            addresses: vec![to],
            connected: Some(to),
            failure: Some(failure.clone()),
            ..Observation::default()
        });
        (seen.verdict, seen.failure) = (Verdict::Fail, Some(failure));
        seen
    }

    /// Two clients and a server, with the MTU of each one's interface and of its other end on the host.
    fn facts(ends: [(u32, u32); 3]) -> Facts {
        let mut stack = stack(["app", "other", "web"].map(|service| container(service, "any:1")));
        stack.networks[0].id = "0123456789abcdef".into();
        let mut host =
            vec![interface("lo", 65536, 1, None, None), interface("br-0123456789ab", 1500, 3, None, Some(1))];
        let mut surveys = std::collections::BTreeMap::new();
        for (number, (container, (mtu, other))) in (0..).zip(stack.containers.iter().zip(ends)) {
            let address = u8::try_from(number + 2).unwrap();
            let own = interface("eth0", mtu, 10 + number, Some(20 + number), Some(address));
            surveys.insert(container.id.clone(), survey(vec![interface("lo", 65536, 1, None, None), own]));
            host.push(interface("veth", other, 20 + number, Some(10 + number), None));
        }
        Facts { stack, surveys, host: Some(survey(host)), ..Facts::default() }
    }

    fn told(facts: &Facts, seen: &Seen) -> Option<Cause> {
        explain(facts, &Failed { seen, redirect: None, failure: seen.failure.as_ref().unwrap() })
    }

    /// What is said where app is not answered over HTTP.
    fn of(facts: &Facts) -> Option<String> {
        let seen = seen(facts, "app", Protocol::Http, PhaseName::Request, Kind::Silent);
        told(facts, &seen).map(|cause| cause.subject)
    }

    const LARGE: (u32, u32) = (9000, 1500);
    const PLAIN: (u32, u32) = (1500, 1500);
    const JUMBO: (u32, u32) = (9000, 9000);

    #[test]
    fn packets_are_lost_where_both_ends_send_larger_ones_than_either_other_end_takes() {
        for (app, web, subject) in [
            (LARGE, LARGE, Some("web on default")),
            (JUMBO, LARGE, Some("web on default")),
            (LARGE, JUMBO, Some("app on default")),
            ((9000, 4000), (4000, 1500), Some("web on default")),
            ((1505, 1500), (1505, 1500), Some("web on default")),
            ((1504, 1500), (1504, 1500), None),
            (PLAIN, LARGE, None),
            (LARGE, PLAIN, None),
            (JUMBO, JUMBO, None),
            (PLAIN, PLAIN, None),
            ((1300, 1500), (1300, 1500), None),
            ((1300, 1500), LARGE, None),
        ] {
            assert_eq!(of(&facts([app, PLAIN, web])).as_deref(), subject, "{app:?} {web:?}");
        }
    }

    #[test]
    fn only_silence_where_a_large_answer_is_due_is_explained() {
        let facts = facts([LARGE, PLAIN, LARGE]);
        for (protocol, phase, kind, explained) in [
            (Protocol::Https, PhaseName::Tls, Kind::Silent, true),
            (Protocol::Mysql, PhaseName::Tls, Kind::Silent, true),
            (Protocol::Kafka, PhaseName::Request, Kind::Silent, true),
            (Protocol::Redis, PhaseName::Handshake, Kind::Silent, false),
            (Protocol::Mysql, PhaseName::Request, Kind::Silent, false),
            (Protocol::Http, PhaseName::Connect, Kind::TimedOut, false),
            (Protocol::Http, PhaseName::Request, Kind::Closed, false),
        ] {
            let seen = seen(&facts, "app", protocol, phase, kind);
            assert_eq!(told(&facts, &seen).is_some(), explained, "{protocol:?} {phase:?} {kind:?}");
        }
    }

    #[test]
    fn a_server_that_others_do_not_hear_either_is_silent_by_itself() {
        let mut one = facts([LARGE, PLAIN, LARGE]);
        let (request, silent) = (PhaseName::Request, Kind::Silent);
        one.checks = vec![seen(&one, "app", Protocol::Http, request, silent)];
        assert!(of(&one).is_some());
        one.checks.push(seen(&one, "other", Protocol::Http, request, silent));
        assert_eq!(of(&one), None);
        // The other one's packets are lost as well.
        let mut both = facts([LARGE, LARGE, LARGE]);
        both.checks = vec![seen(&both, "other", Protocol::Http, request, silent)];
        assert!(of(&both).is_some());
        both.checks.push(seen(&both, "other", Protocol::Redis, PhaseName::Handshake, silent));
        assert_eq!(of(&both), None, "a short answer did not come either");
    }

    #[test]
    fn what_was_not_seen_explains_nothing() {
        let all = || facts([LARGE, PLAIN, LARGE]);
        let without: [fn(&mut Facts); 8] = [
            |facts| facts.host = None,
            |facts| drop(facts.surveys.remove("app-id")),
            |facts| facts.surveys.values_mut().for_each(|survey| *survey = Survey::not_looked("gone")),
            |facts| facts.stack.networks[0].id = "fedcba9876543210".into(),
            |facts| facts.stack.engine.published_at = PublishedAt::Host("far".into()),
            |facts| facts.stack.containers[0].attachments.clear(),
            |facts| host(facts, |interface| interface.link = Some(99)),
            |facts| host(facts, |interface| interface.mtu = None),
        ];
        assert!(of(&all()).is_some());
        for (number, without) in without.into_iter().enumerate() {
            let mut facts = all();
            without(&mut facts);
            assert_eq!(of(&facts), None, "{number}");
        }
    }

    fn host(facts: &mut Facts, change: fn(&mut Interface)) {
        if let Some(Survey { interfaces: Fact::Present(interfaces), .. }) = &mut facts.host {
            interfaces.iter_mut().for_each(change);
        }
    }
}
