//! A container that the kernel ended, or a process of it, for want of memory.

use super::{Cause, Facts, Failed, Rule, waiting};
use crate::stack::Container;

/// The server of a failed connection was killed for memory; told for every such container, used or not.
pub const RULE: Rule = Rule::new("service-out-of-memory", explain).inspecting(inspect);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let container = waiting::culprit(facts, failed.server(facts)?);
    if container.is_running() || failed.client(facts).is_some_and(|client| client.id == container.id) {
        return None;
    }
    let mut cause = cause(facts, container)?;
    cause.evidence.push(failed.evidence());
    Some(cause)
}

fn inspect(facts: &Facts) -> Vec<Cause> {
    facts.stack.containers.iter().filter_map(|container| cause(facts, container)).collect()
}

fn cause(facts: &Facts, container: &Container) -> Option<Cause> {
    let state = &container.state;
    if !state.out_of_memory {
        return None;
    }
    let (label, service) = (container.label(), &container.service);
    let limit = size(container.limits.memory);
    let who = if container.is_running() { format!("a process of {label}") } else { label.clone() };
    let why = match &limit {
        Some(limit) => format!("its memory limit is {limit}"),
        None => "it has no memory limit, so the engine's whole machine had none left".into(),
    };
    let end = if container.is_running() { "it runs on".into() } else { format!("exit code {}", state.exit_code) };
    Some(Cause {
        subject: label.clone(),
        service: Some(service.clone()),
        message: format!("{who} was killed for memory: {why}{}", waiting::so(facts, container)),
        evidence: vec![format!("{label}: the engine says OOMKilled; {end}, restarts: {}", container.restarts)],
        help: match limit {
            Some(limit) => format!(
                "raise `mem_limit` (or deploy.resources.limits.memory) of {service} above {limit}, or let it use less: for a JVM, -XX:MaxRAMPercentage of 70 at most"
            ),
            None => format!(
                "give the engine's machine more memory, or the services limits that fit: see what {service} uses"
            ),
        },
    })
}

/// Bytes in the unit that people write; `None` for no limit.
pub(super) fn size(bytes: i64) -> Option<String> {
    const KIB: i64 = 1 << 10;
    const MIB: i64 = 1 << 20;
    const GIB: i64 = 1 << 30;
    match bytes {
        ..=0 => None,
        bytes if bytes % GIB == 0 => Some(format!("{} GiB", bytes / GIB)),
        bytes if bytes >= MIB => Some(format!("{} MiB", bytes / MIB)),
        bytes => Some(format!("{} KiB", bytes / KIB)),
    }
}
