//! Files whose place in the container says by itself what reads them: `/etc/nginx/conf.d/shop.conf` is nginx', whatever the image
//! is called that was built for it.

use std::path::Path;

use super::mounts::Mounts;
use super::named::Named;
use super::paths;
use crate::catalog::{FileRule, Technology, catalog};
use crate::derive::command;
use crate::stack::{Container, Stack};

/// The rules that fit what is mounted into a container of an image that nobody knows, each with the paths of its files.
///
/// Who only handles the files of another container (a reloader, an exporter, an init container) has none.
pub fn of(
    stack: &Stack,
    container: &Container,
    mounts: &Mounts,
    named: &[Named],
) -> Vec<(&'static FileRule, Vec<String>)> {
    let known =
        catalog().of_image(&container.image).is_some() || catalog().program_of_image(&container.image).is_some();
    if known || command::runs_tools_alone(container) {
        return Vec::new();
    }
    let technologies = catalog().technologies().iter().filter(|technology| !technology.images.is_empty());
    let rules = technologies.flat_map(|technology| technology.files.iter().map(move |rule| (technology, rule)));
    let fitting = rules.filter_map(|(technology, rule)| {
        let mut found = paths::telling(rule, mounts, named);
        found.retain(|path| !is_for_another(stack, container, technology, path));
        (!found.is_empty()).then_some((rule, found))
    });
    fitting.collect()
}

/// Whether another container has the same file and is rather the one of this technology: by its image, by a name, or because it
/// alone is reached from outside.
fn is_for_another(stack: &Stack, container: &Container, technology: &Technology, path: &str) -> bool {
    let own = likeness(container, technology);
    let rather = |other: &Container| match likeness(other, technology) {
        0 => own == 0 && container.wanted_ports.is_empty() && !other.wanted_ports.is_empty(),
        likeness => likeness > own,
    };
    let here = |other: &Container| {
        let mut mounts = container.mounts.iter().filter(|mount| Path::new(path).starts_with(&mount.destination));
        mounts.any(|mount| other.mounts.contains(mount))
    };
    stack.containers.iter().any(|other| rather(other) && here(other))
}

/// How much a container looks like one of a technology: by its image, by a name, or not at all.
fn likeness(container: &Container, technology: &Technology) -> u8 {
    if let Some(known) = catalog().of_image(&container.image) {
        return if known.id == technology.id { 2 } else { 0 };
    }
    let names = [container.service.as_str(), container.image.rsplit('/').next().unwrap_or_default()];
    u8::from(names.iter().any(|name| name.to_ascii_lowercase().contains(&technology.id)))
}
