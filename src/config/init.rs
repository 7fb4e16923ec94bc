//! A `crosscheck.yaml` to start from: what was found stands in its comments, and examples with the stack's own names.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::NAMES;
use crate::compose::Project;
use crate::plan::{Check, Expectation, Vantage};
use crate::stack::Stack;
use crate::target::Protocol;
use crate::text;

/// Where the schema of the file is, so that editors complete it.
const SCHEMA: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/raw/main/schema/config.schema.json");
/// How many connections are listed.
const MOST_LISTED: usize = 200;

/// The text of the file. Everything that would change what is checked is a comment.
#[must_use]
pub fn text(stack: &Stack, checks: &[Check]) -> String {
    let mut out = format!(
        "# yaml-language-server: $schema={SCHEMA}\n#\n\
         # What crosscheck cannot see by itself. It has found {} already, which are checked without this file:\n#\n",
        text::count(checks.len(), "connection")
    );
    let rows: Vec<_> = checks.iter().take(MOST_LISTED).map(row).collect();
    let width = |of: fn(&[String; 3]) -> &String| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (from, to) = (width(|row| &row[0]), width(|row| &row[1]));
    for [client, target, origin] in &rows {
        let _ = writeln!(out, "{}", format!("#   {client:from$} -> {target:to$}  {origin}").trim_end());
    }
    if checks.len() > MOST_LISTED {
        let _ = writeln!(out, "#   and {} more: crosscheck plan", checks.len() - MOST_LISTED);
    }
    out.push_str(&expect(stack, checks));
    out.push_str(SILENCE);
    out
}

fn row(check: &Check) -> [String; 3] {
    let origin = check.origins.first();
    let name = origin.map(|origin| origin.name.clone()).unwrap_or_default();
    let place = origin.and_then(|origin| origin.location.as_ref());
    let place = place.map(|at| format!(", {}:{}", at.file, at.line)).unwrap_or_default();
    let shown = |words: &str| text::line(words, 160);
    [shown(&check.from.to_string()), shown(&check.shown_target()), shown(&format!("{name}{place}"))]
}

/// Examples of what may be expected, with names of this stack where it has any that fit.
fn expect(stack: &Stack, checks: &[Check]) -> String {
    let answers = |check: &&Check| check.expect == Expectation::Answers;
    let inside = |check: &&Check| matches!(check.from, Vantage::Container { .. });
    let of = |protocols: &[Protocol]| {
        checks.iter().filter(answers).find(|check| inside(check) && protocols.contains(&check.target.protocol))
    };
    let first = checks.iter().filter(answers).find(inside);
    let (client, target) = first.map_or_else(
        || ("app".to_owned(), "kafka://kafka:9092".to_owned()),
        |check| (check.from.identity(), check.shown_target()),
    );
    let (asker, page) = of(&[Protocol::Http, Protocol::Https]).map_or_else(
        || ("host".to_owned(), "http://localhost:8080/health".to_owned()),
        |check| {
            let base = check.target.address();
            (check.from.identity(), format!("{}://{base}/health", check.target.protocol.scheme()))
        },
    );
    let stores = [Protocol::Mysql, Protocol::Postgres, Protocol::Redis, Protocol::Mongodb];
    let store = of(&stores).map_or_else(|| "mysql://mysql:3306".to_owned(), Check::shown_target);
    let network = stack.networks.first().map_or("default", |network| network.key.as_deref().unwrap_or(&network.name));
    let quoted = |name: &str| text::line(name, 160);
    let (client, target, asker, page) = (quoted(&client), quoted(&target), quoted(&asker), quoted(&page));
    let (store, network) = (quoted(&store), quoted(network));
    format!(
        "
# Connections that must work or must not, beside those above.
expect:
#  - {client} -> {target}
#  - from: {asker}                     # host, a service, one of its containers (app#2), network:NAME
#    to: {page}
#    because: the load balancer asks it
#    status: 2xx
#    json: {{ /status: UP }}
#    within: 500ms
#  - from: network:{network}
#    not: {store}
"
    )
}

