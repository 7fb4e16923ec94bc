//! What a variable's name says about its value, and the variables that belong to it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::catalog::variable_name;

/// Words that say, wherever they stand, that the value is no address that this container connects to: where it listens,
/// what it tells others, whom it lets in, what it is made of. UDP and debuggers too: nothing can be said of either.
static ELSEWHERE: Words = Words::of(
    "\
    ACCEPT ADVERTISE ADVERTISED ALLOW ALLOWED ALLOWLIST ANNOTATIONS ANNOUNCE ANNOUNCED ATTRIBUTES BIND BINDING \
    BLACKLIST BUILD CALLBACK CERT CERTIFICATE COLLECTD COMMIT COOKIE CORS CSP CSRF DEBUG DEBUGGER DENIED DISPLAY \
    DNS DOCKERFILE DOMAIN DOMAINS EXCLUDE EXPOSE EXPOSED GELF HEADERS IMAGE IMAGES INSTANCE JAVA JDWP LABEL LABELS \
    LETSENCRYPT LISTEN LISTENER LISTENERS LISTENING LOGO NODENAME NTP ORIGIN ORIGINS PROXIES REDIRECT REDIRECTS \
    REFERER REFERRER RELEASE RESOLVER SAN SANS SNI STATSD SYSLOG TAG TAGS TRUSTED UDP VERSION VERSIONS VIRTUAL \
    WHITELIST XDEBUG",
);

/// Whole names that are no addresses to connect to.
static NAMES_ELSEWHERE: Words = Words::of("HOME HOSTNAME JAEGER_AGENT_HOST OTEL_EXPORTER_JAEGER_AGENT_HOST PATH PWD");

/// Last words after which only a whole URL is believed: users, databases and passwords are named like services, too.
static NOT_BARE: Words = Words::of(
    "\
    ARGS BUCKET CHANNEL CLASS CMD COMMAND CREDENTIALS DATABASE DB DBNAME DIALECT DIR DRIVER ENABLED ENGINE ENV \
    ENVIRONMENT FILE FLAGS FORMAT GID GROUP HOME ID IDS INDEX KEY KEYS LANG LEVEL LOGIN MODE NAME NAMES NAMESPACE \
    OPTIONS OPTS OWNER PACKAGE PASS PASSWD PASSWORD PATH PATHS PERMISSIONS PORT PORTS PREFIX PROFILE PROFILES \
    PROVIDER PWD QUEUE RATIO REALM REGION ROLE ROLES SCHEMA SECRET SIZE TIME TIMEZONE TOKEN TOPIC TOPICS TYPE TZ \
    UID USER USERID USERNAME USERS VENDOR VHOST ZONE",
);

/// Last words that make a bare word a host.
static HOST: Words = Words::of(
    "\
    ADDR ADDRESS ADDRESSES ADDRS ENDPOINT ENDPOINTS HOST HOSTNAME HOSTS IP SERVER SERVERS UPSTREAM",
);

/// Last words that say "address" and are no part of the name that variables of one server share.
static ADDRESS: Words = Words::of(
    "\
    ADDR ADDRESS ADDRESSES ADDRS CONNECTION DSN ENDPOINT ENDPOINTS HOST HOSTNAME HOSTS IP JDBC NODES R2DBC SERVER \
    SERVERS STRING UPSTREAM URI URIS URL URLS",
);

/// Words that say, wherever they stand in a name, that its value is an address, beside those above.
static CONNECTED: Words = Words::of(
    "\
    API BACKEND BACKENDS BOOTSTRAP BROKER BROKERS CLUSTER CONNECT CONNECTIONSTRINGS COORDINATOR COORDINATORS \
    DATASOURCE DESTINATION GATEWAY LEADER MASTER MEMBERS NODE PEER PEERS PRIMARY REMOTE REPLICA REPLICAS SEED SEEDS \
    SENTINEL SENTINELS SERVICE SERVICES TARGET TARGETS UPSTREAMS",
);

/// Words that are appended to the whole name of a variable.
static APPENDED: Words = Words::of("PASS PASSWD PASSWORD PASSWORD_FILE PORT USER USERNAME");

/// Words of links that people or their browsers follow: there, `localhost` is right, whatever it is in a container.
static FOLLOWED: Words = Words::of(
    "\
    ACTIVATION ASSET ASSETS AUTHORITY AVATAR BROWSER CANCEL CDN CONSOLE DASHBOARD DOC DOCS DOMAIN EMAIL EXTERNAL \
    FARO FRONT FRONTEND GRAFANA HOMEPAGE INVITE ISSUER KEYCLOAK KIBANA LINK LINKS LOGIN LOGOUT MAIL MEDIA NG OAUTH \
    OAUTH2 OIDC PORTAL PUBLIC RESET RETURN ROOT RUM SELF SHARE SITE SSO STATIC SUCCESS SWAGGER UI VITE WEB WEBAPP \
    WEBHOOK WEBSITE WEBUI WWW",
);

