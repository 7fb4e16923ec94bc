//! The ways to look, on real containers. Run with `CROSSCHECK_LIVE=1`, as root on the engine's machine.

#![expect(clippy::unwrap_used, reason = "what a test sets up must be there, also outside the test itself")]

#[path = "live/images.rs"]
mod images;
mod live;

use std::time::{Duration, Instant};

use bollard::Docker;
use crosscheck::observation::{Depth, FailureKind, Observation};
use crosscheck::plan::{Needed, Security, Vantage};
use crosscheck::probe::{Options, Request};
use crosscheck::stack::Stack;
use crosscheck::target::{Protocol, Target};
use crosscheck::vantage::{Session, Via, Ways};

use live::{Fixture, docker, executable, status_of};

fn request(host: &str, port: u16) -> Request {
    Request {
        target: Target::new(Protocol::Tcp, host, port),
        timeout: Duration::from_secs(3),
        credentials: None,
        security: Security::default(),
        needed: Needed::default(),
        questions: Vec::new(),
        acquaintances: Vec::new(),
        options: Options { connect_only: true, ..Options::default() },
    }
}

async fn ways(stack: &Stack, via: Via) -> Ways {
    let docker = Docker::connect_with_local_defaults().unwrap();
    Ways::new(Some(docker), stack, via, executable()).await.unwrap()
}

/// What was seen, but for the time that it took.
fn timeless(mut observation: Observation) -> Observation {
    for phase in &mut observation.phases {
        phase.micros = 0;
    }
    observation
}

fn vantage(stack: &Stack, service: &str) -> Vantage {
    let container = stack.of_service(service).next().unwrap();
    Vantage::Container { service: service.into(), replica: None, id: container.id.clone() }
}

async fn session(ways: &Ways, stack: &Stack, service: &str) -> Session {
    ways.open(&vantage(stack, service), stack).await.unwrap()
}