const SILENCE: &str = "
# What is known and does not count. It is still shown, as silenced.
silence:
#  - rule: kafka-topic-missing        # crosscheck explain lists the rules
#    reason: the first producer makes it
#    until: 2027-01-31

# The time for each check.
# timeout: 2s

# Hosts outside the stack are looked at only with this.
# external: true

# Folders with technologies of your own.
# technologies: ./technologies
";

/// Writes the file: as it is named, else beside the compose file. One that is there stays as it is.
///
/// # Errors
/// When it is there already, or cannot be written.
pub fn write(named: Option<&Path>, project: Option<&Project>, text: &str) -> anyhow::Result<PathBuf> {
    let beside = || project.map(|project| project.directory.clone()).unwrap_or_default().join(NAMES[0]);
    let path = named.map_or_else(beside, Path::to_owned);
    let shown = text::line(&path.display().to_string(), 300);
    let folder = path.parent().unwrap_or(Path::new(""));
    let other = NAMES.iter().map(|name| folder.join(name)).find(|other| named.is_none() && other.exists());
    if let Some(other) = other.or_else(|| path.exists().then(|| path.clone())) {
        let other = text::line(&other.display().to_string(), 300);
        anyhow::bail!("{other} is there already and stays as it is: `crosscheck init -` prints what would be written");
    }
    let created = OpenOptions::new().write(true).create_new(true).open(&path);
    created
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| anyhow::anyhow!("{shown} cannot be written: {}", text::io_error(&error)))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{check, container, stack};
    use crate::stack::surroundings::Surroundings;

    /// What the reader makes of a text.
    fn read(text: &str) -> crate::config::Config {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NAMES[0]), text).unwrap();
        let around = Surroundings { directory: folder.path().to_owned(), ..Surroundings::default() };
        crate::config::read(None, &around.directory, None, &around).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_changes_nothing_until_it_is_used() {
        let stack = stack([container("web", "any:1"), container("db", "mysql:9"), container("api", "any:1")]);
        let from = |service: &str| crate::derive::vantage(stack.of_service(service).next().unwrap());
        let checks = [check(from("web"), Protocol::Http, "api", 8080), check(from("api"), Protocol::Mysql, "db", 3306)];
        for checks in [&checks[..], &[]] {
            let text = text(&stack, checks);
            let config = read(&text);
            assert!(config.expect.is_empty() && config.silence.is_empty() && config.timeout.is_none());
            assert!(!text.contains('\t'));
        }
        let text = text(&stack, &checks);
        for line in [
            "#   web -> http://api:8080  URL",
            "#  - web -> http://api:8080",
            "#    to: http://api:8080/health",
            "#    not: mysql://db:3306",
            "#  - from: network:default",
        ] {
            assert!(text.lines().any(|known| known.starts_with(line)), "{line}\n{text}");
        }
    }

    #[test]
    fn its_examples_hold_once_their_marks_are_taken_away() {
        let stack = stack([container("web", "any:1")]);
        let text = text(&stack, &[]);
        let plain: Vec<_> = text
            .lines()
            .filter_map(|line| match line {
                "expect:" | "silence:" => Some(line),
                line if line.starts_with("#  ") && !line.starts_with("#   ") || line.starts_with("#    ") => {
                    Some(&line[1..])
                }
                "# timeout: 2s" | "# external: true" => Some(&line[2..]),
                _ => None,
            })
            .collect();
        let config = read(&plain.join("\n"));
        assert_eq!((config.expect.len(), config.silence.len(), config.external), (3, 1, true), "{plain:#?}");
    }

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.yaml");
        assert_eq!(write(Some(&path), None, "a").unwrap(), path);
        let error = write(Some(&path), None, "b").unwrap_err().to_string();
        assert!(error.contains("is there already and stays as it is"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a");
        let project = Project { directory: folder.path().to_owned(), ..Project::default() };
        assert_eq!(write(None, Some(&project), "a").unwrap(), folder.path().join("crosscheck.yaml"));
        std::fs::rename(folder.path().join("crosscheck.yaml"), folder.path().join("crosscheck.yml")).unwrap();
        assert!(write(None, Some(&project), "b").is_err(), "the other name counts too");
    }
}
