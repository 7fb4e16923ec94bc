//! How a Kafka client connects, as the variables beside its bootstrap variable say.
//!
//! Clients spell the same properties in many ways; what they share is a prefix. Only what surely belongs together is
//! paired, since a wrong pair would be a false alarm.

use super::variable::{Environment, Variable};
use crate::plan::{Credentials, Security, Tls};

/// Bootstrap variables whose properties have another prefix than the variable itself.
const FAMILIES: &[(&str, &[&str])] = &[
    ("SPRING_KAFKA_BOOTSTRAP", &["SPRING_KAFKA_PROPERTIES_", "SPRING_KAFKA_"]),
    (
        "SPRING_CLOUD_STREAM_KAFKA_BINDER_",
        &["SPRING_CLOUD_STREAM_KAFKA_BINDER_CONFIGURATION_", "SPRING_KAFKA_PROPERTIES_", "SPRING_KAFKA_"],
    ),
    ("SCHEMA_REGISTRY_KAFKASTORE_", &["SCHEMA_REGISTRY_KAFKASTORE_"]),
    ("CONNECT_BOOTSTRAP", &["CONNECT_"]),
    ("KSQL_BOOTSTRAP", &["KSQL_"]),
    ("KAFKA_REST_BOOTSTRAP", &["KAFKA_REST_CLIENT_"]),
    ("CONTROL_CENTER_BOOTSTRAP", &["CONTROL_CENTER_STREAMS_"]),
];

/// Words in names of properties that are of another client in the same container than the one that is meant.
const OTHERS: &[&str] = &[
    "ADMIN",
    "CONFLUENT",
    "CONSUMER",
    "DESTINATION",
    "INTER",
    "INTERCEPTOR",
    "LISTENER",
    "METRICS",
    "PRODUCER",
    "REPLICATOR",
    "REPORTER",
    "SOURCE",
    "STREAMS",
    "TARGET",
];

/// How the property with the password is called.
const PASSWORDS: &[&str] = &["SASL_PASSWORD", "SASL_PLAIN_PASSWORD", "PASSWORD"];

/// What is known of how a client connects.
#[derive(Debug, Default)]
pub struct Found {
    /// TLS and SASL.
    pub security: Security,
    /// Its login.
    pub credentials: Option<Credentials>,
    /// The file in its container that holds the authorities that it trusts.
    pub authorities: Option<String>,
    /// The variable that says whether it speaks TLS and SASL.
    pub protocol_variable: Option<String>,
    /// The variable that says which SASL mechanism.
    pub mechanism_variable: Option<String>,
    /// The variable that holds the password of its login.
    pub login_variable: Option<String>,
}

/// What the variables beside a bootstrap variable say; `scheme` is that of its address, which outranks them.
#[must_use]
pub fn find(variable: &Variable, environment: &Environment, scheme: Option<&str>) -> Found {
    let properties = Properties { prefixes: prefixes(variable, environment), environment };
    let mut found = Found::default();
    let said = properties.find(&["SECURITY_PROTOCOL", "SECURITYPROTOCOL"]).filter(|_| scheme.is_none());
    found.protocol_variable = said.as_ref().map(|(name, _)| name.clone());
    let said = scheme.map(str::to_owned).or(said.map(|(_, value)| value));
    let (tls, sasl) = of_protocol(&said.unwrap_or_default());
    found.security.tls = tls;
    let mechanism = properties.find(&["SASL_MECHANISM", "SASL_MECHANISMS"]);
    found.mechanism_variable = mechanism.as_ref().map(|(name, _)| name.clone());
    let mechanism = mechanism.map(|(_, value)| value.to_ascii_uppercase()).filter(|name| is_mechanism(name));
    found.security.mechanism = match sasl {
        Some(false) => None,
        Some(true) => Some(mechanism.unwrap_or_default()),
        None => mechanism,
    };
    if found.security.mechanism.is_some() {
        found.credentials = properties.credentials(found.security.mechanism.as_deref().unwrap_or_default());
        let holder = properties.find(&["SASL_JAAS_CONFIG"]).or_else(|| properties.find(PASSWORDS));
        found.login_variable = holder.filter(|_| found.credentials.is_some()).map(|(name, _)| name);
    }
    if tls == Tls::Required {
        properties.trust(&mut found);
    }
    found
}

