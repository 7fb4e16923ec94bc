//! A healthcheck that is content with the server that MySQL's images run only to fill an empty volume.
//!
//! The entrypoints of these images start the server without TCP first, create accounts and databases, stop it and start
//! the real one. A look over the socket finds that first server.

use super::{Cause, Facts, Rule};
use crate::derive::served::technology;
use crate::stack::{Container, Stack};

/// Somebody waits for a healthcheck that looks over the socket.
pub const RULE: Rule = Rule::new("mysql-healthcheck-passes-early", |_, _| None).inspecting(inspect);

/// Images that are known to start a server without TCP first.
const IMAGES: &[&str] = &["mysql", "mariadb", "percona", "percona/percona-server", "mysql/mysql-server"];

/// Programs that look, and what they must be told to do for this to be a look.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("mysqladmin", &["ping", "status"]),
    ("mariadb-admin", &["ping", "status"]),
    ("mysql", &["-e", "--execute"]),
    ("mariadb", &["-e", "--execute"]),
];

/// Options that may lead elsewhere, in files or in the words that follow: with them nothing is claimed.
const ELSEWHERE: &[&str] = &["--defaults", "--login-path", "--protocol", "-P", "--port", "--pipe", "-S", "--socket"];

fn inspect(facts: &Facts) -> Vec<Cause> {
    let servers = facts.stack.containers.iter().filter(|container| passes_early(container));
    servers.filter_map(|server| told(&facts.stack, server)).collect()
}

fn told(stack: &Stack, server: &Container) -> Option<Cause> {
    let waits = |container: &&Container| {
        let mut needed = container.depends_on.iter();
        needed.any(|dependency| dependency.service == server.service && dependency.condition == "service_healthy")
    };
    let mut waiting: Vec<_> = stack.containers.iter().filter(waits).map(|client| client.service.clone()).collect();
    waiting.dedup();
    let first = waiting.first()?;
    let name = &server.service;
    // The rest of the words may hold a password.
    let program = words(server)?.first()?.rsplit('/').next().unwrap_or_default().to_owned();
    Some(Cause {
        subject: name.clone(),
        service: Some(name.clone()),
        message: format!(
            "the healthcheck of {name} passes while an empty volume is still being filled, and {first} waits for it"
        ),
        evidence: vec![
            format!(
                "the healthcheck of {name} runs {program} without a host other than localhost, which is the socket"
            ),
            format!("waiting for it to be healthy: {}", crate::text::list(&waiting)),
        ],
        help: format!(
            "let the healthcheck of {name} connect as clients do: add -h 127.0.0.1 to it, where the first server does not listen"
        ),
    })
}

/// Whether the healthcheck surely passes on a server that only its socket leads to.
fn passes_early(container: &Container) -> bool {
    let image = || technology(container).is_some() && IMAGES.contains(&repository(&container.image));
    // Its client programs take a host from here, and from files that are mounted.
    let told_elsewhere = container.variable("MYSQL_HOST").is_some()
        || container.mounts.iter().any(|mount| {
            ["/etc/mysql", "/etc/my.cnf", "/root", "/usr/etc", "/etc/my.cnf.d"]
                .iter()
                .any(|place| mount.destination.starts_with(place))
        });
    let content = container.health.as_ref().is_some_and(|health| health.status != "unhealthy");
    content && !told_elsewhere && image() && words(container).is_some_and(|words| is_over_the_socket(&words))
}

/// An image's name without registry, `library/`, tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let image = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    };
    let name = match image.split_once('/') {
        Some((registry, rest)) if registry.contains(['.', ':']) || registry == "localhost" => rest,
        _ => image,
    };
    name.strip_prefix("library/").unwrap_or(name)
}

/// The words of the one command that the healthcheck runs; `None` where it is more than that.
fn words(container: &Container) -> Option<Vec<String>> {
    let (kind, rest) = container.healthcheck.split_first()?;
    match (kind.as_str(), rest) {
        ("CMD", [shell, flag, command])
            if matches!(shell.as_str(), "sh" | "bash" | "/bin/sh" | "/bin/bash") && flag == "-c" =>
        {
            simple(command)
        }
        ("CMD", words) => Some(words.to_vec()),
        ("CMD-SHELL", [command]) => simple(command),
        _ => None,
    }
}

/// A line for the shell, where it is one command, its output perhaps thrown away and its failure perhaps renamed.
fn simple(command: &str) -> Option<Vec<String>> {
    let command = command.trim();
    let command =
        ["|| exit 1", "||exit 1", "|| exit"].iter().find_map(|end| command.strip_suffix(end)).unwrap_or(command);
    let mut words = Vec::new();
    for word in command.split_ascii_whitespace() {
        let thrown = matches!(
            word,
            ">" | ">>" | "2>" | "&>" | "/dev/null" | "2>&1" | ">/dev/null" | "2>/dev/null" | "&>/dev/null"
        );
        if !thrown {
            words.push(word.trim_matches(['"', '\'']).to_owned());
        }
    }
    let plain = !command.contains(['|', ';', '`', '(', '<', '\n']) && !command.contains("&&");
    plain.then_some(words)
}

