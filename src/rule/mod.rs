//! Rules: pure functions from facts to causes. One file a rule; no I/O, no printing, no colours, no severities.
//!
//! To add one: a file here, a line in [`RULES`], a page in `checks/rules/`, a case that must fail and a near-miss that
//! must pass in `compose-fixtures/stacks/`. A test holds these sets equal.

pub mod authentication_failed;
pub mod certificates;
pub mod container_address_hard_coded;
pub mod container_outdated;
pub mod default_bridge_without_names;
pub mod dependency_unhealthy;
pub mod facts;
pub mod generic;
mod generic_help;
pub mod grafana_datasource_unreachable;
pub mod host_gateway_unmapped;
pub mod kafka_additions;
pub mod kafka_advertised_port_not_published;
pub mod kafka_advertises_container_id;
pub mod kafka_advertises_foreign_address;
pub mod kafka_advertises_loopback;
pub mod kafka_advertises_unresolvable_name;
pub mod kafka_advertises_wildcard;
pub mod kafka_broker_unreachable;
pub mod kafka_brokers;
pub mod kafka_clusters;
pub mod kafka_controller_port;
pub mod kafka_coordinator_unreachable;
pub mod kafka_duplicate_advertised_address;
pub mod kafka_inter_broker_listener_wrong;
pub mod kafka_listener_protocol_missing;
pub mod kafka_listeners;
pub mod kafka_quorum_voters_wrong;
pub mod kafka_replication_exceeds_brokers;
pub mod kafka_security_protocol_mismatch;
pub mod kafka_stale_volume;
pub mod kafka_start;
pub mod kafka_topic_missing;
pub mod kafka_wrong_listener;
pub mod listens_on_loopback_only;
pub mod listens_on_one_network_only;
pub mod localhost_in_container;
pub mod localhost_ipv6_first;
pub mod mtu_mismatch;
pub mod mysql_auth_plugin_unsupported;
pub mod mysql_healthcheck_passes_early;
pub mod mysql_host_blocked;
pub mod mysql_host_not_allowed;
pub mod mysql_public_key_retrieval;
pub mod name_of_shared_namespace;
pub mod name_resolves_outside;
pub mod no_shared_network;
pub mod peer_not_running;
pub mod port_already_allocated;
pub mod port_published_on_loopback_only;
pub mod prometheus_target_down;
pub mod published_on_internal_network;
pub mod published_port_held_by_another;
pub mod published_port_inside_network;
pub mod redis_protected_mode;
pub mod server_refuses_work;
pub mod service_name_on_host_network;
pub mod service_out_of_memory;
pub mod service_restarting;
pub mod stale_credentials_volume;
#[cfg(test)]
pub(crate) mod testing;
pub mod too_many_connections;
pub mod underscore_in_host_name;
pub mod unknown_database;
pub mod unknown_host_name;
pub mod waiting;

pub use facts::{Cause, Declared, DeclaredService, Facts, Failed, Seen, Verdict};

/// One kind of failure that crosscheck tells apart.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its public name.
    pub id: &'static str,
    /// Says why a check, or a redirect within it, failed, if this is the reason.
    pub explain: fn(&Facts, &Failed) -> Option<Cause>,
    /// Finds what is wrong whether or not a check fails for it.
    pub inspect: Option<fn(&Facts) -> Vec<Cause>>,
    /// The facts beyond the checks' own without which it cannot tell.
    pub needs: &'static [Need],
}

/// A kind of fact that is collected only where something failed, and that may be out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// What listens in the server's namespace.
    Listeners,
    /// The interfaces in a namespace.
    Interfaces,
    /// The last lines of a container's log.
    Logs,
    /// When a volume was made.
    Volumes,
    /// What the files declare now.
    Declared,
}

impl Rule {
    /// A rule that explains failed checks.
    #[must_use]
    pub const fn new(id: &'static str, explain: fn(&Facts, &Failed) -> Option<Cause>) -> Self {
        Self { id, explain, inspect: None, needs: &[] }
    }

    /// The same rule, which also looks for itself.
    #[must_use]
    pub const fn inspecting(self, inspect: fn(&Facts) -> Vec<Cause>) -> Self {
        Self { inspect: Some(inspect), ..self }
    }

    /// The same rule, which needs these facts to tell.
    #[must_use]
    pub const fn needing(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }
}

/// Every rule in order of precedence: the first that explains a failure claims it. Those that say *why* stand before
/// those that say *what*; a container's state before names, since a stopped container has none; the generic ones last.
pub const RULES: &[Rule] = &[
    generic::FORBIDDEN_CONNECTION_OPEN,
    published_on_internal_network::RULE,
    published_port_held_by_another::RULE,
    kafka_listener_protocol_missing::RULE,
    kafka_advertises_wildcard::RULE,
    kafka_inter_broker_listener_wrong::RULE,
    kafka_quorum_voters_wrong::RULE,
    kafka_stale_volume::RULE,
    kafka_duplicate_advertised_address::RULE,
    port_already_allocated::RULE,
    service_out_of_memory::RULE,
    service_restarting::RULE,
    dependency_unhealthy::RULE,
    peer_not_running::RULE,
    kafka_security_protocol_mismatch::RULE,
    kafka_controller_port::RULE,
    kafka_topic_missing::RULE,
    kafka_replication_exceeds_brokers::RULE,
    kafka_wrong_listener::RULE,
    kafka_advertises_loopback::RULE,
    kafka_advertised_port_not_published::RULE,
    kafka_advertises_container_id::RULE,
    kafka_advertises_foreign_address::RULE,
    kafka_advertises_unresolvable_name::RULE,
    listens_on_loopback_only::RULE,
    kafka_coordinator_unreachable::RULE,
    listens_on_one_network_only::RULE,
    mtu_mismatch::RULE,
    port_published_on_loopback_only::RULE,
    kafka_broker_unreachable::RULE,
    published_port_inside_network::RULE,
    name_resolves_outside::RULE,
    service_name_on_host_network::RULE,
    name_of_shared_namespace::RULE,
    default_bridge_without_names::RULE,
    host_gateway_unmapped::RULE,
    container_address_hard_coded::RULE,
    no_shared_network::RULE,
    localhost_ipv6_first::RULE,
    localhost_in_container::RULE,
    unknown_host_name::RULE,
    redis_protected_mode::RULE,
    mysql_public_key_retrieval::RULE,
    mysql_auth_plugin_unsupported::RULE,
    mysql_host_blocked::RULE,
    mysql_host_not_allowed::RULE,
    mysql_healthcheck_passes_early::RULE,
    too_many_connections::RULE,
    unknown_database::RULE,
    server_refuses_work::RULE,
    stale_credentials_volume::RULE,
    authentication_failed::RULE,
    underscore_in_host_name::RULE,
    container_outdated::RULE,
    prometheus_target_down::RULE,
    grafana_datasource_unreachable::RULE,
    generic::CONNECTION_REFUSED,
    generic::CONNECTION_TIMED_OUT,
    generic::CLOSED_WITHOUT_ANSWER,
    generic::CONNECTION_RESET,
    generic::NAME_NOT_RESOLVED,
    generic::NETWORK_UNREACHABLE,
    generic::WRONG_PROTOCOL,
    generic::TLS_FAILED,
    generic::TLS_EXPECTED,
    certificates::CERTIFICATE_EXPIRED,
    certificates::CERTIFICATE_NOT_TRUSTED,
    generic::CERTIFICATE_NAME_MISMATCH,
    generic::HTTP_STATUS_UNEXPECTED,
    generic::EXPECTATION_UNMET,
];
