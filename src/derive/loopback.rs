//! Whether `localhost` in a variable of a container is a connection that crosscheck should look at.
//!
//! It is the most frequent fault of all, and the most frequent false alarm: links for browsers, servers that name
//! themselves, and defaults of features that nobody uses look the same.

use super::address::{Address, Form};
use super::asked::Asked;
use super::served::{beside, serves, technology};
use super::variable::Variable;
use crate::catalog::{Role, variable_name};
use crate::stack::Container;
use crate::target::host_and_port;

/// Words of services that are web front ends: their settings are for browsers.
const FRONT_ENDS: &str = "\
    angular client console dashboard front frontend gui next nextjs nuxt portal react site spa svelte ui vite vue \
    web webapp webclient website webui www";

/// Images that hand files to browsers.
const FILE_SERVERS: &[&str] = &["nginx", "httpd", "caddy"];

/// Images that send requests to whatever they are told, and follow no links.
const LOAD_GENERATORS: &str = "load-generators";

/// Words of services that ask what others only link to: tests, and proxies.
const ASKING: &str = "\
    bff bench cypress e2e gateway ingress k6 lighthouse load locust nginx playwright prerender proxy selenium smoke test \
    tester tests";

/// Variables that say on which port the container itself listens.
const OWN_PORT: &[&str] =
    &["PORT", "SERVER_PORT", "APP_PORT", "HTTP_PORT", "LISTEN_PORT", "API_PORT", "ASPNETCORE_HTTP_PORTS"];

impl Asked<'_> {
    /// Whether `localhost:port`, or a name that `extra_hosts` gives the loopback, is meant to be the server of somebody else.
    pub(super) fn loopback_counts(&self, address: &Address, port: u16, http: bool) -> bool {
        if self.known.is_some_and(|known| known.role == Role::Peer) {
            return false;
        }
        let bare = matches!(address.form, Form::HostPort | Form::Host);
        // `extra_hosts` says that a service is here.
        let named = self.stack.named(&address.host);
        if !named.is_empty() {
            return !named.iter().any(|other| other.service == self.container.service)
                && (!bare || self.means_port_of(&named, address, port));
        }
        let beside = !beside(self.stack, self.container, port).is_empty();
        if bare && !self.certain && self.known.is_none() && !(beside && self.variable.says_address()) {
            return false;
        }
        if !beside && self.own(port) {
            return false;
        }
        if self.certain {
            return beside || !self.own_by_settings(&address.host, port);
        }
        if http {
            return (beside || (self.others(port) && !self.is_of_the_server(port)))
                && !self.own_by_settings(&address.host, port)
                && (self.is_load_generator() || !self.is_for_people());
        }
        // A URL or `host:port` was written on purpose; a bare `localhost` is the default of many a settings file, used or not.
        address.form != Form::Host || beside || self.others(port)
    }

    /// Whether this container serves the port, or one in the same network namespace may do so for it.
    fn own(&self, port: u16) -> bool {
        let here =
            |other: &&Container| other.id == self.container.id || self.stack.share_namespace(other, self.container);
        self.stack.containers.iter().filter(here).any(|container| serves(container, port))
    }

    /// Whether another service serves the port, in its container or on the host, or is what the variable means.
    fn others(&self, port: u16) -> bool {
        let others = self.stack.containers.iter().filter(|other| other.service != self.container.service);
        let mut elsewhere = others.filter(|other| !self.stack.share_namespace(other, self.container));
        elsewhere.any(|other| {
            let published = other.ports.iter().chain(&other.wanted_ports).any(|known| known.host_port == Some(port));
            let meant =
                self.known.is_some_and(|known| technology(other).is_some_and(|it| it.id == known.technology.id));
            published || meant || serves(other, port)
        })
    }

    /// Whether the service that is published at the port has the very same setting: it says where people find that service.
    fn is_of_the_server(&self, port: u16) -> bool {
        let Some(value) = self.environment.get(&self.variable.name) else { return false };
        let publishes = |other: &&Container| {
            let mut published = other.ports.iter().chain(&other.wanted_ports);
            published.any(|known| known.host_port == Some(port))
        };
        let same = |(name, own): &(String, String)| own == value && variable_name(name) == self.variable.name;
        let others = self.stack.containers.iter().filter(|other| other.service != self.container.service);
        others.filter(publishes).any(|other| other.environment.iter().any(same))
    }

    /// Whether the container's settings or command say that it listens there itself.
    fn own_by_settings(&self, host: &str, port: u16) -> bool {
        let url = format!("://{}", host_and_port(host, port));
        let port = port.to_string();
        let named = |text: &str| text.split(|c: char| !c.is_ascii_digit()).any(|number| number == port);
        let listens = |text: &str| text.contains("listen") || text.contains("bind");
        // The command may hold the very URL that is asked about, which says nothing, and `wait-for-it db:5432` names the port
        // of another.
        let asks = |text: &str| text.contains(&url) && !listens(text) && !named(&text.replace(&url, ""));
        let of_another = |word: &str| {
            let host = word.split("://").last().and_then(|rest| rest.split(':').next()).unwrap_or_default();
            !self.stack.named(host).is_empty()
        };
        let says = |argument: &String| {
            !asks(argument) && argument.split_whitespace().any(|word| named(word) && !of_another(word))
        };
        OWN_PORT.iter().filter_map(|name| self.environment.get(name)).any(|value| value == port)
            || self.container.command.iter().any(says)
    }

    fn is_load_generator(&self) -> bool {
        technology(self.container).is_some_and(|known| known.id == LOAD_GENERATORS)
    }

    /// Whether the variable, or everything in this container, is for browsers.
    pub(super) fn is_for_people(&self) -> bool {
        self.variable.is_followed(self.known.is_some_and(|known| known.exact)) || self.is_front_end()
    }

    /// Whether a URL of a service is there for people by the variable's name, and nobody asks it from this container.
    pub(super) fn is_link(&self) -> bool {
        let listed = self.known.is_some_and(|known| known.exact);
        let asks = || self.is_load_generator() || self.is_called(ASKING);
        !self.certain && !listed && (self.variable.is_link() || (self.variable.is_application_link() && !asks()))
    }

    /// Whether one of these words stands in the service's name.
    fn is_called(&self, names: &str) -> bool {
        let service = self.container.service.to_ascii_lowercase();
        let mut words = service.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| names.split_ascii_whitespace().any(|known| known == word))
    }

    fn is_front_end(&self) -> bool {
        let service = self.container.service.to_ascii_lowercase();
        let mut words = service.split(|c: char| !c.is_ascii_alphanumeric());
        self.is_called(FRONT_ENDS)
            || words.any(|word| word.ends_with("frontend"))
            || self.environment.iter().any(|(name, _)| Variable::new(name).is_for_browsers())
            || technology(self.container).is_some_and(|known| FILE_SERVERS.contains(&known.id.as_str()))
    }
}

#[cfg(test)]
#[path = "loopback_tests.rs"]
mod tests;
