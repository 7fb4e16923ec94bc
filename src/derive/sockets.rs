//! Connections that containers have open, or are trying to open: whoever is connected to a place depends on it, whether or
//! not anything says so.
//!
//! What was seen counts only where it is certain whose it is. The other end must be a container of the stack, or a port that
//! one publishes, and the connection must have been opened from inside. A probe that looks has connections too: sockets are
//! read before anything is looked at from the same place.

mod peer;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::peer::Peer;
use super::outside::is_outside;
use super::served::{beside, served, technology};
use super::unencoded::UNREADABLE;
use super::{Connection, is_one_off, vantage};
use crate::observation::{Opening, Sockets};
use crate::plan::{Expectation, Origin, OriginKind, Published};
use crate::stack::{Container, Stack};
use crate::target::{Protocol, Target, host_and_port};

/// What was seen of network namespaces, by the id of the container that each is of.
pub type Seen = BTreeMap<String, Sockets>;

/// From here on ports are those that a system gives to whoever connects: nobody can say that something is served there who
/// has not seen it listen.
const EPHEMERAL: u16 = 32768;

/// The connections that were seen. What is `known` already is not another one: its new origin has the same client and the same
/// target. With `external`, connections that leave the stack count too, where nothing is known to leave it by the same port.
#[must_use]
pub fn derive(stack: &Stack, known: &[Connection], seen: &Seen, external: bool) -> Vec<Connection> {
    let mut found = Vec::new();
    for (id, sockets) in seen {
        let Some(owner) = stack.by_id(id) else { continue };
        let client = Client::of(stack, owner);
        let openings = sockets.openings.iter().filter_map(|opening| client.connection(opening, known, seen, external));
        found.extend(openings);
    }
    found
}

/// Whether a container is a server that connects to nobody but servers like itself: a store, or one that speaks a protocol of
/// its own. What brokers and replicas say to each other is settled by what they advertise.
#[must_use]
pub fn only_serves(container: &Container) -> bool {
    let plain = [Protocol::Tcp, Protocol::Http, Protocol::Https, Protocol::Grpc];
    technology(container).is_some_and(|known| known.store || !plain.contains(&known.protocol()))
}

/// A network namespace and everybody in it.
struct Client<'a> {
    stack: &'a Stack,
    owner: &'a Container,
    members: Vec<&'a Container>,
}

impl<'a> Client<'a> {
    fn of(stack: &'a Stack, owner: &'a Container) -> Self {
        let members = stack.containers.iter().filter(|other| stack.share_namespace(other, owner)).collect();
        Self { stack, owner, members }
    }

    fn connection(&self, opening: &Opening, known: &[Connection], seen: &Seen, external: bool) -> Option<Connection> {
        let peer = Peer::of(self.stack, self.owner, opening)?;
        if !self.opened(&peer, opening, seen) {
            return None;
        }
        let name = if opening.established { "open connection" } else { "unanswered connection" };
        let place = host_and_port(&opening.address.to_string(), opening.port);
        let origin = Origin::new(OriginKind::Socket, name.into(), Some(format!("to {place}")));
        let own = |known: &&Connection| {
            known.from.container().is_some_and(|id| self.members.iter().any(|member| member.id == id))
        };
        let mut same = known.iter().filter(own).filter(|known| peer.is_of(self.stack, known, opening.port)).peekable();
        if same.peek().is_some() {
            // What must not be, and is, fails by what says so. An address that nobody can read proves nothing of another.
            let readable = |known: &&Connection| known.settings.iter().all(|(name, _)| name != UNREADABLE);
            let told = same.find(|known| known.expect == Expectation::Answers && readable(known))?;
            let target = Target { path: None, ..told.target.clone() };
            return Some(Connection {
                published: told.published.clone(),
                ..Connection::new(told.from.clone(), target, origin)
            });
        }
        // Whose it is of several nobody can say.
        if self.members.len() > 1 || only_serves(self.owner) || is_one_off(self.owner) {
            return None;
        }
        let (target, published) = self.target(&peer, opening, known, external)?;
        Some(Connection { published, ..Connection::new(vantage(self.owner), target, origin) })
    }

    /// Whether the connection was opened from this side: the other one listens, as far as anybody could see.
    fn opened(&self, peer: &Peer, opening: &Opening, seen: &Seen) -> bool {
        let (server, port) = match peer {
            Peer::Container(server) => (server, opening.port),
            Peer::Published(server, port) => (server, *port),
            Peer::Outside(_) => return opening.port < EPHEMERAL,
        };
        let surveyed = seen.get(&self.stack.namespace_owner(server).id);
        let listens = surveyed.map(|there| there.listeners.iter().any(|listener| listener.port == port));
        match (listens, opening.established) {
            (Some(listens), true) => listens,
            (Some(true), false) => true,
            // Whoever is not answered has asked, whether or not anything is there.
            _ => port < EPHEMERAL || super::served::serves(server, port),
        }
    }

    /// Where it leads, as a client would write it that goes by names.
    fn target(
        &self,
        peer: &Peer,
        opening: &Opening,
        known: &[Connection],
        external: bool,
    ) -> Option<(Target, Option<Published>)> {
        let port = opening.port;
        match peer {
            Peer::Container(server) => {
                let host = peer::name(server, opening.address);
                Some((self.spoken(server, port, known, Target::new(Protocol::Tcp, host, port)), None))
            }
            Peer::Published(server, container_port) => {
                let host = peer::name_of_host(self.owner, opening.address);
                let target = self.spoken(server, *container_port, known, Target::new(Protocol::Tcp, host, port));
                let published = Published {
                    container: server.id.clone(),
                    service: server.service.clone(),
                    container_port: *container_port,
                };
                Some((target, Some(published)))
            }
            Peer::Outside(host) => {
                // Most likely it is one of those that are known by name.
                let from = vantage(self.owner);
                let mut known = known.iter().filter(|known| known.from == from && is_outside(self.stack, known));
                let named = known.any(|known| known.target.port == port);
                (external && !named).then(|| (Target::new(Protocol::Tcp, host.clone(), port), None))
            }
        }
    }

    /// What is spoken there: by the server's image, else as others speak to it, else TCP.
    fn spoken(&self, server: &Container, port: u16, known: &[Connection], target: Target) -> Target {
        let neighbours = beside(self.stack, server, port);
        let spoken = served(neighbours.first().copied().unwrap_or(server), port);
        let peer = Peer::Container(server);
        let http = |known: &&Connection| known.target.protocol == Protocol::Http && known.published.is_none();
        let by_others = || known.iter().filter(http).any(|known| peer.is_of(self.stack, known, port));
        let protocol = match spoken.protocol {
            Protocol::Tcp if by_others() => Protocol::Http,
            protocol => protocol,
        };
        Target { protocol, path: spoken.path, ..target }
    }
}
