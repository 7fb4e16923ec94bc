//! Settings of daemons that share one file: a cluster of Hadoop's gives every container all of them.

use crate::stack::Container;

/// How the names of such settings begin, and what is called like the daemons that read them.
const DAEMONS: &[(&str, &[&str])] = &[
    ("YARN_", &["resourcemanager", "nodemanager", "yarn"]),
    ("MAPRED_", &["historyserver", "resourcemanager", "nodemanager", "mapred", "yarn"]),
    ("HIVE_SITE_", &["hive", "metastore", "impala", "presto", "spark", "trino"]),
];

/// Whether a variable, its name as the catalogue writes it, is a setting of other daemons than the one that runs here.
#[must_use]
pub fn is_of_another(container: &Container, name: &str) -> bool {
    let Some((_, daemons)) = DAEMONS.iter().find(|(begin, _)| name.starts_with(begin)) else { return false };
    let image = container.image.rsplit('/').next().unwrap_or_default();
    let mut words = container.command.iter().map(String::as_str).chain([image, container.service.as_str()]);
    let named = |word: &str| {
        let letters: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
        daemons.iter().any(|daemon| letters.to_ascii_lowercase().contains(daemon))
    };
    !words.any(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::container;

    #[test]
    fn a_shared_file_counts_for_whom_it_is_about() {
        for (service, image, command, name, expected) in [
            ("namenode", "acme/hadoop-namenode:3", "", "YARN_CONF_YARN_RESOURCEMANAGER_ADDRESS", true),
            ("dn1", "acme/hadoop:3", "hdfs datanode", "YARN_SITE_YARN_RESOURCEMANAGER_ADDRESS", true),
            ("nm1", "acme/hadoop:3", "yarn nodemanager", "YARN_SITE_YARN_RESOURCEMANAGER_ADDRESS", false),
            ("node-manager", "acme/hadoop:3", "", "YARN_CONF_YARN_RESOURCEMANAGER_ADDRESS", false),
            ("historyserver", "acme/hadoop:3", "", "YARN_CONF_YARN_RESOURCEMANAGER_ADDRESS", true),
            ("namenode", "acme/hadoop:3", "", "CORE_CONF_FS_DEFAULTFS", false),
            ("namenode", "acme/hadoop:3", "", "HIVE_SITE_CONF_HIVE_METASTORE_URIS", true),
            ("hive-server", "acme/sql:3", "", "HIVE_SITE_CONF_HIVE_METASTORE_URIS", false),
            ("app", "acme/app", "", "YARNS_URL", false),
        ] {
            let mut daemon = container(service, image);
            daemon.command = command.split_whitespace().map(str::to_owned).collect();
            assert_eq!(is_of_another(&daemon, name), expected, "{service} {name}");
        }
    }
}
