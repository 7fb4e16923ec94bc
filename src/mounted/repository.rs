//! Files that a rule knows by their names alone, and that this container does not read for itself: folders with the settings of
//! other applications, which a config server hands out or a job loads somewhere, and what is no settings at all.

use wildmatch::WildMatch;

use crate::catalog::{FileRule, Reader, catalog};
use crate::derive::command;
use crate::derive::served::technology;
use crate::stack::Container;

/// Names of files that are mounted beside an application's settings, and are none: what builds and checks it, what describes its
/// interface, what is loaded into it.
const NO_SETTINGS: &[&str] = &[
    "*compose*",
    "*dashboard*",
    "*fixture*",
    "*lint*",
    "*lock*",
    "*openapi*",
    "*realm*",
    "*sample*",
    "*schema*",
    "*seed*",
    "*swagger*",
    "*tsconfig*",
    "manifest*.json",
    "package*.json",
    "pyproject.toml",
];

/// Words that stand beside `config` in the name of such a folder, or of a server that hands it out.
const REPOSITORY: &[&str] = &["cloud", "data", "import", "repo", "repos", "repository", "seed", "server"];

/// Words that mean settings.
const SETTINGS: &[&str] = &["cfg", "config", "configs", "configuration"];

/// Whether a file that a rule knows by its name alone is none that this container reads for itself.
pub fn is_of_others(container: &Container, rule: &FileRule, path: &str, is_mounted_itself: bool) -> bool {
    if rule.reader == Some(Reader::Unknown) {
        return !is_mounted_itself || is_known(container) || is_no_settings(path);
    }
    if rule.reader != Some(Reader::Application) {
        return false;
    }
    let (folder, _) = path.rsplit_once('/').unwrap_or_default();
    // What asks others, or is a store, has no settings of an application.
    let is_none = catalog().program_of_image(&container.image).is_some()
        || technology(container).is_some_and(|known| known.store);
    let serves = || hands_out(&container.service) || hands_out(container.image.rsplit('/').next().unwrap_or_default());
    is_none || folder.split('/').any(hands_out) || (!is_mounted_itself && serves())
}

/// Whether it is known which files a container reads.
fn is_known(container: &Container) -> bool {
    technology(container).is_some()
        || catalog().program_of_image(&container.image).is_some()
        || command::runs_tools_alone(container)
}

fn is_no_settings(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    NO_SETTINGS.iter().any(|glob| WildMatch::new(glob).matches(&name))
}

/// Whether a name says that settings are kept there for others.
fn hands_out(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words: Vec<_> = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let two = words.iter().any(|word| SETTINGS.contains(word)) && words.iter().any(|word| REPOSITORY.contains(word));
    let glued = || {
        SETTINGS.iter().any(|settings| {
            REPOSITORY.iter().any(|other| words.iter().any(|word| word.strip_prefix(settings) == Some(other)))
        })
    };
    two || glued()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_builds_or_describes_an_application_is_no_setting_of_it() {
        for (path, expected) in [
            ("/app/package.json", true),
            ("/app/docker-compose.dev.yml", true),
            ("/srv/OpenAPI.yaml", true),
            ("/import/shop-realm.json", true),
            ("/config/config.yml", false),
            ("/etc/shop/shop.toml", false),
            ("/app/packages.yml", false),
        ] {
            assert_eq!(is_no_settings(path), expected, "{path}");
        }
    }

    #[test]
    fn folders_of_settings_for_others_are_known_by_their_names() {
        for (name, expected) in [
            ("config-repo", true),
            ("spring-cloud-config", true),
            ("configserver", true),
            ("cloud_config_data", true),
            ("config-server:2", true),
            ("config", false),
            ("configs", false),
            ("app-config", false),
            ("orders-server", false),
            ("repository", false),
        ] {
            assert_eq!(hands_out(name), expected, "{name}");
        }
    }
}
