//! Where in the user's files stands what asks for a connection.
//!
//! The running stack says what a container was given; the files say where that is written. A place is told only where the two
//! agree: a file that was changed since says nothing of what runs.

use std::collections::BTreeSet;
use std::path::Path;

use super::Connection;
use crate::compose::source::{Place, Sources};
use crate::compose::{Placed, Project, Service};
use crate::plan::{Location, OriginKind};
use crate::stack::{Container, Stack};

/// Adds to origins their places. `here` is the working folder, from which files in it are named.
pub fn add(connections: &mut [Connection], stack: &Stack, project: &Project, here: &Path) {
    let unknown = |connection: &&mut Connection| connection.origin.location.is_none();
    for connection in connections.iter_mut().filter(unknown) {
        let place = match connection.origin.kind {
            OriginKind::Environment => of_variable(connection, stack, project),
            OriginKind::Command => of_command(connection, stack, project),
            OriginKind::Healthcheck => of_healthcheck(connection, stack, project),
            OriginKind::Published => of_port(connection, project),
            OriginKind::Label => of_label(connection, project),
            OriginKind::DependsOn => of_dependency(connection, project),
            OriginKind::Default => client(connection, project).map(|client| client.place),
            _ => None,
        };
        connection.origin.location = place.map(|place| location(&project.sources, place, here));
    }
}

/// Where the settings of a service stand that a text names: `KAFKA_ADVERTISED_LISTENERS` in what was seen of a broker.
#[must_use]
pub fn named(project: &Project, stack: &Stack, service: &str, text: &str, here: &Path) -> Vec<Location> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let words: BTreeSet<_> = text.split(|c| !is_word(c)).map(|word| word.trim_end_matches(['.', '-'])).collect();
    // A short word is as likely one of the sentence.
    let is_name = |name: &str| name.contains(['_', '.']) && words.contains(name);
    let Some(declared) = project.services.get(service) else { return Vec::new() };
    let names = declared.environment.keys().filter(|name| is_name(name));
    let place = |name: &String| stack.of_service(service).find_map(|it| declared_variable(declared, it, name));
    let mut places: Vec<_> = names.filter_map(place).collect();
    places.sort();
    places.dedup();
    places.into_iter().map(|place| location(&project.sources, place, here)).collect()
}

/// Where the address stands in a variable's value, or else the value.
fn of_variable(connection: &Connection, stack: &Stack, project: &Project) -> Option<Place> {
    let client = stack.by_id(connection.from.container()?)?;
    let declared = declared_variable(project.services.get(&client.service)?, client, &connection.origin.name)?;
    let address = connection.target.address();
    // Of several settings in one variable, behind the names of this one.
    let (_, setting) = connection.origin.name.split_once(' ').unwrap_or_default();
    let narrow = |word: &str| {
        let narrowed = project.sources.narrow(declared, word);
        let among = || project.sources.behind(declared, setting.split('.'), word).filter(|_| !setting.is_empty());
        if narrowed == declared { among() } else { Some(narrowed) }
    };
    Some(narrow(&address).or_else(|| narrow(&connection.target.host)).unwrap_or(declared))
}

/// Where a variable is declared with the very value that the container has.
fn declared_variable(service: &Service, container: &Container, name: &str) -> Option<Place> {
    // A variable that holds several settings comes first, then the setting's own name.
    let name = name.split(' ').next()?;
    let declared = service.environment.get(name)?;
    (declared.value.as_deref() == container.variable(name)).then_some(declared.place)
}

/// Where the address stands in the words of the entrypoint or of the command.
fn of_command(connection: &Connection, stack: &Stack, project: &Project) -> Option<Place> {
    let client = stack.by_id(connection.from.container()?)?;
    let service = project.services.get(&client.service)?;
    let words = service.entrypoint.iter().chain(&service.command).flatten();
    of_words(connection, words.filter(|word| client.command.contains(&word.value)), project)
}

/// Where the address stands in the words of the healthcheck.
fn of_healthcheck(connection: &Connection, stack: &Stack, project: &Project) -> Option<Place> {
    let client = stack.by_id(connection.from.container()?)?;
    let words = project.services.get(&client.service)?.healthcheck.iter();
    of_words(connection, words.filter(|word| client.healthcheck.contains(&word.value)), project)
}

