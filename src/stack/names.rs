//! Whom a name, or an id, means to a whole project.

use std::collections::{BTreeMap, HashMap};

use super::{Container, Stack};

/// The containers of every id and name, by their places in the stack; names in lower case, as resolvers compare them.
#[derive(Debug, Default)]
pub struct Names {
    services: HashMap<String, Vec<usize>>,
    /// Names of containers, and those that networks give.
    others: HashMap<String, Vec<usize>>,
    ids: HashMap<String, usize>,
}

impl Names {
    fn of(containers: &[Container]) -> Self {
        let mut found = Self::default();
        for (at, container) in containers.iter().enumerate() {
            found.ids.insert(container.id.clone(), at);
            found.services.entry(container.service.to_ascii_lowercase()).or_default().push(at);
            for name in container.attachments.iter().flat_map(|it| &it.names).chain([&container.name]) {
                let known = found.others.entry(name.to_ascii_lowercase()).or_default();
                if known.last() != Some(&at) {
                    known.push(at);
                }
            }
        }
        found
    }

    fn get(&self, name: &str) -> &[usize] {
        let name = name.to_ascii_lowercase();
        self.services.get(&name).or_else(|| self.others.get(&name)).map_or(&[], Vec::as_slice)
    }
}

impl Stack {
    /// The container with this engine id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Container> {
        let at = self.by_name.get(|| Names::of(&self.containers)).ids.get(id);
        at.and_then(|&at| self.containers.get(at))
    }

    /// The containers that a name means to the whole project, whether or not the asker can resolve it:
    /// service, container name, network alias. Several for a scaled service.
    #[must_use]
    pub fn named(&self, name: &str) -> Vec<&Container> {
        let name = name.trim_end_matches('.');
        let places = self.by_name.get(|| Names::of(&self.containers)).get(name);
        // The engine's resolver also knows every name with the network's behind it.
        match name.split_once('.') {
            Some((first, network)) if places.is_empty() && self.networks.iter().any(|known| known.name == network) => {
                self.named(first)
            }
            _ => places.iter().filter_map(|&at| self.containers.get(at)).collect(),
        }
    }

    /// Every name that some network of the project gives to a container, with that container.
    #[must_use]
    pub fn names(&self) -> BTreeMap<&str, &Container> {
        let mut names = BTreeMap::new();
        for container in &self.containers {
            names.insert(container.service.as_str(), container);
            for name in container.attachments.iter().flat_map(|at| at.names.iter()) {
                names.entry(name.as_str()).or_insert(container);
            }
        }
        names
    }
}
