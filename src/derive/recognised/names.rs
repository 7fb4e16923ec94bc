//! What images and services are called, by the words that their names consist of.

/// Words that stand beside a server's name and leave it one.
const PLAIN: &str = "\
    alpine amd arm arm32v arm64v base bitnami bookworm bullseye ce cloudnative community container custom data database db \
    debian dev development docker ee enterprise example galera ha hardened image instance local main management master \
    my native node official oss own primary prod production replica repmgr secondary secure secured server shared slave \
    slim ssl staging standalone test testing tls ubuntu";

/// Words of what is named after a server and is none: it looks at one, fills it, copies it or speaks to it.
const TOOLS: &str = "\
    admin adminer agent alerts backup backups bench benchmark bootstrap browser check checker cli client clients cmd \
    commander compass configurator connect connector console consumer consumers controller copy create creator cron \
    dashboard demo dump dumper explorer export exporter express fixtures frontend gateway gui import importer ingest \
    ingester init initializer initializr insight job keeper lag listener load loader log logger logs manager metrics \
    migrate migration migrations migrator mirror monitor monitoring operator php pool pooler populate producer producers \
    provisioner provisioning proxy publisher pull push reader receiver registry relay replicator reset rest restore \
    router scheduler schema seed seeder seeds sender sentinel setup shell shipper sidecar sink source stats stream \
    streams subscriber sync syncer tool toolbox tools topics tunnel ui updater upgrade upgrader utils viewer wait waiter \
    watch watcher worker workers writer";

/// Names that any database has.
const DATABASES: &[&str] = &["database", "db", "sqldb"];

/// How a name is that of a technology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is nothing else, whatever numbers and plain words stand beside it.
    Whole,
    /// It ends with it: `orders-postgres`.
    Within,
    /// It is not.
    Not,
}

/// How a name is one of these.
pub(super) fn fit(name: &str, known: &[String]) -> Fit {
    let words = words(name);
    // `vchord-postgres` is a name of it behind another.
    let is_plain = |word: &String| is_plain(word) || known.contains(word);
    let mut best = Fit::Not;
    for known in known {
        let known: Vec<_> = known.split('-').collect();
        let Some(at) = words.windows(known.len()).rposition(|part| part == known) else { continue };
        if !words[at + known.len()..].iter().all(is_plain) {
            continue;
        }
        if words[..at].iter().all(is_plain) {
            return Fit::Whole;
        }
        best = Fit::Within;
    }
    best
}

/// Whether a name is one of a tool's, whatever else is in it.
pub(super) fn is_of_a_tool(name: &str) -> bool {
    words(name).iter().any(|word| TOOLS.split_ascii_whitespace().any(|known| known == word))
}

/// Whether a service is called as databases of all kinds are: `db`, `orders_db`, `db1`.
pub(super) fn is_of_any_database(name: &str) -> bool {
    let words = words(name);
    let last = words.iter().rev().find(|word| !is_plain(word) || DATABASES.contains(&word.as_str()));
    last.is_some_and(|last| DATABASES.contains(&last.as_str()))
}

/// The words of a name in lower case, without the numbers at their ends; what is a version is left out.
fn words(name: &str) -> Vec<String> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).map(|word| {
        let word = word.to_ascii_lowercase();
        let is_version = word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
        if is_version { String::new() } else { word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned() }
    });
    words.filter(|word| !word.is_empty()).collect()
}

fn is_plain(word: &str) -> bool {
    PLAIN.split_ascii_whitespace().any(|known| known == word)
}
