//! The database probes against real servers, in containers that this test starts and removes.
//!
//! Needs a Docker engine and the fixture images, so it runs only where `CROSSCHECK_LIVE=1`.

use std::process::Command;
use std::time::Duration;

use crosscheck::observation::{Depth, FailureKind, Observation, Peer};
use crosscheck::plan::{Credentials, Needed, Security, Tls};
use crosscheck::probe::{self, Options, Request};
use crosscheck::target::{Protocol, Target};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A container that is gone when the test is.
struct Server {
    id: String,
    address: String,
}

impl Server {
    fn start(image: &str, options: &[&str], arguments: &[&str]) -> Self {
        let registry = std::env::var("FIXTURE_REGISTRY").unwrap_or_else(|_| "crosscheck.test".into());
        let image = format!("{registry}/library/{image}");
        let id = docker(&[&["run", "--detach", "--rm"], options, &[&image], arguments].concat());
        let address = docker(&["inspect", "--format", "{{.NetworkSettings.IPAddress}}", &id]);
        Self { id, address }
    }

    /// A database server with an account, that looks up who connects, and blocks an address after five errors.
    fn database(image: &str, defaults: &[&str]) -> Self {
        let account = ["MYSQL_ROOT_PASSWORD=root", "MYSQL_DATABASE=shop", "MYSQL_USER=app", "MYSQL_PASSWORD=right"];
        let options: Vec<_> = account.iter().flat_map(|value| ["--env", value]).collect();
        let strict = ["--max-connect-errors=5", "--host-cache-size=64", "--skip-name-resolve=OFF"];
        Self::start(
            image,
            &[&options[..], &["--add-host", "looker:host-gateway"]].concat(),
            &[defaults, &strict].concat(),
        )
    }

    async fn look(&self, protocol: Protocol, path: Option<&str>, account: Option<(&str, &str)>) -> Observation {
        self.look_as(protocol, path, account, Tls::Unsaid, Options::default()).await
    }

    async fn look_as(
        &self,
        protocol: Protocol,
        path: Option<&str>,
        account: Option<(&str, &str)>,
        tls: Tls,
        options: Options,
    ) -> Observation {
        self.look_with(protocol, path, account, Security { tls, ..careless() }, options).await
    }

    async fn look_with(
        &self,
        protocol: Protocol,
        path: Option<&str>,
        account: Option<(&str, &str)>,
        security: Security,
        options: Options,
    ) -> Observation {
        let mut target = Target::new(protocol, &self.address, protocol.default_port().unwrap_or_default());
        target.path = path.map(Into::into);
        let credentials = account.map(|(user, word)| Credentials { user: user.into(), password: Some(word.into()) });
        let timeout = Duration::from_secs(5);
        let needed = Needed::default();
        probe::look(&Request {
            target,
            timeout,
            credentials,
            security,
            needed,
            questions: Vec::new(),
            acquaintances: Vec::new(),
            options,
        })
        .await
    }