/// Those of them that mean people wherever the link leads to.
static PEOPLES: Words = Words::of(
    "BROWSER CDN DASHBOARD DOMAIN EXTERNAL FRONT FRONTEND HOMEPAGE LINK LINKS PUBLIC RETURN SITE UI WEB WEBAPP WEBSITE WWW",
);

/// The same, as ends of names, where the catalogue does not know better.
static FOLLOWED_ENDS: Words = Words::of(
    "\
    ACTION_CABLE_URL ADMIN_URL APPLICATION_URL APP_URI APP_URL AUTH_SERVER_URL AUTH_URL BASEURL BASE_URI BASE_URL \
    CLIENT_URL DEFAULT_URI HOST_URL STOREFRONT_URL URL_PREFIX",
);

/// The same, as whole names.
static FOLLOWED_NAMES: Words = Words::of(
    "\
    APPLICATION_HOST APP_HOST DEFAULT_HOST DEFAULT_URL_HOST HOST RAILS_HOST SERVER_URL URL URL_HOST",
);

/// Ends of names whose URLs are for people, whoever serves what they lead to: a reverse proxy in the stack, too. They are
/// written as one word, and begin where a word of the name does.
static LINKS: Words = Words::of(
    "\
    ABSOLUTEURI ABSOLUTEURL CANCELURL CANONICALURL EXTERNALBASEURL EXTERNALHOST EXTERNALHOSTNAME EXTERNALURI EXTERNALURL \
    HOMEPAGEURL RETURNURL ROOTURI ROOTURL SITEURL STATICURL SUCCESSURL WEBSERVERBASEURL WEBSITEURL WPHOME",
);

/// Whole names of the same, which tests and proxies have for what they ask.
static APPLICATION_LINKS: Words = Words::of("APP_URI APP_URL CLIENT_URL FRONTEND_URL FRONT_URL WEBAPP_URL");

/// Words beside `ROOT_URL` and its like that say who asks for it: another server.
static ASKED: Words = Words::of("API BACKEND INTERNAL REMOTE SERVICE UPSTREAM");

/// Words after `PUBLIC` of what servers fetch.
static PUBLIC_KEYS: Words = Words::of("CERT CERTS KEY KEYS");

/// Prefixes of settings that a build hands to the browser.
static BROWSER_PREFIXES: Words = Words::of(
    "\
    EXPO_PUBLIC_ GATSBY_ NEXT_PUBLIC_ NG_ NUXT_PUBLIC_ PUBLIC_ REACT_APP_ VITE_ VUE_APP_",
);

/// Words with blanks between them, looked up by the thousand in a large stack.
struct Words {
    text: &'static str,
    sorted: OnceLock<Vec<&'static str>>,
}

impl Words {
    const fn of(text: &'static str) -> Self {
        Self { text, sorted: OnceLock::new() }
    }
}

fn each(list: &Words) -> impl Iterator<Item = &'static str> {
    list.text.split_ascii_whitespace()
}

fn has(list: &Words, word: &str) -> bool {
    let sorted = list.sorted.get_or_init(|| {
        let mut words: Vec<_> = each(list).collect();
        words.sort_unstable();
        words
    });
    sorted.binary_search(&word).is_ok()
}

/// A variable's name, taken apart.
#[derive(Clone, Debug)]
pub struct Variable {
    /// As the catalogue writes it.
    pub name: String,
    prefixes: OnceCell<Vec<String>>,
}