/// Where the address first stands in one of these words, or else the host.
fn of_words<'a>(
    connection: &Connection,
    words: impl Iterator<Item = &'a Placed<String>>,
    project: &Project,
) -> Option<Place> {
    let words: Vec<_> = words.collect();
    let (address, host) = (connection.target.address(), &connection.target.host);
    let shapes = [address, format!("//{host}"), format!("@{host}"), host.clone()];
    // What a word does not hold does not stand at its place, whatever else does: one line can be several words.
    let find = |counts: &dyn Fn(&str) -> bool| {
        shapes.iter().find_map(|shape| {
            let mut places = words.iter().filter(|word| word.value.contains(shape.as_str()));
            let mark = shape.trim_start_matches(['/', '@']);
            places.find_map(|word| {
                let found = project.sources.first_behind(word.place, shape, counts)?;
                Some(Place { column: found.column + (shape.len() - mark.len()), ..found })
            })
        })
    };
    find(&|before| !is_said(before)).or_else(|| find(&|_| true))
}

/// Whether what a script says next on this line is told to people alone: a comment, or the words of `echo`.
pub(super) fn is_said(before: &str) -> bool {
    let command = before.rsplit([';', '|', '&', '(', ')']).next().unwrap_or_default();
    let mut words = command.split_whitespace().map(|word| word.trim_matches(['"', '\'', '[', ',']));
    words.any(|word| matches!(word, "echo" | "printf")) || before.trim_start().starts_with('#') || before.contains(" #")
}

/// Where a published port is declared.
fn of_port(connection: &Connection, project: &Project) -> Option<Place> {
    let published = connection.published.as_ref()?;
    let service = project.services.get(&published.service)?;
    let mut ports = service.ports.iter().filter(|port| port.tcp && port.target == published.container_port);
    let same = |declared: Option<u16>| declared.is_none_or(|declared| declared == connection.target.port);
    Some(ports.find(|port| same(port.published))?.place)
}

/// The service that a connection starts at.
fn client<'a>(connection: &Connection, project: &'a Project) -> Option<&'a Service> {
    project.services.get(&connection.from.identity())
}

/// Where a label of the server is declared, or of whoever else has it.
fn of_label(connection: &Connection, project: &Project) -> Option<Place> {
    let server = project.services.get(&connection.target.host);
    let mut all = server.into_iter().chain(project.services.values());
    Some(all.find_map(|service| service.labels.get(&connection.origin.name))?.place)
}

/// Where a service is named as one to wait for.
fn of_dependency(connection: &Connection, project: &Project) -> Option<Place> {
    Some(client(connection, project)?.depends_on.get(&connection.target.host)?.place)
}

