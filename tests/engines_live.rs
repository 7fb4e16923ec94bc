//! Engines other than the local present one: behind SSH, behind TLS, elsewhere, and gone while we look.
//! `CROSSCHECK_LIVE=1` runs them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engines;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use engines::files::Files;
use engines::{OldEngine, Podman, Sshd, Stack, command, crosscheck, eventually, stderr, verdicts, wait_until};

macro_rules! live {
    () => {
        if std::env::var_os("CROSSCHECK_LIVE").is_none() {
            eprintln!("left out: set CROSSCHECK_LIVE=1 to run it on a Docker engine");
            return;
        }
    };
}

#[test]
fn an_engine_behind_ssh_is_like_any_other() {
    live!();
    if !Sshd::is_there() {
        return;
    }
    let (stack, sshd) = (Stack::up("ssh", None, &[]), Sshd::start(""));
    let arguments = ["-p", &stack.project, "--format", "json"];
    let here = verdicts(&eventually(0, || crosscheck().args(arguments).output().unwrap()));
    // The published port may be bound for one family or for both.
    assert!((2..=3).contains(&here.len()) && here.values().all(|(verdict, _)| verdict == "pass"), "{here:?}");
    for host in [sshd.address(), "ssh://alias".to_owned(), format!("{}/var/run/docker.sock", sshd.address())] {
        if host.contains("docker.sock") && std::env::var_os("DOCKER_HOST").is_some() {
            continue;
        }
        for via in ["netns", "sidecar"] {
            // Where its trunk does not take a connection at once, `ssh` logs in by itself: on a busy machine that is no fault.
            let once = || {
                let before = sshd.logins();
                let output = sshd.crosscheck(&host).args(arguments).args(["--via", via]).output().unwrap();
                assert_eq!(verdicts(&output), here, "{host} {via} {}", stderr(&output));
                sshd.leaves_nothing();
                sshd.logins() - before == 1
            };
            assert!(once() || once() || once(), "one login carries all: {host} {via}\n{}", sshd.log());
        }
    }
    assert!(stack.ours().is_empty());
}

