//! Folders with the settings of other applications: a config server hands them out, a job loads them somewhere.

use crate::catalog::{FileRule, Reader, catalog};
use crate::derive::served::technology;
use crate::stack::Container;

/// Words that stand beside `config` in the name of such a folder, or of a server that hands it out.
const REPOSITORY: &[&str] = &["cloud", "data", "import", "repo", "repos", "repository", "seed", "server"];

/// Words that mean settings.
const SETTINGS: &[&str] = &["cfg", "config", "configs", "configuration"];

/// Whether a file that a rule knows by its name alone is none that this container reads for itself.
pub fn is_of_others(container: &Container, rule: &FileRule, path: &str, is_mounted_itself: bool) -> bool {
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
