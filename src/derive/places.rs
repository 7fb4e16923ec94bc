//! Where in the user's files stands what asks for a connection.
//!
//! The running stack says what a container was given; the files say where that is written. A place is told only where the two
//! agree: a file that was changed since says nothing of what runs.

use std::path::Path;

use super::Connection;
use crate::compose::source::Place;
use crate::compose::{Project, Service};
use crate::plan::{Location, OriginKind};
use crate::stack::{Container, Stack};

/// Adds to origins their places. `here` is the working folder, from which files in it are named.
pub fn add(connections: &mut [Connection], stack: &Stack, project: &Project, here: &Path) {
    let unknown = |connection: &&mut Connection| connection.origin.location.is_none();
    for connection in connections.iter_mut().filter(unknown) {
        let place = match connection.origin.kind {
            OriginKind::Environment => of_variable(connection, stack, project),
            OriginKind::Published => of_port(connection, project),
            OriginKind::Label => of_label(connection, project),
            OriginKind::DependsOn => of_dependency(connection, project),
            OriginKind::Default => client(connection, project).map(|client| client.place),
            _ => None,
        };
        connection.origin.location = place.map(|place| location(project, place, here));
    }
}

/// Where the address stands in a variable's value, or else the value.
fn of_variable(connection: &Connection, stack: &Stack, project: &Project) -> Option<Place> {
    let client = stack.by_id(connection.from.container()?)?;
    let declared = declared_variable(project.services.get(&client.service)?, client, &connection.origin.name)?;
    let address = connection.target.address();
    let narrowed = project.sources.narrow(declared, &address);
    Some(if narrowed == declared { project.sources.narrow(declared, &connection.target.host) } else { narrowed })
}

/// Where a variable is declared with the very value that the container has.
fn declared_variable(service: &Service, container: &Container, name: &str) -> Option<Place> {
    // A variable that holds several settings comes first, then the setting's own name.
    let name = name.split(' ').next()?;
    let declared = service.environment.get(name)?;
    (declared.value.as_deref() == container.variable(name)).then_some(declared.place)
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

/// Where a label of the server is declared.
fn of_label(connection: &Connection, project: &Project) -> Option<Place> {
    Some(project.services.get(&connection.target.host)?.labels.get(&connection.origin.name)?.place)
}

/// Where a service is named as one to wait for.
fn of_dependency(connection: &Connection, project: &Project) -> Option<Place> {
    Some(client(connection, project)?.depends_on.get(&connection.target.host)?.place)
}

fn location(project: &Project, place: Place, here: &Path) -> Location {
    let path = project.sources.path(place);
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Location {
        file: path.strip_prefix(here).unwrap_or(path).display().to_string(),
        line: number(place.line),
        column: number(place.column),
    }
}