#[test]
fn more_containers_than_one_login_carries() {
    live!();
    if !Sshd::is_there() {
        return;
    }
    let stack = Stack::up("ssh-many", None, &[]);
    assert!(stack.compose(&["up", "-d", "--scale", "app=12"]).status.success());
    let sshd = Sshd::start("");
    let arguments = ["-p", &stack.project, "--format", "json", "--via", "sidecar"];
    let seen = eventually(0, || sshd.crosscheck(&sshd.address()).args(arguments).output().unwrap());
    // Twelve clients, and the published port for one family or both.
    let passed = String::from_utf8(seen.stdout).unwrap().matches(r#""verdict": "pass""#).count();
    assert!((13..=14).contains(&passed), "{passed}");
    sshd.leaves_nothing();
    assert!(stack.ours().is_empty());
}

#[test]
fn nothing_is_left_of_ssh_after_a_kill() {
    live!();
    if !Sshd::is_there() {
        return;
    }
    let (stack, sshd) = (Stack::up("ssh-kill", None, &["--profile", "slow"]), Sshd::start(""));
    let mut run = sshd
        .crosscheck(&sshd.address())
        .args(["-p", &stack.project, "--via", "sidecar", "--timeout", "30s"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(Duration::from_secs(60), "no sidecar is made", || !stack.ours().is_empty());
    run.kill().unwrap();
    run.wait().unwrap();
    sshd.leaves_nothing();
    wait_until(Duration::from_secs(5), "a sidecar is left", || stack.ours().is_empty());
}

#[test]
fn what_keeps_ssh_from_the_engine_is_said() {
    live!();
    if !Sshd::is_there() {
        return;
    }
    let sshd = Sshd::start("");
    let failed = format!("crosscheck: SSH to the engine at {} (from DOCKER_HOST) failed: ", sshd.address());
    let says = |sshd: &Sshd, reason: &str, help: &str| {
        let error = sshd.error();
        assert!(error.contains(&format!("failed: {reason}; ")) && error.contains(help), "{error}");
    };
    sshd.knows("nothing");
    assert_eq!(
        sshd.error(),
        format!(
            "{failed}its host key is not known here; log in once with `ssh -p {} 127.0.0.1` and compare the key's fingerprint",
            sshd.port
        )
    );
    sshd.knows("other");
    says(&sshd, "its host key is not the one that is known here", "ssh-keygen -R '[127.0.0.1]:");
    sshd.knows("host");
    sshd.uses("other");
    says(&sshd, "it refuses our key", "ssh-add");
    says(
        &Sshd::start("ForceCommand PATH=/nowhere; eval \"$SSH_ORIGINAL_COMMAND\""),
        "there is no `docker` on the other side",
        "install",
    );
    says(
        &Sshd::start("ForceCommand env DOCKER_HOST=unix:///nowhere.sock $SSH_ORIGINAL_COMMAND"),
        "no engine runs on the other side",
        "start Docker there",
    );
    if std::env::var_os("DOCKER_HOST").is_none() {
        let nobody = "ForceCommand setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/ $SSH_ORIGINAL_COMMAND";
        says(&Sshd::start(nobody), "its user may not use the engine there", "group docker");
    }
    // A server that says more than it should, before the engine does.
    let error = Sshd::start("ForceCommand echo hello; exec $SSH_ORIGINAL_COMMAND").error();
    assert!(error.contains("it does not speak HTTP"), "{error}");
}

#[test]
fn nobody_answers_ssh() {
    live!();
    if !Sshd::is_there() {
        return;
    }
    let mut sshd = Sshd::start("");
    // It takes the connection and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    sshd.port = silent.local_addr().unwrap().port();
    let error = sshd.error();
    assert!(error.contains("failed: ") && error.to_lowercase().contains("timed out"), "{error}");
    drop(silent);
    let error = sshd.error();
    assert!(error.contains("Connection refused"), "{error}");
}

/// Makes an authority and what it signed, with dates in days from now, and gives the folder.
fn certificates(folder: &Path, name: &str, days: i32) -> String {
    let folder = folder.join(name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("server.ext"), "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n").unwrap();
    std::fs::write(folder.join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    let script = format!(
        "set -e; key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
        openssl req -x509 $key -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=authority
        for who in server client; do
            openssl req $key -keyout $who-key.pem -out $who.csr -subj /CN=$who
            openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days {days} -extfile $who.ext -out $who-cert.pem
        done
        cp client-cert.pem cert.pem; cp client-key.pem key.pem"
    );
    let made = command("sh").args(["-c", &script]).current_dir(&folder).output().unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
    folder.display().to_string()
}

#[test]
fn an_engine_behind_tls() {
    live!();
    let Some(engine) = OldEngine::get() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [good, stranger, expired] =
        [("good", 2), ("stranger", 2), ("expired", -1)].map(|(name, days)| certificates(folder.path(), name, days));
    let serve = |from: &str, authority: &str| {
        let option = |name: &str, file: &str| format!("--tls{name}={file}");
        let (cert, key) = (format!("{from}/server-cert.pem"), format!("{from}/server-key.pem"));
        let options = [
            "--host=tcp://127.0.0.1:23760".to_owned(),
            "--tlsverify".to_owned(),
            option("cacert", &format!("{authority}/ca.pem")),
            option("cert", &cert),
            option("key", &key),
        ];
        OldEngine::tell(&[&["resume"], &options.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat());
    };
    serve(&good, &good);
    let stack = Stack::up("tls", Some(engine.host()), &[]);
    let run = |variables: &[(&str, &str)]| {
        let arguments = ["-p", &stack.project, "--format", "json"];
        OldEngine::crosscheck(&[&[("DOCKER_HOST", "tcp://127.0.0.1:23760")], variables].concat(), &arguments)
            .output()
            .unwrap()
    };
    let with = |folder: &str| run(&[("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", folder)]);
    let passed = verdicts(&eventually(0, || with(&good)));
    assert_eq!(passed.values().filter(|(verdict, _)| verdict == "pass").count(), 2, "{passed:?}");

    // A context keeps the same files under other names.
    let settings = folder.path().join("settings").display().to_string();
    let endpoint = format!("host=tcp://127.0.0.1:23760,ca={good}/ca.pem,cert={good}/cert.pem,key={good}/key.pem");
    let made = command("docker")
        .args(["--config", &settings, "context", "create", "far", "--docker", &endpoint])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
    let by_context = run(&[("DOCKER_HOST", ""), ("DOCKER_CONTEXT", "far"), ("DOCKER_CONFIG", &settings)]);
    assert_eq!(verdicts(&by_context), passed);

    let says = |output: &std::process::Output, words: &[&str]| {
        let error = stderr(output);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    };
    let failed = "TLS with the engine at tcp://127.0.0.1:23760";
    says(&run(&[]), &[failed, "it speaks TLS only; set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"]);
    says(
        &with(&stranger),
        &[failed, "its certificate is signed by an authority that is not known here", "/stranger/ca.pem"],
    );
    std::fs::copy(format!("{good}/ca.pem"), format!("{stranger}/ca.pem")).unwrap();
    says(&with(&stranger), &[failed, "it does not accept our certificate", "/stranger/cert.pem"]);
    std::fs::remove_file(format!("{stranger}/cert.pem")).unwrap();
    says(&with(&stranger), &["/stranger/cert.pem", "no such file"]);
    std::fs::remove_file(format!("{stranger}/key.pem")).unwrap();
    says(&with(&stranger), &[failed, "it does not accept our certificate, or wants one and there is none"]);
    for (file, from) in [("cert.pem", &expired), ("key.pem", &expired)] {
        std::fs::copy(format!("{from}/{file}"), format!("{stranger}/{file}")).unwrap();
    }
    serve(&good, &expired);
    says(&with(&stranger), &[failed, "it does not accept our certificate"]);
    serve(&expired, &good);
    std::fs::copy(format!("{expired}/ca.pem"), format!("{good}/ca.pem")).unwrap();
    says(&with(&good), &[failed, "its certificate has expired; renew the engine's certificate"]);
    OldEngine::tell(&["resume"]);
}

/// Whom the clients of a stack connect to, as files say that lie in a volume, in an image, or where it was brought up.
fn all_files(files: &Files, run: impl Fn() -> Command) -> Vec<String> {
    let origins = files.origins(run());
    let ids: Vec<_> = origins.keys().map(String::as_str).collect();
    assert_eq!(ids, ["bound -> cache:6379", "image -> cache:6379", "volume -> cache:6379"]);
    assert!(origins.values().all(|(kind, _)| kind == "file"), "{origins:?}");
    origins.into_iter().filter(|(_, (_, file))| file.is_some()).map(|(id, _)| id).collect()
}

#[test]
fn files_that_lie_in_containers_alone_are_read_through_the_engine() {
    live!();
    let files = Files::up("files", None);
    assert_eq!(all_files(&files, crosscheck), ["bound -> cache:6379"], "what lies here has its place");
    if Sshd::is_there() {
        let sshd = Sshd::start("");
        all_files(&files, || sshd.crosscheck(&sshd.address()));
        sshd.leaves_nothing();
    }
}

#[test]
fn files_of_an_engine_elsewhere_are_read_through_it() {
    live!();
    let Some(engine) = OldEngine::get() else { return };
    let files = Files::up("files-elsewhere", Some(engine.host()));
    assert!(all_files(&files, crosscheck).is_empty(), "what is called the same here is another file");
}

#[test]
fn the_processes_and_ports_of_an_engine_elsewhere_are_never_taken_for_ours() {
    live!();
    let Some(engine) = OldEngine::get() else { return };
    let stack = Stack::up("elsewhere", Some(engine.host()), &[]);
    let run = |via: &str| {
        let arguments = ["-p", &stack.project, "--format", "json", "--via", via];
        crosscheck().args(arguments).env("DOCKER_HOST", engine.host()).output().unwrap()
    };
    let app = || verdicts(&run("auto")).get("app -> cache:6379").cloned().unwrap_or_default();
    wait_until(Duration::from_secs(60), "the client does not reach its server", || app().0 == "pass");
    // Its ports are not this machine's: they are looked at from where they are.
    let output = run("auto");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let seen = verdicts(&output);
    assert!(seen.keys().any(|id| id.starts_with("engine -> ")), "{seen:?}");
    assert!(!seen.keys().any(|id| id.starts_with("host -> ")), "{seen:?}");
    let refused = stderr(&run("netns"));
    assert!(
        refused.contains("cannot enter containers through their namespaces") && refused.contains("process "),
        "{refused}"
    );
    assert!(stack.ours().is_empty());
}

/// The engine ends, or restarts, in the middle of a run by this way.
fn in_the_middle(via: &str, restart: bool) {
    let Some(engine) = OldEngine::get() else { return };
    let stack = Stack::up(&format!("gone-{via}"), Some(engine.host()), &["--profile", "slow"]);
    let arguments = ["-p", &stack.project, "--format", "json", "--via", via, "--timeout", "500ms"];
    eventually(1, || OldEngine::crosscheck(&[], &arguments).output().unwrap());
    let arguments = ["-p", &stack.project, "--format", "json", "--via", via, "--timeout", "8s"];
    let started = Instant::now();
    let run = OldEngine::crosscheck(&[], &arguments).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(4));
    OldEngine::tell(&[if restart { "resume" } else { "halt" }]);
    let output = run.wait_with_output().unwrap();
    let took = started.elapsed();
    OldEngine::tell(&["resume"]);
    assert!(took < Duration::from_secs(90), "{took:?}");
    assert_eq!(output.status.code(), Some(2), "{} {}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    let found = verdicts(&output);
    assert!(found.values().all(|(verdict, _)| verdict != "fail"), "{found:?}");
    let (verdict, reason) = &found["late -> slow:7000"];
    assert_eq!(verdict, "inconclusive");
    // An engine that restarts may be away, or back already, when it is asked again.
    let whys = ["slow was started, stopped or removed", "would not", "the probe ended before it answered"];
    let whys = if restart { &whys[..] } else { &whys[1..] };
    assert!(whys.iter().any(|why| reason.contains(why)), "{reason}");
    eprintln!("{via}, restart {restart}: {took:?}, {reason}");
    // What could not be taken away while the engine was gone, the engine took away, or the next run does.
    wait_until(Duration::from_secs(30), "a sidecar is left", || stack.ours().is_empty());
}

#[test]
fn an_engine_that_goes_while_we_look_fails_nobody() {
    live!();
    in_the_middle("netns", false);
    in_the_middle("sidecar", false);
}

#[test]
fn an_engine_that_restarts_while_we_look_fails_nobody() {
    live!();
    in_the_middle("netns", true);
    in_the_middle("sidecar", true);
}

#[test]
fn podman_is_an_engine_too() {
    live!();
    let Some(podman) = Podman::start() else { return };
    let stack = Stack::up("podman", Some(podman.host()), &["--profile", "podman"]);
    let report = |via: &str| podman.crosscheck(&["-p", &stack.project, "--format", "json", "--via", via]);
    eventually(1, || report("netns"));
    for via in ["netns", "sidecar"] {
        let output = report(via);
        let found = verdicts(&output).into_iter();
        let found: Vec<_> = found.map(|(id, (verdict, reason))| format!("{id} {verdict}{reason}")).collect();
        let wanted = [
            "app -> cache:6379 pass",
            "host -> cache:6379 (published) pass",
            "user -> cache:7001 pass",
            "user -> cache:9 fail",
            "user -> nobody:7001 fail",
        ];
        assert_eq!(found, wanted, "{via} {}", stderr(&output));
        let report = String::from_utf8(output.stdout).unwrap();
        assert!(report.contains("unknown-host-name") && report.contains("connection-refused"), "{report}");
    }
    wait_until(Duration::from_secs(10), "a sidecar is left", || stack.ours().is_empty());
}