impl Variable {
    /// Takes a name apart.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: variable_name(name), prefixes: OnceCell::new() }
    }

    pub(super) fn words(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.name.split('_')
    }

    fn last(&self) -> &str {
        self.words().next_back().unwrap_or_default()
    }

    /// Whether it says that the value is no address that this container connects to.
    #[must_use]
    pub fn says_elsewhere(&self) -> bool {
        // `AllowedOrigins`, as .NET writes it.
        let is_elsewhere =
            |word: &str| has(&ELSEWHERE, word) || word.starts_with("ALLOWED") || word.ends_with("ORIGINS");
        has(&NAMES_ELSEWHERE, &self.name) || self.words().any(is_elsewhere) || self.last() == "PROXY"
    }

    /// Whether programs take from it the proxy by which they ask others.
    #[must_use]
    pub fn is_proxy(&self) -> bool {
        matches!(self.name.as_str(), "HTTP_PROXY" | "HTTPS_PROXY" | "ALL_PROXY")
    }

    /// Whether it says that a value that is no URL is something other than an address.
    #[must_use]
    pub fn says_no_address(&self) -> bool {
        has(&NOT_BARE, self.last()) && !self.name.ends_with("HOST_PORT")
    }

    /// Whether it says that a bare word is a host.
    #[must_use]
    pub fn says_host(&self) -> bool {
        has(&HOST, self.last()) && self.words().count() > 1
    }

    /// Whether it says that the value is an address.
    #[must_use]
    pub fn says_address(&self) -> bool {
        self.words().any(|word| has(&ADDRESS, word) || has(&CONNECTED, word))
            || ["HOST", "ADDR", "URL", "SERVER"].iter().any(|end| self.last().ends_with(end))
    }

    /// Whether its name is that of an address by how it ends, or by what .NET calls connection strings.
    #[must_use]
    pub fn is_of_an_address(&self) -> bool {
        let ends = |word: &str| {
            has(&ADDRESS, word) || ["ADDRESS", "ENDPOINT", "URI", "URL"].iter().any(|end| word.ends_with(end))
        };
        ends(self.last()) || self.words().any(|word| word == "CONNECTIONSTRINGS")
    }

    /// Whether it says that gRPC is spoken, and nothing beside it that makes HTTP of it.
    #[must_use]
    pub fn says_grpc(&self) -> bool {
        self.words().any(|word| word == "GRPC") && !self.words().any(|word| matches!(word, "WEB" | "HTTP" | "GATEWAY"))
    }

    /// Whether it is a link that people or their browsers follow; `listed` where the catalogue lists this very name.
    #[must_use]
    pub fn is_followed(&self, listed: bool) -> bool {
        let ends = each(&FOLLOWED_ENDS).any(|end| self.name.ends_with(end)) || has(&FOLLOWED_NAMES, &self.name);
        // `ExternalUrl`, as .NET writes it.
        let glued = |word: &str| {
            ["URL", "URI"].iter().find_map(|end| word.strip_suffix(end)).is_some_and(|rest| has(&FOLLOWED, rest))
        };
        self.words().any(|word| has(&FOLLOWED, word) || glued(word)) || self.is_for_browsers() || (ends && !listed)
    }

    /// Whether it is a link that people follow, also where their browsers would have to know a name of the engine's.
    #[must_use]
    pub fn is_peoples(&self) -> bool {
        self.is_for_browsers() || self.words().any(|word| has(&PEOPLES, word))
    }

    /// Whether it says that its URL is for people, even where it leads to a service of the stack.
    #[must_use]
    pub fn is_link(&self) -> bool {
        let words: Vec<_> = self.words().collect();
        if words.contains(&"INTERNAL") {
            return false;
        }
        let is_public = |pair: &[&str]| pair[0] == "PUBLIC" && !has(&PUBLIC_KEYS, pair[1]);
        let glued = ["PUBLICURL", "PUBLICURI", "EXTERNALURL"].iter().any(|end| self.last().ends_with(end));
        let ends = (0..words.len()).any(|start| has(&LINKS, &words[start..].concat()));
        words.windows(2).any(is_public)
            || glued
            || (ends && !words.iter().any(|word| has(&ASKED, word)))
            || self.name.starts_with("OVERWRITE")
    }

    /// Whether it is the usual name of the URL at which an application's users find it.
    #[must_use]
    pub fn is_application_link(&self) -> bool {
        has(&APPLICATION_LINKS, &self.name)
    }

    /// Whether it is a setting that a build hands to the browser.
    #[must_use]
    pub fn is_for_browsers(&self) -> bool {
        each(&BROWSER_PREFIXES).any(|prefix| self.name.starts_with(prefix))
    }

    /// What names the server and is shared by the variables about it, the most specific first:
    /// `KC_DB_URL_HOST` gives `KC_DB_URL_` and `KC_DB_`, `PGHOST` gives `PG`. Never empty strings.
    #[must_use]
    pub fn prefixes(&self) -> &[String] {
        self.prefixes.get_or_init(|| self.find_prefixes())
    }

    fn find_prefixes(&self) -> Vec<String> {
        let mut words: Vec<_> = self.words().collect();
        let mut found = Vec::new();
        while words.len() > 1 && words.last().is_some_and(|word| has(&ADDRESS, word)) {
            words.pop();
            found.push(format!("{}_", words.join("_")));
        }
        if found.is_empty() {
            let glued = each(&ADDRESS).find_map(|end| self.name.strip_suffix(end)).filter(|prefix| prefix.len() > 1);
            found.extend(glued.filter(|prefix| !prefix.ends_with('_')).map(str::to_owned));
        }
        if found.is_empty() && !self.name.is_empty() {
            found.push(format!("{}_", self.name));
        }
        found
    }
}

