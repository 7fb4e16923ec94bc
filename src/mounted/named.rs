//! The files that a container's command and variables name.

use crate::compose::Service;
use crate::derive::command;
use crate::stack::Container;

/// More words of a command than these are not looked at.
const MOST_WORDS: usize = 256;

/// An option or a variable, and the absolute path that it names. A word that is no option's has no name.
pub type Named = (String, String);

/// Everything in a container's command and variables that is an absolute path.
pub fn of(container: &Container) -> Vec<Named> {
    let variables = container.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    among(container.command.iter().map(String::as_str), variables)
}

/// The same in what a compose file says of a service.
pub fn in_declaration(service: &Service) -> Vec<Named> {
    let command = service.entrypoint.iter().chain(&service.command).flatten().map(|word| word.value.as_str());
    let variables = service.environment.iter();
    among(command, variables.filter_map(|(name, value)| Some((name.as_str(), value.value.as_deref()?))))
}

fn among<'a>(
    command: impl Iterator<Item = &'a str>,
    variables: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<Named> {
    let mut found = Vec::new();
    let mut option = String::new();
    let mut shell = false;
    for word in command.flat_map(words).take(MOST_WORDS) {
        let behind_shell = std::mem::replace(&mut shell, command::is_shell(&word));
        if let Some((name, value)) = word.split_once('=').filter(|_| word.starts_with('-')) {
            add(&mut found, without_hyphens(name), value);
            option.clear();
        } else if behind_shell && word.starts_with('-') && word.ends_with('c') {
            // What follows is a script.
            option.clear();
        } else if word.starts_with('-') {
            without_hyphens(&word).clone_into(&mut option);
        } else {
            add(&mut found, &option, &word);
            option.clear();
        }
    }
    for (name, value) in variables {
        add(&mut found, name, value);
    }
    found
}

/// A script in one word has words of its own.
fn words(word: &str) -> Vec<String> {
    if !word.contains(char::is_whitespace) {
        return vec![word.to_owned()];
    }
    let own = word.split(|c: char| c.is_whitespace() || matches!(c, ';' | '"' | '\'' | '(' | ')'));
    own.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn without_hyphens(option: &str) -> &str {
    option.strip_prefix("-D").unwrap_or(option).trim_start_matches('-')
}

fn add(found: &mut Vec<Named>, name: &str, value: &str) {
    for path in value.split([',', ';']) {
        let path = path.trim().trim_matches(['"', '\'']).trim_start_matches("optional:").trim_start_matches("file:");
        let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
        if path.starts_with('/') && !path.contains("://") && path.len() > 1 {
            found.push((name.to_owned(), path.trim_end_matches('/').to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, pairs};

    #[test]
    fn options_and_variables_name_files() {
        for (command, variables, expected) in [
            (&["prometheus", "--config.file=/etc/p.yml", "--web.x=1"][..], &[][..], &["config.file=/etc/p.yml"][..]),
            (&["/loader", "-config", "/etc/l.yaml", "/data"], &[], &["=/loader", "config=/etc/l.yaml", "=/data"]),
            (&["sh", "-c", "cp /a.conf /b.conf && run '/b.conf'"], &[], &["=/a.conf", "=/b.conf", "=/b.conf"]),
            (&["/bin/bash", "-c", "/x/setup.sh -c /a.yml"], &[], &["=/bin/bash", "=/x/setup.sh", "c=/a.yml"]),
            (&["sh", "-ec", "/x.sh; y -C /a.yml"], &[], &["=/x.sh", "C=/a.yml"]),
            (&["nginx", "-c", "/n.conf"], &[], &["c=/n.conf"]),
            (
                &["java", "-Dspring.config.location=file:/x/,optional:file:/y.yml"],
                &[],
                &["spring.config.location=/x", "spring.config.location=/y.yml"],
            ),
            (&[], &[("CONFIG_FILES", "/a.yml,b.yml"), ("URL", "http://x/y"), ("P", "/")], &["CONFIG_FILES=/a.yml"]),
        ] {
            let mut app = container("app", "app");
            app.command = command.iter().map(|&word| word.to_owned()).collect();
            app.environment = pairs(variables);
            let found: Vec<_> = of(&app).into_iter().map(|(name, path)| format!("{name}={path}")).collect();
            assert_eq!(found, expected, "{command:?}");
        }
    }
}
