//! Connections whose URL nobody can read for sure, as its password has a character in it that ends that part of a URL. They
//! are no address to look at, and are not left out without a word either.

use super::address::unencoded;
use super::hosts::{self, Place};
use super::{Connection, vantage};
use crate::catalog::catalog;
use crate::plan::{Origin, OriginKind};
use crate::stack::{Container, Stack};
use crate::target::{Protocol, Target};
use crate::text;

/// The setting that says why a connection's address cannot be read.
pub const UNREADABLE: &str = "unreadable";

/// The connection of a variable with such a URL, where it leads to a container of the stack. `understood` says that the
/// value was taken for an address nevertheless.
#[must_use]
pub fn connection(
    stack: &Stack,
    container: &Container,
    (name, value): (&str, &str),
    understood: bool,
) -> Option<Connection> {
    let found = unencoded::find(value, understood)?;
    let place = hosts::place(stack, Some(container), &found.host);
    let ours = matches!(&place, Place::Containers(all) if all.iter().all(|other| other.service != container.service));
    // What seems to be the user may be the host, and what follows it a path.
    if !ours || found.host_perhaps.is_some_and(|name| !stack.named(&name).is_empty()) {
        return None;
    }
    let base = found.scheme.split('+').next().unwrap_or_default();
    let known = catalog().of_scheme(&found.scheme).or_else(|| catalog().of_scheme(base));
    let protocol = known.map_or(Protocol::Tcp, |(technology, _)| technology.protocol());
    let target = Target::new(protocol, found.host, found.port);
    let name = text::line(name, 128);
    let reason = format!(
        "the URL in {name} has a /, ? or # in its password, which some clients read and others do not: write it as %2F, %3F or %23"
    );
    let shown = format!("{base}://***@{}", target.address());
    let origin = Origin::new(OriginKind::Environment, name, Some(shown));
    let settings = vec![(UNREADABLE.into(), reason)];
    Some(Connection { settings, ..Connection::new(vantage(container), target, origin) })
}