/// What Kafka's name of a security protocol says of TLS and of SASL.
#[must_use]
pub fn of_protocol(name: &str) -> (Tls, Option<bool>) {
    match name.to_ascii_uppercase().as_str() {
        "PLAINTEXT" => (Tls::Off, Some(false)),
        "SSL" => (Tls::Required, Some(false)),
        "SASL_PLAINTEXT" => (Tls::Off, Some(true)),
        "SASL_SSL" => (Tls::Required, Some(true)),
        _ => (Tls::Unsaid, None),
    }
}

/// Longer or stranger words are no mechanism (RFC 4422, section 3.1).
fn is_mechanism(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=20).contains(&name.len()) && name.bytes().all(fits)
}

/// What the properties of this client start with, the most specific first.
fn prefixes(variable: &Variable, environment: &Environment) -> Vec<String> {
    let name = variable.name.as_str();
    if let Some((_, prefixes)) = FAMILIES.iter().find(|(start, _)| name.starts_with(start)) {
        return prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
    }
    let mut found: Vec<String> = match stem(name) {
        Some(stem) => vec![format!("{stem}_PROPERTIES_"), format!("{stem}_CONFIG_"), format!("{stem}_")],
        None => variable.prefixes().to_vec(),
    };
    let says = |prefix: &str| environment.get(&format!("{prefix}SECURITY_PROTOCOL")).is_some();
    if !found.iter().any(|prefix| says(prefix)) {
        // The only one in this container is this client's, unless it says that it is another's.
        let mut others = environment.iter().filter_map(|(name, _)| name.strip_suffix("SECURITY_PROTOCOL"));
        if let (Some(only), None) = (others.next(), others.next())
            && !only.split('_').any(|word| OTHERS.contains(&word))
            && !FAMILIES.iter().any(|(start, _)| only.starts_with(start.trim_end_matches("BOOTSTRAP")))
            && !is_of_another(only, name, environment)
        {
            found.push(only.to_owned());
        }
    }
    found
}

/// What stands before the words for brokers in the name of a bootstrap variable.
fn stem(name: &str) -> Option<&str> {
    let ends = ["_BOOTSTRAP_SERVERS", "_BOOTSTRAP_SERVER", "_BOOTSTRAPSERVERS", "_BROKER_LIST", "_BROKERS", "_BROKER"];
    ends.iter().find_map(|end| name.strip_suffix(end))
}

/// Whether properties with this prefix are those of another cluster than the one that the variable `name` leads to:
/// another bootstrap variable begins as they do, or they bear another number.
fn is_of_another(prefix: &str, name: &str, environment: &Environment) -> bool {
    const NUMBERED: &str = "KAFKA_CLUSTERS_";
    let number = |text: &str| text.strip_prefix(NUMBERED)?.split('_').next().map(str::to_owned);
    if number(prefix).is_some_and(|of| number(name) != Some(of)) {
        return true;
    }
    let shares = |other: &str| {
        let beginnings = match stem(other) {
            Some(stem) => vec![format!("{stem}_")],
            None if other.split('_').any(|word| word == "KAFKA") => Variable::new(other).prefixes().to_vec(),
            None => Vec::new(),
        };
        let own = name.starts_with(prefix);
        beginnings.iter().any(|start| prefix.starts_with(start) || (!own && start.starts_with(prefix)))
    };
    let is_address = |other: &str| stem(other).is_some() || Variable::new(other).says_address();
    environment.iter().any(|(other, _)| other != name && is_address(other) && shares(other))
}

/// The properties of one client.
struct Properties<'a> {
    prefixes: Vec<String>,
    environment: &'a Environment<'a>,
}