/// Whether these words look over the socket: no host, or `localhost`, which these programs take for the socket.
fn is_over_the_socket(words: &[String]) -> bool {
    let Some((program, options)) = words.split_first() else { return false };
    let program = program.rsplit('/').next().unwrap_or_default();
    let Some((_, tasks)) = PROGRAMS.iter().find(|(name, _)| *name == program) else { return false };
    let looks = options
        .iter()
        .any(|word| tasks.iter().any(|task| word == task || (task.starts_with('-') && word.starts_with(task))));
    let elsewhere = options.iter().any(|word| ELSEWHERE.iter().any(|option| word.starts_with(option)));
    let mut hosts = Vec::new();
    let mut rest = options.iter().map(String::as_str);
    while let Some(word) = rest.next() {
        if word == "-h" || word == "--host" {
            hosts.push(rest.next().unwrap_or_default());
        } else if let Some(host) = word.strip_prefix("--host=").or_else(|| word.strip_prefix("-h")) {
            hosts.push(host);
        }
    }
    looks && !elsewhere && hosts.iter().all(|host| host.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{Dependency, Health, Mount};

    fn server(image: &str, test: &[&str]) -> Container {
        Container {
            service: "db".into(),
            image: image.into(),
            healthcheck: test.iter().map(|&word| word.into()).collect(),
            health: Some(Health { status: "healthy".into(), ..Health::default() }),
            ..Container::default()
        }
    }

    #[test]
    fn a_look_over_the_socket_is_told_from_one_over_tcp() {
        for (test, early) in [
            (&["CMD", "mysqladmin", "ping"][..], true),
            (&["CMD", "mysqladmin", "ping", "-h", "localhost"], true),
            (&["CMD", "mysqladmin", "ping", "-hlocalhost", "-uroot", "-psecret"], true),
            (&["CMD", "mysqladmin", "--host=localhost", "ping"], true),
            (&["CMD-SHELL", "mysqladmin ping -h \"localhost\" --silent || exit 1"], true),
            (&["CMD-SHELL", "mysqladmin ping > /dev/null 2>&1"], true),
            (&["CMD", "bash", "-c", "mysql -uroot -psecret -e 'SELECT 1'"], true),
            (&["CMD", "/usr/bin/mysqladmin", "ping"], true),
            (&["CMD", "mysqladmin", "ping", "-h", "127.0.0.1"], false),
            (&["CMD", "mysqladmin", "ping", "--host=db"], false),
            (&["CMD", "mysqladmin", "ping", "--protocol=tcp"], false),
            (&["CMD", "mysqladmin", "ping", "-P", "3306"], false),
            (&["CMD-SHELL", "mysqladmin ping -h $$HOSTNAME"], false),
            (&["CMD-SHELL", "mysqladmin ping && nc -z 127.0.0.1 3306"], false),
            (&["CMD-SHELL", "mysqladmin ping || nc -z 127.0.0.1 3306"], false),
            (&["CMD-SHELL", "mysqladmin --defaults-file=/my.cnf ping"], false),
            (&["CMD", "healthcheck.sh", "--connect", "--innodb_initialized"], false),
            (&["CMD", "mysqladmin", "version"], false),
            (&["CMD"], false),
            (&["NONE"], false),
            (&[], false),
        ] {
            assert_eq!(passes_early(&server("mysql:9", test)), early, "{test:?}");
        }
    }

    #[test]
    fn only_images_that_fill_a_volume_so_count_and_only_where_somebody_waits() {
        let test = ["CMD", "mysqladmin", "ping"];
        for (image, early) in [
            ("mysql", true),
            ("mysql:8.4@sha256:00", true),
            ("docker.io/library/mariadb:11", true),
            ("registry.example:5000/library/mysql:9", true),
            ("bitnami/mysql:8", false),
            ("example/mysql:8", false),
            ("redis:7", false),
        ] {
            assert_eq!(passes_early(&server(image, &test)), early, "{image}");
        }
        let mut named = server("mysql", &test);
        named.environment = vec![("MYSQL_HOST".into(), "127.0.0.1".into())];
        let mut configured = server("mysql", &test);
        configured.mounts = vec![Mount { destination: "/etc/mysql/conf.d".into(), ..Mount::default() }];
        let mut unhealthy = server("mysql", &test);
        unhealthy.health = Some(Health { status: "unhealthy".into(), ..Health::default() });
        for other in [named, configured, unhealthy] {
            assert!(!passes_early(&other), "{other:?}");
        }
        let depends = |condition: &str| {
            let on = Dependency { service: "db".into(), condition: condition.into() };
            let app = Container { service: "app".into(), depends_on: vec![on], ..Container::default() };
            let stack = Stack { containers: vec![app, server("mysql", &test)], ..Stack::default() };
            inspect(&Facts { stack, ..Facts::default() }).len()
        };
        assert_eq!((depends("service_healthy"), depends("service_started")), (1, 0));
    }
}