macro_rules! live {
    () => {
        if std::env::var_os("CROSSCHECK_LIVE").is_none() {
            return;
        }
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn all_ways_see_the_same() {
    live!();
    let fixture = Fixture::new();
    fixture.redis("server", &[]);
    fixture.redis("client", &["--add-host", "extra:127.0.0.1", "--dns-search", "example.test"]);
    fixture.redis("alone", &["--network", "none"]);
    fixture.redis("hostly", &["--network", "host", "--add-host", "only-hostly:127.0.0.1"]);
    fixture.redis_in("joined", "server", "6380");
    fixture.redis("still", &[]);
    docker(&["pause", &fixture.name("still")]);
    let stack = fixture.stack().await;
    let mut all = Vec::new();
    for via in [Via::Netns, Via::Sidecar, Via::Exec, Via::Agent] {
        all.push(ways(&stack, via).await);
    }
    let exec = &all[2];
    let refused = exec.open(&vantage(&stack, "still"), &stack).await.unwrap_err().to_string();
    let said = "cannot look from still: it is paused, and nothing can be started in it; try `--via sidecar`";
    assert_eq!(refused, said);
    for (service, host, port, depth) in [
        ("client", "server", 6379, Depth::Connected),
        ("client", "server", 6380, Depth::Connected),
        ("client", "server", 1, Depth::Resolved),
        ("client", "nobody-has-this-name", 6379, Depth::Nothing),
        ("client", "extra", 6379, Depth::Connected),
        ("client", "localhost", 6379, Depth::Connected),
        ("joined", "localhost", 6379, Depth::Connected),
        ("joined", "client", 6379, Depth::Connected),
        ("alone", "localhost", 6379, Depth::Connected),
        ("alone", "server", 6379, Depth::Nothing),
        ("hostly", "only-hostly", 1, Depth::Resolved),
        ("still", "server", 6379, Depth::Connected),
        ("still", "localhost", 6379, Depth::Connected),
    ] {
        let mut seen = Vec::new();
        for ways in all.iter().filter(|ways| service != "still" || ways.run() != exec.run()) {
            let session = session(ways, &stack, service).await;
            assert_eq!(session.way(), ways.way(&vantage(&stack, service)));
            let observation = timeless(session.look(&request(host, port)).await);
            assert_eq!(observation.depth, depth, "{service} {} {host}:{port} {observation:?}", session.way());
            assert_eq!(observation.unlooked, None);
            let survey = session.survey().await;
            let interfaces = survey.interfaces.present().unwrap();
            assert!(interfaces.iter().all(|one| one.mtu.is_some()), "{service} {interfaces:?}");
            let mut listeners = survey.listeners.present().cloned().unwrap();
            // The host's own ports come and go meanwhile.
            listeners.retain(|_| service != "hostly");
            seen.push((observation, listeners));
            session.close().await;
        }
        assert!(seen.iter().all(|one| *one == seen[0]), "{service} -> {host}:{port}: {seen:?}");
        let listeners = &seen[0].1;
        if service != "hostly" {
            assert!(listeners.iter().any(|one| one.port == 6379), "{service} {listeners:?}");
        }
    }
    for ways in &all {
        ways.close().await;
        assert_eq!(live::containers_of(ways.run()), Vec::<String>::new());
        assert_eq!(live::processes_naming(ways.run()), Vec::<u32>::new());
    }
    for container in &stack.containers {
        assert_eq!(live::left_in(&container.id), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_a_vantage_of_its_own() {
    live!();
    let fixture = Fixture::new();
    fixture.redis("server", &[]);
    let stack = fixture.stack().await;
    let ways = ways(&stack, Via::Auto).await;
    let network = Vantage::Network { name: "backend".into(), id: fixture.network_id() };
    assert_eq!(ways.way(&network), "sidecar");
    let session = ways.open(&network, &stack).await.unwrap();
    let seen = session.look(&request("server", 6379)).await;
    assert_eq!(seen.depth, Depth::Connected, "{seen:?}");
    // It is another container than the server: nothing listens here.
    let own = session.look(&request("localhost", 6379)).await;
    assert_eq!(own.failure.map(|failure| failure.kind), Some(FailureKind::Refused));
    ways.close().await;
    let gone = Vantage::Network { name: "gone".into(), id: "0".repeat(64) };
    let ways = self::ways(&stack, Via::Auto).await;
    let refused = ways.open(&gone, &stack).await.unwrap_err().to_string();
    assert!(refused.starts_with("cannot look from network:gone: ") && refused.contains("not found"), "{refused}");
    ways.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_changed_since_it_was_read() {
    live!();
    let fixture = Fixture::new();
    for service in ["removed", "stopped", "restarted", "server"] {
        fixture.redis(service, &[]);
    }
    let stack = fixture.stack().await;
    docker(&["rm", "-fv", &fixture.name("removed")]);
    docker(&["stop", "-t", "0", &fixture.name("stopped")]);
    docker(&["restart", "-t", "0", &fixture.name("restarted")]);
    for via in [Via::Auto, Via::Netns, Via::Sidecar, Via::Exec, Via::Agent] {
        // What is open is decided when the stack is read; what was read is of another time here.
        let ways = ways(&stack, via).await;
        for (service, said) in [
            ("removed", "cannot look from removed: its container was removed since the stack was read"),
            ("stopped", "cannot look from stopped: its container no longer runs: exited, exit code "),
        ] {
            let refused = ways.open(&vantage(&stack, service), &stack).await.unwrap_err().to_string();
            assert!(refused.starts_with(said), "{via:?} {refused}");
        }
        let session = session(&ways, &stack, "restarted").await;
        let seen = session.look(&request("server", 6379)).await;
        assert_eq!(seen.depth, Depth::Connected, "{via:?} {seen:?}");
        ways.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_another_container_is_never_entered() {
    live!();
    let fixture = Fixture::new();
    fixture.redis("client", &[]);
    fixture.redis("server", &[]);
    let mut stack = fixture.stack().await;
    let stranger = stack.of_service("client").next().unwrap().pid;
    for container in &mut stack.containers {
        if container.service == "server" {
            container.pid = stranger;
        }
    }
    let id = stack.of_service("server").next().unwrap().id[..12].to_owned();
    let blind = Ways::new(None, &stack, Via::Netns, executable()).await.unwrap();
    let refused = blind.open(&vantage(&stack, "server"), &stack).await.unwrap_err().to_string();
    let said = format!("process {stranger} of this machine is not one of container {id}");
    assert_eq!(refused, format!("cannot look from server: {said}; try `--via sidecar`"));
    blind.close().await;
    // Where the engine answers, it says which process it is now.
    let ways = ways(&stack, Via::Netns).await;
    let session = session(&ways, &stack, "server").await;
    assert_eq!(session.way(), "netns");
    ways.close().await;
    // Where none of the containers is of this machine, the way is refused as a whole.
    stack.containers.retain(|container| container.service == "server");
    let refused = Ways::new(None, &stack, Via::Netns, executable()).await.unwrap_err().to_string();
    let help = "run crosscheck as root on the engine's machine, or use `--via sidecar`";
    assert_eq!(refused, format!("cannot enter containers through their namespaces: {said}; {help}"));
}

/// The threads of this process' children that are in a container.
fn threads_of_ours(container: &str) -> Vec<u32> {
    live::enterers(std::process::id()).into_iter().flat_map(|child| live::threads_in(child, container)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_have_no_privileges() {
    live!();
    let fixture = Fixture::new();
    fixture.redis("server", &[]);
    let stack = fixture.stack().await;
    for via in [Via::Netns, Via::Sidecar, Via::Exec, Via::Agent] {
        let ways = ways(&stack, via).await;
        let session = session(&ways, &stack, "server").await;
        let pid = match via {
            Via::Sidecar => live::sidecar_pids(ways.run())[0],
            Via::Exec => live::processes_naming(ways.run())[0],
            // These two look from a thread for each container.
            Via::Agent => live::threads_in(live::sidecar_pids(ways.run())[0], &stack.containers[0].id)[0],
            _ => threads_of_ours(&stack.containers[0].id)[0],
        };
        for (name, value) in [
            ("Uid", "65534\t65534\t65534\t65534"),
            ("Gid", "65534\t65534\t65534\t65534"),
            ("CapInh", "0000000000000000"),
            ("CapPrm", "0000000000000000"),
            ("CapEff", "0000000000000000"),
            ("CapBnd", "0000000000000000"),
            ("CapAmb", "0000000000000000"),
            ("NoNewPrivs", "1"),
        ] {
            // Whoever lacks CAP_SETPCAP keeps the bounding set of its container, and gains nothing by it.
            if name != "CapBnd" || matches!(via, Via::Netns | Via::Sidecar) {
                assert_eq!(status_of(pid, name), value, "{via:?} {name}");
            }
        }
        assert!(["", "65534"].contains(&status_of(pid, "Groups").as_str()), "{via:?} {}", status_of(pid, "Groups"));
        assert_ne!(
            std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap(),
            std::fs::read_link("/proc/self/ns/net").unwrap()
        );
        session.close().await;
        ways.close().await;
        assert!(!live::alive(pid), "{via:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_keeps_its_own_files_and_mounts() {
    live!();
    let fixture = Fixture::new();
    fixture.redis("server", &["--add-host", "only-inside:127.0.0.1"]);
    let stack = fixture.stack().await;
    let read = || ["/etc/hosts", "/etc/resolv.conf", "/proc/self/mountinfo"].map(|path| std::fs::read(path).unwrap());
    let before = read();
    let ways = ways(&stack, Via::Netns).await;
    let session = session(&ways, &stack, "server").await;
    assert_eq!(session.look(&request("only-inside", 6379)).await.depth, Depth::Connected);
    // Containers of other tests come and go: only mounts that name us are ours.
    let ours = |mounts: &[u8]| String::from_utf8_lossy(mounts).lines().filter(|line| line.contains(" /run ")).count();
    let during = read();
    assert_eq!(before[..2], during[..2]);
    assert_eq!(ours(&before[2]), ours(&during[2]));
    let here = ways.open(&Vantage::Host, &stack).await.unwrap();
    assert_eq!(here.way(), "host");
    assert_eq!(here.look(&request("only-inside", 6379)).await.depth, Depth::Nothing);
    ways.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_leaves_nothing_also_while_sessions_are_open() {
    live!();
    let fixture = Fixture::new();
    fixture.redis("server", &[]);
    fixture.redis("silent", &[]);
    let stack = fixture.stack().await;
    for via in [Via::Netns, Via::Sidecar, Via::Exec, Via::Agent] {
        let ways = ways(&stack, via).await;
        let first = session(&ways, &stack, "server").await;
        let second = session(&ways, &stack, "silent").await;
        // A look that takes its time: nobody has this address, and the kernel asks three times who does.
        let request = Request { timeout: Duration::from_secs(30), ..request(&fixture.unused_address(), 9) };
        let started = Instant::now();
        let (seen, ()) = tokio::join!(first.look(&request), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            ways.close().await;
        });
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        assert_eq!(seen.unlooked.as_deref(), Some("the probe ended before it answered"), "{via:?} {seen:?}");
        assert!(second.look(&request).await.unlooked.is_some());
        assert_eq!(live::containers_of(ways.run()), Vec::<String>::new());
        assert_eq!(threads_of_ours(&stack.containers[0].id), Vec::<u32>::new());
        assert_eq!(live::processes_naming(ways.run()), Vec::<u32>::new());
        assert_eq!(live::left_in(&fixture.name("server")), Vec::<String>::new());
        ways.close().await;
        if matches!(via, Via::Sidecar | Via::Exec) {
            let refused = ways.open(&vantage(&stack, "server"), &stack).await.unwrap_err().to_string();
            assert!(refused.contains("the run is over"), "{refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_given_up_while_it_opens_leaves_nothing() {
    live!();
    let fixture = Fixture::new();
    fixture.redis("server", &[]);
    let stack = fixture.stack().await;
    for via in [Via::Sidecar, Via::Exec, Via::Agent] {
        for millis in [1, 20, 60, 120, 200, 400] {
            let ways = ways(&stack, via).await;
            let server = vantage(&stack, "server");
            let opened = tokio::time::timeout(Duration::from_millis(millis), ways.open(&server, &stack)).await;
            drop(opened);
            ways.close().await;
            assert_eq!(live::containers_of(ways.run()), Vec::<String>::new(), "{via:?} {millis} ms");
            assert_eq!(live::processes_naming(ways.run()), Vec::<u32>::new(), "{via:?} {millis} ms");
            assert_eq!(live::left_in(&fixture.name("server")), Vec::<String>::new(), "{via:?} {millis} ms");
        }
    }
}

/// Holds sessions open until it is killed: the other half of the next test, which starts it.
#[tokio::test(flavor = "multi_thread")]
async fn parent_that_will_be_killed() {
    let Some(project) = std::env::var_os("CROSSCHECK_LIVE_PARENT") else { return };
    let stack = live::stack_of(&project.into_string().unwrap()).await;
    let (netns, sidecar) = (ways(&stack, Via::Netns).await, ways(&stack, Via::Sidecar).await);
    let _one = session(&netns, &stack, "server").await;
    let _two = session(&sidecar, &stack, "server").await;
    let (agent, exec) = (ways(&stack, Via::Agent).await, ways(&stack, Via::Exec).await);
    let _three = session(&agent, &stack, "server").await;
    let _four = session(&exec, &stack, "server").await;
    println!("run {} {} {}", sidecar.run(), agent.run(), exec.run());
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_parent_that_is_killed() {
    live!();
    let fixture = Fixture::new();
    fixture.redis("server", &[]);
    let mut parent = live::start_self("parent_that_will_be_killed", &fixture.project);
    let run = live::wait_for_word(&mut parent, "run ");
    let children = live::enterers(parent.id());
    let runs: Vec<_> = run.split(' ').collect();
    let sidecars: Vec<_> = runs.iter().flat_map(|run| live::sidecar_pids(run)).collect();
    let guests = live::processes_naming(runs[2]);
    assert_eq!((children.len(), sidecars.len(), guests.len()), (1, 2, 1));
    let all = [children, sidecars, guests].concat();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let killed = Instant::now();
    while all.iter().any(|&pid| live::alive(pid)) || runs.iter().any(|run| !live::containers_of(run).is_empty()) {
        let left: Vec<_> = all.iter().filter(|&&pid| live::alive(pid)).collect();
        assert!(killed.elapsed() < Duration::from_secs(5), "{left:?} of {all:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(live::left_in(&fixture.name("server")), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_over_and_ours_is_removed() {
    live!();
    let fixture = Fixture::new();
    let long_ago = &["--label", "dev.crosscheck=x", "--label", "dev.crosscheck.expires=1000"];
    let later = &["--label", "dev.crosscheck=x", "--label", "dev.crosscheck.expires=99999999999"];
    fixture.redis("over", long_ago);
    fixture.redis("under-way", later);
    fixture.redis("idle", later);
    docker(&["stop", "-t", "0", &fixture.name("idle")]);
    fixture.redis("stranger", &["--label", "dev.crosscheck.expires=1000"]);
    let engine = Docker::connect_with_local_defaults().unwrap();
    // Another run that begins meanwhile may be the one that removes it.
    crosscheck::vantage::sweep(&engine).await;
    assert_eq!(fixture.left(), ["idle", "stranger", "under-way"]);
    let cleaned = crosscheck::vantage::clean(&engine).await.unwrap();
    assert!(cleaned.containers.contains(&fixture.name("idle")), "{cleaned:?}");
    assert_eq!(fixture.left(), ["stranger", "under-way"]);
}