/// A container's variables by name, written as the catalogue does.
#[derive(Debug)]
pub struct Environment<'a> {
    variables: BTreeMap<String, &'a str>,
    /// Whether any of them is named like a switch.
    has_switches: bool,
}

impl<'a> Environment<'a> {
    /// The variables of a container. Of two that are written alike, the first counts.
    #[must_use]
    pub fn new(variables: &'a [(String, String)]) -> Self {
        let mut found = BTreeMap::new();
        for (name, value) in variables {
            found.entry(variable_name(name)).or_insert(value.as_str());
        }
        let is_word = |part: &str| part.starts_with("ENABLE") || part.starts_with("DISABLE");
        let is_switch = |name: &String| name.starts_with("USE_") || name.split('_').any(is_word);
        let has_switches = found.keys().any(is_switch);
        Self { variables: found, has_switches }
    }

    /// A value that is not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.variables.get(name).copied().map(str::trim).filter(|value| !value.is_empty())
    }

    /// Every variable, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Whether a variable of the same server that ends in one of these words is there and empty.
    #[must_use]
    pub fn leaves_empty(&self, variable: &Variable, words: &[&str]) -> bool {
        let prefixes = variable.prefixes();
        let mut names = prefixes.iter().flat_map(|prefix| words.iter().map(move |word| format!("{prefix}{word}")));
        names.any(|name| self.variables.get(&name).is_some_and(|value| value.trim().is_empty()))
    }

    /// The value of the variable of the same server that ends in one of these words, the first that exists. Some append
    /// them to the whole name: `REDIS_HOST_PASSWORD`. These come last, as `DB_HOST_PORT` beside `DB_PORT` is the host's.
    #[must_use]
    pub fn sibling(&self, variable: &Variable, words: &[&str]) -> Option<&'a str> {
        let prefixes = variable.prefixes();
        let usual = prefixes.iter().flat_map(|prefix| words.iter().map(move |word| format!("{prefix}{word}")));
        let appended = words.iter().filter(|word| has(&APPENDED, word)).map(|word| format!("{}_{word}", variable.name));
        let mut names = usual.chain(appended);
        names.find_map(|name| self.get(&name).filter(|_| name != variable.name))
    }

    /// Whether another variable switches off what this one is about: `REDIS_ENABLED=false`, `USE_REDIS=0`,
    /// `OTEL_SDK_DISABLED=true`.
    #[must_use]
    pub fn is_switched_off(&self, variable: &Variable) -> bool {
        if !self.has_switches {
            return false;
        }
        let says = |name: String, values: &[&str]| {
            self.get(&name).is_some_and(|value| values.iter().any(|known| known.eq_ignore_ascii_case(value)))
        };
        let ends = variable.name.match_indices('_').map(|(at, _)| at).chain([variable.name.len()]);
        ends.map(|end| &variable.name[..end]).any(|subject| {
            let off = ["false", "0", "no", "off"];
            let on = ["true", "1", "yes", "on"];
            says(format!("{subject}_ENABLED"), &off)
                || says(format!("{subject}_ENABLE"), &off)
                || says(format!("ENABLE_{subject}"), &off)
                || says(format!("USE_{subject}"), &off)
                || says(format!("{subject}_DISABLED"), &on)
                || says(format!("DISABLE_{subject}"), &on)
                || says(format!("{subject}_SDK_DISABLED"), &on)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_one_server_share_a_prefix() {
        for (name, prefixes) in [
            ("SPRING_DATASOURCE_URL", vec!["SPRING_DATASOURCE_"]),
            ("KC_DB_URL_HOST", vec!["KC_DB_URL_", "KC_DB_"]),
            ("PGHOST", vec!["PG"]),
            ("spring.data.redis.host", vec!["SPRING_DATA_REDIS_"]),
            ("BACKEND", vec!["BACKEND_"]),
            ("URL", vec!["URL_"]),
        ] {
            assert_eq!(Variable::new(name).prefixes(), prefixes, "{name}");
        }
    }

    #[test]
    fn switches_are_found_by_what_they_switch() {
        let given = [("REDIS_ENABLED".to_owned(), "False".to_owned()), ("OTEL_SDK_DISABLED".into(), "true".into())];
        let environment = Environment::new(&given);
        assert!(environment.is_switched_off(&Variable::new("REDIS_HOST")));
        assert!(environment.is_switched_off(&Variable::new("OTEL_EXPORTER_OTLP_ENDPOINT")));
        assert!(!environment.is_switched_off(&Variable::new("SESSION_REDIS_HOST")));
    }
}