    /// What the server says of itself, once it lets the account in.
    async fn ready(&self, protocol: Protocol, account: (&str, &str)) -> Peer {
        for _ in 0..150 {
            let seen = self.look(protocol, None, Some(account)).await;
            if seen.depth == Depth::LoggedIn && seen.failure.is_none() {
                return seen.peer.expect("a server that let us in has a name");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("{} never became ready", self.address);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "--force", "--volumes", &self.id]).output();
    }
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("docker runs");
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn live() -> bool {
    eprintln!("looks at real servers where CROSSCHECK_LIVE=1, at none elsewhere");
    std::env::var_os("CROSSCHECK_LIVE").is_some_and(|value| value == "1")
}

/// A client that takes whatever certificate it is shown.
fn careless() -> Security {
    Security { verifies_chain: Some(false), verifies_name: Some(false), ..Security::default() }
}

fn failure(seen: &Observation) -> Option<FailureKind> {
    seen.failure.as_ref().map(|failure| failure.kind)
}

/// The real client's opinion: the code of the server's error, 0 for a login that worked.
async fn reference(address: &str, user: &str, password: &str, database: &str) -> u16 {
    let url = format!("mysql://{user}:{password}@{address}/{database}");
    match mysql_async::Conn::from_url(url).await {
        Ok(connection) => connection.disconnect().await.map_or(1, |()| 0),
        Err(mysql_async::Error::Server(error)) => error.code,
        Err(error) => panic!("{error}"),
    }
}

async fn judged_as_by_its_client(server: Server, product: &str) {
    let Peer::Mysql(peer) = server.ready(Protocol::Mysql, ("app", "right")).await else { panic!("not MySQL") };
    assert!(peer.product == product && peer.connections.is_some_and(|(limit, used)| limit > 100 && used >= 1));
    for (user, password, database, kind, code) in [
        ("app", "right", "shop", None, 0),
        ("app", "wrong", "shop", Some(FailureKind::AuthenticationFailed), 1045),
        ("app", "right", "nowhere", Some(FailureKind::PermissionDenied), 1044),
        ("root", "root", "nowhere", Some(FailureKind::UnknownDatabase), 1049),
    ] {
        let seen = server.look(Protocol::Mysql, Some(database), Some((user, password))).await;
        assert_eq!(failure(&seen), kind, "{user} {database}: {seen:?}");
        assert_eq!(reference(&server.address, user, password, database).await, code, "{user} {database}");
    }
    let sql = "CREATE USER coded@'%' IDENTIFIED BY 'right' REQUIRE SSL";
    let client = if product == "MySQL" { "mysql" } else { "mariadb" };
    docker(&["exec", &server.id, client, "-uroot", "-proot", "-e", sql]);
    for (password, right) in [("wrong", false), ("right", true), ("right", true), ("wrong", false)] {
        let seen = server.look(Protocol::Mysql, None, Some(("coded", password))).await;
        assert_eq!(reference(&server.address, "coded", password, "").await, 1045);
        // MariaDB's accounts have no plugin that tells, and here it does not offer TLS.
        let kind = (product != "MySQL" || !right).then_some(FailureKind::AuthenticationFailed);
        assert_eq!((failure(&seen), seen.unlooked.is_some()), (kind, kind.is_none()), "{password}: {seen:?}");
    }
    if product == "MySQL" {
        with_the_plugins_of_mysql(&server).await;
    }
    // Many more looks than the five errors that block an address.
    for _ in 0..130 {
        let seen = server.look(Protocol::Mysql, None, None).await;
        assert_eq!((failure(&seen), seen.depth), (None, Depth::Answered), "{seen:?}");
    }
    // The server does count: connections that are left after the greeting block the address.
    for _ in 0..5 {
        let mut bare = TcpStream::connect((server.address.as_str(), 3306)).await.expect("a connection");
        bare.read_u8().await.expect("a greeting");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(failure(&server.look(Protocol::Mysql, None, None).await), Some(FailureKind::HostBlocked));
}

/// What a client does over TLS, and what it may not do without.
async fn with_the_plugins_of_mysql(server: &Server) {
    let sql = "CREATE USER hashed@'%' IDENTIFIED WITH sha256_password BY 'right'; \
               CREATE USER keyless@'%' IDENTIFIED BY 'right'; \
               CREATE USER certified@'%' IDENTIFIED BY 'right' REQUIRE X509";
    docker(&["exec", &server.id, "mysql", "-uroot", "-proot", "-e", sql]);
    let keyless = Options { spare_cache: true, keyless: true, ..Options::default() };
    let look = async |user: &'static str, password: &'static str, tls: Tls, options: Options| {
        server.look_as(Protocol::Mysql, None, Some((user, password)), tls, options).await
    };
    // Many more than the five errors that block an address, and the server remembers nothing of them.
    for _ in 0..20 {
        for user in ["keyless", "hashed"] {
            let seen = look(user, "right", Tls::Off, keyless).await;
            assert_eq!(failure(&seen), Some(FailureKind::KeyRetrieval), "{user}: {seen:?}");
        }
        let spared = Options { spare_cache: true, ..Options::default() };
        let seen = look("keyless", "right", Tls::Off, spared).await;
        assert_eq!((failure(&seen), seen.unlooked.is_some()), (None, true), "{seen:?}");
    }
    for (user, password, tls, right) in [
        ("hashed", "right", Tls::Unsaid, true),
        ("hashed", "right", Tls::Required, true),
        ("hashed", "wrong", Tls::Required, false),
        ("coded", "right", Tls::Preferred, true),
        ("coded", "wrong", Tls::Required, false),
        ("keyless", "right", Tls::Required, true),
    ] {
        let seen = look(user, password, tls, Options::default()).await;
        let kind = (!right).then_some(FailureKind::AuthenticationFailed);
        assert_eq!((failure(&seen), seen.unlooked.as_ref()), (kind, None), "{user} {password}: {seen:?}");
        assert_eq!(
            (seen.depth == Depth::LoggedIn, seen.certificate.is_some()),
            (right, tls != Tls::Unsaid),
            "{seen:?}"
        );
    }
    // The server takes the password for the first time here, and refuses the account for want of a certificate; a wrong
    // password is told from that.
    for (password, right) in [("right", true), ("wrong", false), ("right", true)] {
        for tls in [Tls::Required, Tls::Unsaid] {
            let seen = look("certified", password, tls, Options::default()).await;
            let kind = (!right).then_some(FailureKind::AuthenticationFailed);
            assert_eq!((failure(&seen), seen.unlooked.is_some()), (kind, right), "{password} {tls:?}: {seen:?}");
            let told = seen.unlooked.as_deref().is_none_or(|why| why.contains("client certificate"));
            assert!(told && seen.depth == Depth::Answered, "{seen:?}");
        }
    }
    // Nothing tells here, and a client with a certificate may be let in.
    for (own, kind) in [(false, Some(FailureKind::AuthenticationFailed)), (true, None)] {
        let security = Security { tls: Tls::Required, presents_certificate: own, ..careless() };
        let account = Some(("hashed", "wrong"));
        let seen = server.look_with(Protocol::Mysql, None, account, security, Options::default()).await;
        assert_eq!((failure(&seen), seen.unlooked.is_some()), (kind, own), "{seen:?}");
    }
    // Now it holds the password.
    let seen = look("keyless", "right", Tls::Off, keyless).await;
    assert_eq!((failure(&seen), seen.depth, seen.notes.len()), (None, Depth::LoggedIn, 1), "{seen:?}");
    let seen = look("keyless", "wrong", Tls::Off, keyless).await;
    assert_eq!(failure(&seen), Some(FailureKind::KeyRetrieval), "{seen:?}");
}

#[tokio::test]
async fn databases_are_judged_as_their_clients_judge_them() {
    if live() {
        // The settings of MySQL's image switch the lookup off for good.
        let defaults = ["--no-defaults", "--socket=/var/run/mysqld/mysqld.sock", "--innodb-numa-interleave=OFF"];
        let (mysql, mariadb) = (Server::database("mysql:9", &defaults), Server::database("mariadb:10.11", &[]));
        tokio::join!(judged_as_by_its_client(mysql, "MySQL"), judged_as_by_its_client(mariadb, "MariaDB"));
    }
}

#[tokio::test]
async fn redis_is_looked_at_as_its_client_does() {
    if !live() {
        return;
    }
    let server = Server::start("redis:7", &[], &["--requirepass", "right"]);
    let Peer::Redis(peer) = server.ready(Protocol::Redis, ("", "right")).await else { panic!("not Redis") };
    assert!(peer.version.is_some_and(|version| version.starts_with("7.")) && peer.clients.is_some());
    for (path, account, kind) in [
        (None, None, Some(FailureKind::AuthenticationRequired)),
        (None, Some(("", "wrong")), Some(FailureKind::AuthenticationFailed)),
        (Some("9"), Some(("default", "right")), None),
        (Some("16"), Some(("", "right")), Some(FailureKind::UnknownDatabase)),
    ] {
        let seen = server.look(Protocol::Redis, path, account).await;
        assert_eq!(failure(&seen), kind, "{seen:?}");
    }
    let protect = ["redis-cli", "-a", "right", "CONFIG", "SET", "requirepass", "", "protected-mode", "yes"];
    docker(&[&["exec", &server.id], &protect[..]].concat());
    assert_eq!(failure(&server.look(Protocol::Redis, None, None).await), Some(FailureKind::ProtectedMode));
}

#[tokio::test]
async fn a_password_without_its_users_name_is_refused_by_an_acl() {
    if !live() {
        return;
    }
    for default in ["nopass", ">right"] {
        let server = Server::start("redis:7", &[], &["--user", "default", "off", default]);
        let seen = loop {
            let seen = server.look(Protocol::Redis, None, Some(("", "right"))).await;
            if failure(&seen) != Some(FailureKind::Refused) {
                break seen;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(failure(&seen), Some(FailureKind::AuthenticationFailed), "{default}: {seen:?}");
    }
}

/// Whether PostgreSQL's own client gets in.
fn psql(server: &Server, user: &str, password: &str, database: &str, mode: &str) -> bool {
    // From its own loopback everybody is trusted.
    let place = format!("host={} user={user} password={password} dbname={database} sslmode={mode}", server.address);
    let arguments = ["exec", &server.id, "psql", &place, "-c", "SELECT 1"];
    Command::new("docker").args(arguments).output().expect("docker runs").status.success()
}

#[tokio::test]
async fn postgres_is_judged_as_by_its_client() {
    if !live() {
        return;
    }
    let environment = ["POSTGRES_PASSWORD=right", "POSTGRES_USER=app", "POSTGRES_HOST_AUTH_METHOD=md5"];
    let options: Vec<_> = environment.iter().flat_map(|value| ["--env", value]).collect();
    let files =
        ["ssl_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem", "ssl_key_file=/etc/ssl/private/ssl-cert-snakeoil.key"];
    let authority = "ssl_ca_file=/etc/ssl/certs/ssl-cert-snakeoil.pem";
    let arguments = ["-c", "ssl=on", "-c", files[0], "-c", files[1], "-c", authority];
    let server = Server::start("postgres:15", &options, &arguments);
    let Peer::Postgres(peer) = server.ready(Protocol::Postgres, ("app", "right")).await else {
        panic!("no PostgreSQL")
    };
    assert!(peer.version.is_some_and(|version| version.starts_with("15.")), "the version");
    assert_eq!(peer.authentication.as_deref(), Some("SCRAM-SHA-256"));
    assert!(peer.connections.is_some_and(|(limit, used)| limit == 100 && used >= 1) && peer.in_recovery == Some(false));
    let sql = "SET password_encryption = md5; CREATE USER digest PASSWORD 'right'; CREATE USER plain PASSWORD 'right'; \
               CREATE USER coded PASSWORD 'right'; CREATE USER barred PASSWORD 'right'; \
               CREATE USER carded; CREATE USER certified PASSWORD 'right'; \
               CREATE DATABASE vault; REVOKE CONNECT ON DATABASE vault FROM PUBLIC";
    for statement in sql.split("; ") {
        let first = sql.split("; ").next().expect("a statement");
        docker(&["exec", &server.id, "psql", "-U", "app", "-c", first, "-c", statement]);
    }
    let rules = "1i host all plain all password\\nhostssl all coded all md5\\nhost all coded all reject\\n\
                 host all barred all reject\\nhostssl all carded all cert\\n\
                 hostssl all certified all md5 clientcert=verify-ca";
    let edit = format!("sed -i '{rules}' $PGDATA/pg_hba.conf && psql -U app -c 'SELECT pg_reload_conf()'");
    docker(&["exec", &server.id, "sh", "-c", &edit]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    for (user, password, database, tls, kind) in [
        ("app", "right", "app", Tls::Required, None),
        ("app", "wrong", "app", Tls::Off, Some(FailureKind::AuthenticationFailed)),
        ("app", "right", "nowhere", Tls::Off, Some(FailureKind::UnknownDatabase)),
        ("digest", "right", "app", Tls::Off, None),
        ("digest", "wrong", "app", Tls::Off, Some(FailureKind::AuthenticationFailed)),
        ("plain", "right", "app", Tls::Preferred, None),
        ("plain", "wrong", "app", Tls::Off, Some(FailureKind::AuthenticationFailed)),
        ("digest", "right", "vault", Tls::Off, Some(FailureKind::PermissionDenied)),
        ("coded", "right", "app", Tls::Required, None),
        // It would be let in over TLS, and the other one would not.
        ("coded", "right", "app", Tls::Off, Some(FailureKind::TlsExpected)),
        ("barred", "right", "app", Tls::Off, Some(FailureKind::HostNotAllowed)),
        ("barred", "right", "app", Tls::Required, Some(FailureKind::HostNotAllowed)),
        ("stranger", "right", "app", Tls::Off, Some(FailureKind::AuthenticationFailed)),
    ] {
        let seen =
            server.look_as(Protocol::Postgres, Some(database), Some((user, password)), tls, Options::default()).await;
        assert_eq!((failure(&seen), &seen.unlooked), (kind, &None), "{user} {database} {tls:?}: {seen:?}");
        assert_eq!(seen.certificate.is_some(), matches!(tls, Tls::Required | Tls::Preferred));
        let mode = if tls == Tls::Off { "disable" } else { "require" };
        assert_eq!(psql(&server, user, password, database, mode), kind.is_none(), "{user} {database}");
    }
    // There is no certificate here for an account that wants one of its client.
    for (user, password) in [("carded", "any"), ("certified", "right"), ("certified", "wrong")] {
        let seen = server
            .look_as(Protocol::Postgres, Some("app"), Some((user, password)), Tls::Required, Options::default())
            .await;
        let told = seen.unlooked.as_deref().is_some_and(|why| why.contains("client certificate"));
        assert!(told && failure(&seen).is_none(), "{user}: {seen:?}");
    }
    // Its lines hold for TLS alone, and a client of which nothing is known may use that.
    let seen = server.look(Protocol::Postgres, Some("app"), Some(("coded", "right"))).await;
    assert_eq!((failure(&seen), seen.unlooked.is_some()), (None, true), "{seen:?}");
    for tls in [Tls::Unsaid, Tls::Required] {
        for _ in 0..20 {
            let seen = server.look_as(Protocol::Postgres, None, None, tls, Options::default()).await;
            assert_eq!((failure(&seen), seen.depth), (None, Depth::Answered), "{seen:?}");
        }
    }
    // Nothing piles up, and nothing is said of them in the server's log.
    let log = Command::new("docker").args(["logs", &server.id]).output().expect("docker runs");
    let log = [log.stdout, log.stderr].concat();
    assert!(!String::from_utf8_lossy(&log).contains("crosscheck-without-credentials"), "{}", log.escape_ascii());
}

#[tokio::test]
async fn redis_is_looked_at_over_tls_and_with_its_accounts() {
    if !live() {
        return;
    }
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -keyout /tmp/key -out /tmp/cert -subj /CN=redis -days 2 \
                  2> /dev/null && exec redis-server --protected-mode no --port 6380 --tls-port 6379 --tls-cert-file /tmp/cert \
                  --tls-key-file /tmp/key --tls-auth-clients no --user limited on '>right' -@all --user gone off '>right'";
    let server = Server::start("redis:7", &[], &["sh", "-c", script]);
    let look = async |account: Option<(&str, &str)>, tls: Tls| {
        server.look_as(Protocol::Redis, None, account, tls, Options::default()).await
    };
    while failure(&look(None, Tls::Required).await) == Some(FailureKind::Refused) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seen = look(None, Tls::Required).await;
    assert_eq!((failure(&seen), seen.depth, seen.certificate.is_some()), (None, Depth::Answered, true), "{seen:?}");
    let seen = look(Some(("limited", "right")), Tls::Required).await;
    assert_eq!((failure(&seen), seen.depth, seen.notes.is_empty()), (None, Depth::LoggedIn, false), "{seen:?}");
    for account in [("limited", "wrong"), ("gone", "right")] {
        let seen = look(Some(account), Tls::Required).await;
        assert_eq!(failure(&seen), Some(FailureKind::AuthenticationFailed), "{seen:?}");
    }
    // Without TLS nobody answers there.
    let seen = look(None, Tls::Off).await;
    assert!(failure(&seen).is_some() && seen.depth == Depth::Connected, "{seen:?}");
}
