//! What is told of a server that was never started.

use super::*;
use crate::derive::testing::{container, port, stack};
use crate::observation::FailureKind;
use crate::rule::testing::failing;
use crate::rule::{Cause, RULES};
use crate::stack::Health;

/// Every finding where `client` looks for `app`, which waits for `middle`, which waits for `first` in this way.
fn told(condition: &str, first: &dyn Fn(&mut Container)) -> Vec<(&'static str, String, Cause)> {
    let waits = |service: &str, other: &str, condition: &str| {
        let mut waiting = container(service, "app:1");
        waiting.state.status = Status::Created;
        waiting.depends_on = vec![Dependency { service: other.into(), condition: condition.into() }];
        waiting
    };
    let (app, middle) = (waits("app", "middle", "service_started"), waits("middle", "first", condition));
    let (client, mut at) = (container("client", "client:1"), container("first", "first:1"));
    first(&mut at);
    let seen = failing(crate::derive::vantage(&client), "app", 80, &[], FailureKind::NameNotFound);
    let facts = Facts { stack: stack([client, app, middle, at]), ..Facts::default() };
    let claimed = crate::rule::testing::told(&facts, &seen);
    let inspected = RULES.iter().flat_map(|rule| {
        rule.inspect.iter().flat_map(|inspect| inspect(&facts)).map(|cause| (rule.id, cause)).collect::<Vec<_>>()
    });
    std::iter::once(claimed).chain(inspected).map(|(rule, cause)| (rule, cause.subject.clone(), cause)).collect()
}

#[test]
fn the_job_that_failed_is_told_and_not_who_waits_for_it() {
    let found = told("service_completed_successfully", &|job| {
        (job.state.status, job.state.exit_code) = (Status::Exited, 3);
    });
    let subjects: Vec<_> = found.iter().map(|(rule, subject, _)| (*rule, subject.as_str())).collect();
    // One cause: the check's and the one that is told in any case.
    assert_eq!(subjects, [("service-restarting", "first"); 2]);
    let cause = &found[0].2;
    let so = "first has ended with an error, so app and middle, which wait for it, were never started";
    assert_eq!((cause.message.as_str(), cause.service.as_deref()), (so, Some("first")));
    assert!(cause.evidence[0].contains("exit code 3"), "{cause:?}");
    // Killed by hand, it has not done its work either.
    let found = told("service_completed_successfully", &|job| {
        (job.state.status, job.state.exit_code) = (Status::Exited, 143);
    });
    let subjects: Vec<_> = found.iter().map(|(rule, subject, _)| (*rule, subject.as_str())).collect();
    assert_eq!(subjects, [("peer-not-running", "first")]);
    assert!(found[0].2.message.contains("is stopped (exit code 143), so app and middle"), "{found:?}");
}

#[test]
fn whatever_keeps_others_from_being_started_is_one_cause() {
    let held: &dyn Fn(&mut Container) = &|server| {
        server.wanted_ports = vec![port(80, 8080, "0.0.0.0")];
        server.state.status = Status::Created;
        server.state.error = "Bind for 0.0.0.0:8080 failed: port is already allocated".into();
    };
    let broken: &dyn Fn(&mut Container) = &|server| {
        (server.state.status, server.state.error) = (Status::Created, "no such file or directory".into());
    };
    let killed: &dyn Fn(&mut Container) = &|server| {
        (server.state.status, server.state.out_of_memory) = (Status::Exited, true);
    };
    let unhealthy: &dyn Fn(&mut Container) = &|server| {
        server.health = Some(Health { status: "unhealthy".into(), ..Health::default() });
    };
    for (condition, first, rule, subject) in [
        ("service_started", held, "port-already-allocated", "first:80"),
        ("service_healthy", held, "port-already-allocated", "first:80"),
        ("service_started", broken, "peer-not-running", "first"),
        ("service_healthy", killed, "service-out-of-memory", "first"),
        ("service_healthy", unhealthy, "dependency-unhealthy", "first"),
    ] {
        let found = told(condition, first);
        assert!(found.iter().all(|(told, about, _)| (*told, about.as_str()) == (rule, subject)), "{found:?}");
        let so = "so app and middle, which wait for it, were never started";
        assert!(found[0].2.message.ends_with(so), "{found:?}");
    }
}

#[test]
fn who_waits_for_what_works_was_never_started() {
    for condition in ["service_started", "service_healthy", "service_completed_successfully"] {
        let found = told(condition, &|_| ());
        let told: Vec<_> = found.iter().map(|(rule, subject, _)| (*rule, subject.as_str())).collect();
        assert_eq!(told, [("peer-not-running", "app")], "{condition}");
    }
    // Started is all that is waited for.
    let found = told("service_started", &|server| {
        (server.state.status, server.state.exit_code) = (Status::Exited, 1);
    });
    assert_eq!((found[0].0, found[0].1.as_str()), ("peer-not-running", "app"));
}

/// What is told of `other`, which waits for `third` that works, where `first` failed in this way.
fn beside(made: &str, change: &dyn Fn(&mut Facts)) -> (&'static str, Cause) {
    let (mut first, mut other) = (container("first", "first:1"), container("other", "other:1"));
    first.wanted_ports = vec![port(80, 8080, "0.0.0.0")];
    first.state.status = Status::Created;
    first.state.error = "Bind for 0.0.0.0:8080 failed: port is already allocated".into();
    first.created = "2026-01-02T03:04:05.678Z".into();
    (other.state.status, other.created) = (Status::Created, made.into());
    other.depends_on = vec![Dependency { service: "third".into(), condition: "service_started".into() }];
    let (client, third) = (container("client", "client:1"), container("third", "third:1"));
    let seen = failing(crate::derive::vantage(&client), "other", 80, &[], FailureKind::NameNotFound);
    let mut facts = Facts { stack: stack([client, first, other, third]), ..Facts::default() };
    change(&mut facts);
    crate::rule::testing::told(&facts, &seen)
}

#[test]
fn who_was_made_with_the_one_that_failed_was_never_started_either() {
    let made = "2026-01-02T03:04:06Z";
    let (rule, cause) = beside(made, &|_| ());
    assert_eq!((rule, cause.subject.as_str()), ("port-already-allocated", "first:80"));
    assert!(cause.message.ends_with("; other was never started either"), "{}", cause.message);
    assert!(cause.help.ends_with("then docker compose up -d"), "{}", cause.help);
    let alone = |made, change: &dyn Fn(&mut Facts)| assert_eq!(beside(made, change).0, "peer-not-running");
    // Made at another time, or nobody knows when.
    alone("2026-01-02T03:09:06Z", &|_| ());
    alone("", &|_| ());
    // What it waits for has not come yet, or is not known.
    alone(made, &|facts| facts.stack.containers[2].depends_on[0].condition = "service_healthy".into());
    alone(made, &|facts| facts.stack.containers[2].depends_on[0].service = "nobody".into());
    // Another one has failed as well.
    alone(made, &|facts| {
        let failed = Container { id: "second".into(), ..facts.stack.containers[1].clone() };
        facts.stack.containers.push(failed);
    });
    // The one that failed was started since.
    alone(made, &|facts| {
        facts.stack.containers[1].state = crate::stack::State { status: Status::Running, ..Default::default() }
    });
}
