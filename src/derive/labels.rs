//! Connections of proxies that find whom they serve by the labels of other containers, as Traefik does.

use std::collections::{BTreeMap, BTreeSet};

use wildmatch::WildMatch;

use super::served::{self, technology};
use super::setting::{self, Setting, Stated};
use super::variable::Environment;
use super::{Connection, vantage};
use crate::catalog::{Labels, Port};
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
        let port = said(&labels.ports, name)?;
        let number = value.trim().parse().ok().filter(|&number: &u16| number > 0)?;
        let scheme = name.strip_suffix(".port").and_then(|stem| server.labels.get(&format!("{stem}.scheme")));
        Some(forwarded(proxy, server, name, (spoken(scheme, port.protocol), number)))
    });
    let told: Vec<_> = told.collect();
    // Who is told nothing takes the lowest port.
    let says = |name: &String| said(&labels.ports, name).is_some() || name.ends_with(".server.url");
    if server.labels.keys().any(says) { told } else { at_lowest(proxy, server, labels).into_iter().collect() }
}

/// What a proxy forwards to a container of which no label says the port.
fn at_lowest(proxy: &Container, server: &Container, labels: &Labels) -> Option<Connection> {
    // `traefik.http.routers.NAME.service`: what is served elsewhere is no business of this container.
    let elsewhere = |name: &str| {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let service = server.labels.get(&format!("{stem}.service"));
        service.is_some_and(|service| service.contains('@') && !service.ends_with("@docker"))
    };
    let mut routers = server.labels.keys().filter_map(|name| Some((name, said(&labels.routers, name)?.protocol)));
    let router = routers.find(|(name, _)| !elsewhere(name));
    // A container that asks to be served, and says nothing else, is served by its name.
    let switched_on = || {
        let (family, _) = labels.switch.as_ref()?.split_once('.')?;
        let mut own = server.labels.iter().filter(|(name, _)| name.split('.').next() == Some(family));
        let (name, value) = own.next().filter(|_| own.next().is_none())?;
        let asks = labels.switch.as_ref() == Some(name) && value.eq_ignore_ascii_case("true");
        asks.then_some((name, Protocol::Http))
    };
    let (name, protocol) = router.or_else(switched_on)?;
    let port = lowest_port(server)?;
    // Another program than HTTP's is served at that port by mistake, or is not what listens there.
    let known = served::known_port(server, port).map(|port| port.protocol);
    let is_web = known.is_none_or(|known| matches!(known, Protocol::Http | Protocol::Https));
    let scheme = server.labels.iter().find(|(name, _)| name.ends_with(".loadbalancer.server.scheme"));
    let spoken = spoken(scheme.map(|(_, value)| value), protocol);
    (protocol != Protocol::Http || is_web).then(|| forwarded(proxy, server, name, (spoken, port)))
}

/// The lowest port that a container exposes or publishes, where it is certain: with what its image exposes, or the only one.
fn lowest_port(server: &Container) -> Option<u16> {
    let published = server.ports.iter().chain(&server.wanted_ports).map(|port| port.container_port);
    let mut ports: BTreeSet<_> = server.exposed.iter().copied().chain(published).collect();
    match technology(server) {
        Some(known) if !known.ports.is_empty() => {
            let lowest = known.ports.keys().next().copied();
            let of_image = known.default_port.filter(|port| lowest == Some(*port));
            let is_known = of_image.is_some() || ports.len() == 1;
            ports.extend(of_image);
            ports.first().copied().filter(|_| is_known)
        }
        _ => ports.first().copied().filter(|_| ports.len() == 1),
    }
}

/// The port that one of these patterns says something of.
fn said<'a>(patterns: &'a BTreeMap<String, Port>, name: &str) -> Option<&'a Port> {
    patterns.iter().find(|(pattern, _)| WildMatch::new(pattern).matches(name)).map(|(_, port)| port)
}

/// What is spoken where a label says a scheme.
fn spoken(scheme: Option<&String>, otherwise: Protocol) -> Protocol {
    match scheme.map(String::as_str) {
        Some("https") => Protocol::Https,
        Some("h2c") => Protocol::Tcp,
        _ => otherwise,
    }
}

fn forwarded(proxy: &Container, server: &Container, label: &str, (protocol, port): (Protocol, u16)) -> Connection {
    let target = Target::new(protocol, server.service.clone(), port);
    let origin = Origin::new(OriginKind::Label, label.to_owned(), Some(port.to_string()));
    Connection::new(vantage(proxy), target, origin)
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
    fn who_is_told_no_port_takes_the_lowest() {
        let rule = "traefik.http.routers.x.rule";
        let on = ("traefik.enable", "true");
        let host = (rule, "Host(`a`)");
        for (image, exposed, labels, expected) in [
            ("nginx:1.27", &[][..], &[host][..], Some("http://app:80")),
            ("nginx:1.27", &[3000], &[host], Some("http://app:80")),
            ("grafana/grafana", &[], &[on], Some("http://app:3000")),
            ("orders:1", &[8080], &[on, host], Some("http://app:8080")),
            ("orders:1", &[8080, 9000], &[on, host], None),
            ("orders:1", &[], &[on, host], None),
            ("orders:1", &[8080], &[on, ("traefik.http.middlewares.x.compress", "true")], None),
            ("orders:1", &[8080], &[("traefik.enable", "false"), host], None),
            ("orders:1", &[8080], &[host, ("traefik.http.routers.x.service", "api@internal")], None),
            ("orders:1", &[8080], &[host, ("traefik.http.services.y.loadbalancer.server.port", "x")], None),
            (
                "orders:1",
                &[8443],
                &[host, ("traefik.http.services.y.loadbalancer.server.scheme", "https")],
                Some("https://app:8443"),
            ),
            ("orders:1", &[5432], &[("traefik.tcp.routers.x.rule", "HostSNI(`*`)")], Some("tcp://app:5432")),
            // RabbitMQ exposes others below those that clients use.
            ("rabbitmq:4-management", &[], &[on, host], None),
            ("mysql:8", &[], &[on, host], None),
            ("orders:1", &[8080], &[("com.example.rule", "x")], None),
        ] {
            let mut app = container("app", image);
            app.exposed = exposed.to_vec();
            app.labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
            let found = derive(&stack([container("traefik", "traefik:v3.1"), app]));
            let found: Vec<_> = found.iter().map(|found| found.target.to_string()).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{image} {exposed:?} {labels:?}");
        }
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
