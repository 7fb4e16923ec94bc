//! A published port of a server that is bound to one of two addresses.

use super::*;
use crate::derive::testing::{container, port, stack};
use crate::observation::Observation;
use crate::plan::{Published, Vantage};
use crate::rule::testing::{failing, survey, told};
use crate::stack::Attachment;

/// The rule that claims a published port of a server on two networks, whose other check came to this.
fn of(bound: &str, verdict: Verdict, connected: &str) -> &'static str {
    let mut server = container("server", "server:1");
    server.ports = vec![port(6379, 16379, "0.0.0.0")];
    let published = Published { container: server.id.clone(), service: "server".into(), container_port: 6379 };
    let app = container("app", "app:1");
    let mut other = failing(crate::derive::vantage(&app), "server", 6379, &[connected], Kind::Refused);
    (other.verdict, other.failure) = (verdict, None);
    let connected = Some(connected.parse().unwrap());
    other.observation = Some(Observation { connected, depth: Depth::Answered, ..Observation::default() });
    let mut seen = failing(Vantage::Host, "127.0.0.1", 16379, &["127.0.0.1"], Kind::Closed);
    seen.check.published = Some(published);
    let surveys = [(server.id.clone(), survey(&[(bound, 6379)], &[]))].into();
    let mut stack = stack([server, app]);
    stack.containers[0].attachments.push(Attachment {
        network: "back".into(),
        addresses: vec![[172, 31, 0, 2].into()],
        ..Attachment::default()
    });
    told(&Facts { stack, surveys, checks: vec![other], ..Facts::default() }, &seen).0
}

#[test]
fn a_published_port_goes_to_the_other_network_where_the_server_answers_on_this_one() {
    let one = "listens-on-one-network-only";
    assert_eq!(of("172.31.0.2", Verdict::Pass, "172.31.0.2"), one);
    // Nobody saw it answer there, so that it may itself be what closes the connection.
    assert_eq!(of("172.31.0.2", Verdict::Fail, "172.31.0.2"), "closed-without-answer");
    assert_eq!(of("172.31.0.2", Verdict::Pass, "172.30.0.2"), "closed-without-answer");
    assert_eq!(of("0.0.0.0", Verdict::Pass, "172.31.0.2"), "closed-without-answer");
}
