//! A server that is there and says that it does not work now.

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;
use crate::stack::Container;
use crate::target::Protocol;

/// Redis' LOADING, MISCONF, MASTERDOWN and the like, PostgreSQL's 57P03, MySQL's shutdown, `ZooKeeper` without its ensemble.
pub const RULE: Rule = Rule::new("server-refuses-work", explain);

/// Protocols in which a server can say so.
const SAY_SO: &[Protocol] = &[
    Protocol::Redis,
    Protocol::Postgres,
    Protocol::Mysql,
    Protocol::Amqp,
    Protocol::Memcached,
    Protocol::Nats,
    Protocol::Zookeeper,
    Protocol::Mongodb,
];

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::ServerRefuses]) || !SAY_SO.contains(&failed.seen.check.target.protocol) {
        return None;
    }
    let server = failed.server(facts);
    let name = server.map_or_else(|| failed.host().to_owned(), Container::label);
    let said = &failed.failure.detail;
    Some(Cause {
        subject: name.clone(),
        service: server.map(|server| server.service.clone()),
        message: format!("{name} answers and refuses to work: {said}"),
        evidence: vec![failed.evidence()],
        help: help(&name, said),
    })
}

fn help(name: &str, said: &str) -> String {
    let code = said.split(' ').next().unwrap_or_default();
    match code {
        "LOADING" => format!(
            "{name} reads its data from disk: wait until it is done (--wait), and let its clients wait for a healthcheck"
        ),
        "MISCONF" => format!(
            "{name} cannot save its data: look at its log for the reason (a full disk, a directory that it may not write)"
        ),
        "MASTERDOWN" => {
            format!("{name} is a replica that has lost its master: start the master, or correct `replicaof`")
        }
        "BUSY" => format!("a script runs in {name} and lets nobody else in: SCRIPT KILL ends it"),
        "OOM" => format!(
            "the memory of {name} is full: raise `maxmemory`, or choose a `maxmemory-policy` that forgets old keys"
        ),
        "CLUSTERDOWN" => {
            format!("the cluster of {name} is not complete: look at CLUSTER INFO for the slots that nobody serves")
        }
        "This" if said.contains("not currently serving") => format!(
            "{name} has no ensemble that can work: start the other members, and compare the addresses of all of them"
        ),
        _ => format!(
            "its log says why: docker compose logs --tail 50 {name}; where it is still starting, --wait waits for it"
        ),
    }
}