impl Properties<'_> {
    /// The first variable that exists, and its value.
    fn find(&self, names: &[&str]) -> Option<(String, String)> {
        let mut all = self.prefixes.iter().flat_map(|prefix| names.iter().map(move |name| format!("{prefix}{name}")));
        all.find_map(|name| self.environment.get(&name).map(str::to_owned).map(|value| (name, value)))
    }

    fn get(&self, names: &[&str]) -> Option<String> {
        self.find(names).map(|(_, value)| value)
    }

    /// A property that may be there and be empty.
    fn raw(&self, name: &str) -> Option<String> {
        let names: Vec<_> = self.prefixes.iter().map(|prefix| format!("{prefix}{name}")).collect();
        let given = self.environment.iter().find(|(given, _)| names.iter().any(|name| name == given));
        given.map(|(_, value)| value.trim().to_owned())
    }

    /// The login; `None` where nothing says it, or two things say it differently.
    fn credentials(&self, mechanism: &str) -> Option<Credentials> {
        let user = self.get(&["SASL_USERNAME", "SASL_USER", "SASL_PLAIN_USERNAME", "USERNAME"]);
        let password = self.get(PASSWORDS);
        let pair = user.zip(password).map(|(user, password)| Credentials { user, password: Some(password.into()) });
        match (self.get(&["SASL_JAAS_CONFIG"]), pair) {
            (Some(text), None) => jaas(&text, mechanism),
            (Some(text), Some(pair)) => jaas(&text, mechanism).filter(|login| *login == pair),
            (None, pair) => pair,
        }
    }

    /// Whom the client trusts.
    fn trust(&self, found: &mut Found) {
        let is = |name: &str, values: &[&str]| {
            self.raw(name).map(|value| values.iter().any(|known| known.eq_ignore_ascii_case(&value)))
        };
        if is("ENABLE_SSL_CERTIFICATE_VERIFICATION", &["false", "0", "f"]) == Some(true) {
            found.security.verifies_chain = Some(false);
            found.security.verifies_name = Some(false);
        }
        let none = is("SSL_ENDPOINT_IDENTIFICATION_ALGORITHM", &["", "none", "disabled"]);
        if none == Some(true) || is("SSL_CHECK_HOSTNAME", &["false", "0"]) == Some(true) {
            found.security.verifies_name = Some(false);
        }
        let names = ["SSL_TRUSTSTORE_CERTIFICATES", "SSL_TRUST_STORE_CERTIFICATES", "SSL_TRUSTSTORECERTIFICATES"];
        let inline = self.get(&names);
        if let Some(pem) = inline.filter(|pem| pem.contains("-----BEGIN CERTIFICATE-----")) {
            found.security.authorities = Some(pem.replace("\\n", "\n"));
            return;
        }
        if let Some(file) = self.get(&["SSL_CA_LOCATION", "SSL_CAFILE", "SSL_CA_FILE"]) {
            found.authorities = super::security::file(&file);
            return;
        }
        let names = ["SSL_TRUSTSTORE_LOCATION", "SSL_TRUST_STORE_LOCATION", "SSL_TRUSTSTORELOCATION"];
        let Some(file) = self.get(&names) else { return };
        let kind = self.get(&["SSL_TRUSTSTORE_TYPE", "SSL_TRUST_STORE_TYPE", "SSL_TRUSTSTORETYPE"]);
        let kind = kind.unwrap_or_else(|| "JKS".into()).to_ascii_uppercase();
        if kind == "PEM" {
            found.authorities = super::security::file(&file);
        } else {
            let kind = if is_mechanism(&kind) { kind } else { "unknown".into() };
            found.security.authorities_unknown =
                Some(format!("the client's truststore is of the type {kind}, which is not read here"));
        }
    }
}

/// User and password in a JAAS entry: `….PlainLoginModule required username="u" password="p";`. `None` where it is any
/// other, or leaves in doubt what is meant.
fn jaas(text: &str, mechanism: &str) -> Option<Credentials> {
    let text = text.trim();
    let (module, options) = text.split_once(char::is_whitespace)?;
    let fits = match module.rsplit('.').next()? {
        "PlainLoginModule" => mechanism == "PLAIN",
        "ScramLoginModule" => mechanism.starts_with("SCRAM-"),
        _ => false,
    };
    if !fits || options.contains(['\\', '$']) {
        return None;
    }
    let one = |name: &str| {
        let starts = options.match_indices(name).map(|(at, _)| at);
        let mut values = starts.filter_map(|at| {
            let alone = options[..at].chars().next_back().is_some_and(char::is_whitespace);
            let value = options[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
            let quoted = value.chars().next().filter(|mark| matches!(mark, '"' | '\''));
            let value = match quoted {
                Some(mark) => value[1..].split_once(mark)?.0,
                None => value.split(|c: char| c.is_whitespace() || c == ';').next()?,
            };
            alone.then(|| value.to_owned())
        });
        values.next().filter(|_| values.next().is_none())
    };
    Some(Credentials { user: one("username")?, password: Some(one("password")?.into()) })
}

#[cfg(test)]
mod tests;
