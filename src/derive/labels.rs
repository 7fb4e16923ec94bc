//! Connections of proxies that find whom they serve by the labels of other containers, as Traefik does.

use wildmatch::WildMatch;

use super::served::technology;
use super::setting::{self, Setting, Stated};
use super::variable::Environment;
use super::{Connection, vantage};
use crate::catalog::Labels;
use crate::plan::{Origin, OriginKind};
use crate::stack::{Container, Stack};
use crate::target::{Protocol, Target};

/// One connection from each proxy of the stack to each port that a label tells it.
#[must_use]
pub fn derive(stack: &Stack) -> Vec<Connection> {
    let proxies = stack.containers.iter().filter_map(|proxy| Some((proxy, &technology(proxy)?.labels)));
    proxies
        .filter(|(_, labels)| !labels.ports.is_empty() || !labels.addresses.is_empty())
        .flat_map(|(proxy, labels)| of_proxy(stack, proxy, labels))
        .collect()
}

fn of_proxy(stack: &Stack, proxy: &Container, labels: &Labels) -> Vec<Connection> {
    let all = stack.containers.iter().filter(|other| other.number == 1);
    let on = |other: &&Container| match labels.switch.as_ref().and_then(|switch| other.labels.get(switch)) {
        Some(value) => !value.eq_ignore_ascii_case("false"),
        None => !asks_for_a_switch(proxy),
    };
    let all: Vec<_> = all.filter(on).collect();
    // It serves itself without a connection, and may say on itself whom it asks.
    let served = all.iter().filter(|other| other.service != proxy.service);
    let served = served.flat_map(|other| of_server(proxy, other, labels));
    served.chain(all.iter().flat_map(|other| asked(stack, proxy, other, labels))).collect()
}

/// Whom the labels of a container tell the proxy to ask.
fn asked(stack: &Stack, proxy: &Container, other: &Container, labels: &Labels) -> Vec<Connection> {
    let is_one = |name: &str| labels.addresses.iter().any(|pattern| pattern.matches(name));
    let stated = other.labels.iter().filter(|(name, _)| is_one(name)).map(|(name, value)| Stated {
        setting: Setting { name, value, location: None },
        title: name,
        certain: true,
        read_as: None,
        given_by: &[],
    });
    let stated: Vec<_> = stated.collect();
    setting::stated(stack, proxy, &stated, &Environment::new(&[]), OriginKind::Label)
}

/// Whether the proxy's own settings say that only containers that ask for it are served.
fn asks_for_a_switch(proxy: &Container) -> bool {
    let says = |text: &str| text.to_ascii_lowercase().replace([' ', '_'], "").contains("exposedbydefault=false");
    let variable = |(name, value): &(String, String)| says(&format!("{name}={value}"));
    proxy.command.iter().any(|word| says(word)) || proxy.environment.iter().any(variable)
}

fn of_server(proxy: &Container, server: &Container, labels: &Labels) -> Vec<Connection> {
    let told = server.labels.iter().filter_map(|(name, value)| {
        let (_, port) = labels.ports.iter().find(|(pattern, _)| WildMatch::new(pattern).matches(name))?;
        let number = value.trim().parse().ok().filter(|&number: &u16| number > 0)?;
        let scheme = name.strip_suffix(".port").and_then(|stem| server.labels.get(&format!("{stem}.scheme")));
        let protocol = match scheme.map(String::as_str) {
            Some("https") => Protocol::Https,
            Some("h2c") => Protocol::Tcp,
            _ => port.protocol,
        };
        let target = Target::new(protocol, server.service.clone(), number);
        let origin = Origin::new(OriginKind::Label, name.clone(), Some(number.to_string()));
        Some(Connection::new(vantage(proxy), target, origin))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, stack};

    fn of(proxy: &[&str], labels: &[(&str, &str)]) -> Vec<String> {
        let mut traefik = container("traefik", "traefik:v3.1");
        traefik.command = proxy.iter().map(|&word| word.to_owned()).collect();
        let mut app = container("app", "orders:1");
        app.labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let found = derive(&stack([traefik, app, container("db", "postgres:16")]));
        found.into_iter().map(|found| format!("{} -> {}", found.from, found.target)).collect()
    }

    #[test]
    fn a_label_says_where_a_proxy_forwards_to() {
        let port = "traefik.http.services.app.loadbalancer.server.port";
        assert_eq!(of(&[], &[(port, "8080")]), ["traefik -> http://app:8080"]);
        assert_eq!(
            of(&[], &[(port, "8443"), (&port.replace("port", "scheme"), "https")]),
            ["traefik -> https://app:8443"]
        );
        assert_eq!(
            of(&[], &[("traefik.tcp.services.x.loadbalancer.server.port", "5432")]),
            ["traefik -> tcp://app:5432"]
        );
        assert_eq!(
            of(&["--providers.docker.exposedByDefault=false"], &[(port, "80"), ("traefik.enable", "true")]).len(),
            1
        );
    }

    #[test]
    fn a_label_says_whom_a_proxy_asks() {
        let name = "traefik.http.middlewares.login.forwardauth.address";
        for (name, value, expected) in [
            (name, "http://db:9091/verify?rd=x", &["traefik -> http://db:9091"][..]),
            ("traefik.http.middlewares.login.forwardAuth.address", "http://db:9091", &["traefik -> http://db:9091"]),
            (name, "http://traefik:9091", &[]),
            (name, "", &[]),
            ("traefik.http.middlewares.login.redirectregex.replacement", "http://db:9091", &[]),
        ] {
            assert_eq!(of(&[], &[(name, value)]), expected, "{name}={value}");
        }
        let mut traefik = container("traefik", "traefik:v3.1");
        traefik.labels = [(name.to_owned(), "http://db:9091".to_owned())].into();
        assert_eq!(derive(&stack([traefik, container("db", "shop-login")])).len(), 1, "its own label");
        assert!(of(&[], &[(name, "http://db:9091"), ("traefik.enable", "false")]).is_empty());
    }

    #[test]
    fn whoever_is_not_served_is_left_out() {
        let port = "traefik.http.services.app.loadbalancer.server.port";
        assert!(of(&[], &[(port, "8080"), ("traefik.enable", "false")]).is_empty());
        assert!(of(&["--providers.docker.exposedbydefault=false"], &[(port, "8080")]).is_empty());
        assert!(of(&[], &[(port, "{{ .Port }}")]).is_empty());
        assert!(of(&[], &[("traefik.http.routers.app.rule", "Host(`a`)"), ("port", "80")]).is_empty());
    }
}