/// A place as it is shown: its file from the folder `here`, where it lies in it.
#[must_use]
pub fn location(sources: &Sources, place: Place, here: &Path) -> Location {
    let path = sources.path(place);
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Location {
        file: path.strip_prefix(here).unwrap_or(path).display().to_string(),
        line: number(place.line),
        column: number(place.column),
        end_line: number(place.end_line),
        end_column: number(place.end_column),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Set, as_stack, read};
    use crate::derive;

    const COMPOSE: &str = "\
services:
  app:
    image: orders:1
    environment:
      KAFKA_BROKERS: kafka:9092,kafka2:9092
      JAVA_TOOL_OPTIONS: -Xmx1g -Dspring.data.redis.host=cache
    depends_on: [db]
    ports: ['8080:80']
  kafka: {image: 'apache/kafka:4', environment: {KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka:9092'}}
  kafka2: {image: 'apache/kafka:4'}
  cache: {image: 'redis:7'}
  db: {image: 'postgres:16'}
";

    fn project() -> Project {
        let set = Set { files: vec!["/shop/c.yaml".into()], directory: "/shop".into(), variables: [].into() };
        read(&set, &[], &|_| Ok(COMPOSE.to_owned())).unwrap()
    }

    #[test]
    fn every_origin_has_its_place() {
        let project = project();
        let stack = as_stack(&project, "shop");
        let shown = |found: Connection| {
            let at = found.origin.location.map(|at| format!("{}:{}:{}", at.file, at.line, at.column));
            format!("{} {}", found.target, at.unwrap_or_default())
        };
        let found: Vec<_> =
            derive::all(&stack, Some(&project), &[], Path::new("/shop")).into_iter().map(shown).collect();
        assert_eq!(
            found,
            [
                "kafka://kafka:9092 c.yaml:5:22",
                "kafka://kafka2:9092 c.yaml:5:33",
                "redis://cache:6379 c.yaml:6:58",
                "tcp://127.0.0.1:8080 c.yaml:8:13",
                "postgres://db:5432 c.yaml:7:18",
            ]
        );
    }

    #[test]
    fn in_a_script_the_place_is_where_a_program_is_told() {
        for (script, expected) in [
            ("nc -z db 5432\n      echo db:5432", (8, 13)),
            ("echo waiting for db:5432\n      nc -z db 5432", (9, 13)),
            ("# db:5432 first\n      psql -h db -p 5432", (9, 15)),
            ("true # db:5432\n      psql postgres://u@db:5432/x", (9, 25)),
            ("echo db:5432 && psql postgres://u@db:5432/x", (8, 41)),
            ("printf 'db:5432'; nc -z db 5432", (8, 31)),
        ] {
            let compose = format!(
                "services:\n  db: {{image: 'postgres:16'}}\n  app:\n    image: orders:1\n    entrypoint: [sh, -c]\n\
                 \x20   command:\n    - |\n      {script}\n"
            );
            let set = Set { files: vec!["/shop/c.yaml".into()], directory: "/shop".into(), variables: [].into() };
            let project = read(&set, &[], &|_| Ok(compose.clone())).unwrap();
            let stack = as_stack(&project, "shop");
            let found = derive::all(&stack, Some(&project), &[], Path::new("/shop"));
            let places: Vec<_> =
                found.iter().filter_map(|it| it.origin.location.as_ref()).map(|at| (at.line, at.column)).collect();
            assert_eq!(places, [expected], "{script}");
        }
    }

    #[test]
    fn of_several_settings_in_one_variable_each_has_its_place() {
        let compose = "\
services:
  app:
    image: orders:1
    environment:
      SPRING_APPLICATION_JSON: |
        {\"spring\": {\"kafka\": {
          \"bootstrap-servers\": \"kafka:9092\"
        }, \"cloud\": {\"stream\": {\"kafka\": {\"binder\": {
          \"brokers\": \"kafka:9092\"
        }}}}}}
  kafka: {image: 'apache/kafka:4'}
";
        let set = Set { files: vec!["/shop/c.yaml".into()], directory: "/shop".into(), variables: [].into() };
        let project = read(&set, &[], &|_| Ok(compose.to_owned())).unwrap();
        let found = derive::all(&as_stack(&project, "shop"), Some(&project), &[], Path::new("/shop"));
        let mut places: Vec<_> =
            found.iter().filter_map(|it| it.origin.location.as_ref()).map(|at| (at.line, at.column)).collect();
        places.sort_unstable();
        assert_eq!(places, [(7, 33), (9, 23)]);
    }

    #[test]
    fn what_runs_otherwise_than_it_is_declared_has_no_place() {
        let project = project();
        let mut stack = as_stack(&project, "shop");
        let here = Path::new("/");
        let text = "kafka sets KAFKA_ADVERTISED_LISTENERS: x, and not KAFKA";
        let lines = |stack: &Stack| {
            named(&project, stack, "kafka", text, here).into_iter().map(|at| at.line).collect::<Vec<_>>()
        };
        assert_eq!(lines(&stack), [9]);
        assert!(named(&project, &stack, "app", text, here).is_empty());
        for container in &mut stack.containers {
            container.environment.iter_mut().for_each(|(_, value)| *value = value.replace("kafka", "other"));
        }
        assert!(lines(&stack).is_empty());
        let found = derive::all(&stack, Some(&project), &[], here);
        let brokers = found.iter().filter(|found| found.origin.name == "KAFKA_BROKERS");
        assert!(brokers.clone().count() > 0 && brokers.clone().all(|found| found.origin.location.is_none()));
    }
}
