//! What the accounts of a plan's checks have to do with each other and with the servers' own settings. Told in settings of
//! the checks, without any secret.

use secrecy::ExposeSecret;

use super::{Check, Credentials, Origin};
use crate::derive::credentials::USERS;
use crate::derive::served::technology;
use crate::derive::variable::{Environment, Variable};
use crate::stack::{Container, Stack};
use crate::target::Protocol;

/// The setting that names a client of the same account whose fault a login would hide.
pub const SPARES: &str = "spares";

/// The setting that names the variable of the server that gives this very password to this very account.
pub const INITIAL: &str = "initial-password";

/// A variable that a server's image reads when its volume is empty, to make an account.
struct Initial {
    /// The variable with the account's name.
    user: Option<&'static str>,
    /// The name where no variable gives one.
    default: &'static str,
    password: &'static str,
    /// A variable that says from where the account may come; anything but `%` leaves others out.
    from: Option<&'static str>,
}

const MYSQL: &[Initial] = &[
    Initial { user: None, default: "root", password: "MYSQL_ROOT_PASSWORD", from: Some("MYSQL_ROOT_HOST") },
    Initial { user: Some("MYSQL_USER"), default: "", password: "MYSQL_PASSWORD", from: None },
];
const MARIADB: &[Initial] = &[
    Initial { user: None, default: "root", password: "MARIADB_ROOT_PASSWORD", from: Some("MARIADB_ROOT_HOST") },
    Initial { user: Some("MARIADB_USER"), default: "", password: "MARIADB_PASSWORD", from: None },
    Initial { user: None, default: "root", password: "MYSQL_ROOT_PASSWORD", from: Some("MYSQL_ROOT_HOST") },
    Initial { user: Some("MYSQL_USER"), default: "", password: "MYSQL_PASSWORD", from: None },
];
const POSTGRES: &[Initial] =
    &[Initial { user: Some("POSTGRES_USER"), default: "postgres", password: "POSTGRES_PASSWORD", from: None }];

/// Tells the checks of one account about each other and about their server, before any of them is left out.
pub fn relate(stack: &Stack, checks: &mut [Check]) {
    let hidden: Vec<_> = checks
        .iter()
        .filter(|check| check.login_would_hide())
        .map(|check| (check.place(stack), account(stack, check), check.from.to_string()))
        .collect();
    for check in checks.iter_mut() {
        if check.login_would_hide() || user(check).is_empty() {
            continue;
        }
        let place = check.place(stack);
        if check.target.protocol == Protocol::Mysql
            && let Some((_, _, client)) = hidden.iter().find(|(at, name, _)| {
                // Whose account is not known may be anybody's.
                *at == place && name.as_deref().is_none_or(|name| name == user(check))
            })
        {
            check.settings.push((SPARES.into(), client.clone()));
        }
    }
    for check in checks {
        let server = check.place(stack).0;
        if let (Some(server), Some(credentials)) = (stack.by_id(&server), &check.credentials)
            && let Some(variable) = initial(server, credentials)
        {
            check.settings.push((INITIAL.into(), variable.into()));
        }
    }
}

fn user(check: &Check) -> &str {
    check.credentials.as_ref().map_or("", |credentials| credentials.user.as_str())
}

/// The account that a check's client logs in with, as far as it is known. A password that stands in a file leaves no
/// credentials, and the user's name may stand beside it all the same.
fn account(stack: &Stack, check: &Check) -> Option<String> {
    if !user(check).is_empty() {
        return Some(user(check).to_owned());
    }
    let client = stack.by_id(check.from.container()?)?;
    let environment = Environment::new(&client.environment);
    let beside = |origin: &Origin| environment.sibling(&Variable::new(&origin.name), USERS);
    let mut names =
        check.origins.iter().map(|origin| beside(origin).filter(|_| origin.value.as_deref().is_some_and(is_alone)));
    let first = names.next()??;
    names.all(|name| name == Some(first)).then(|| first.to_owned())
}

/// Whether no other user stands in the value itself, as it is shown.
fn is_alone(shown: &str) -> bool {
    !shown.contains("***")
}

/// The variable of a server's own that gives these credentials' password to their user when the volume is empty.
fn initial(server: &Container, credentials: &Credentials) -> Option<&'static str> {
    let password = credentials.password.as_ref()?.expose_secret();
    let accounts = match technology(server)?.id.as_str() {
        "mysql" => MYSQL,
        "mariadb" => MARIADB,
        "postgres" => POSTGRES,
        _ => return None,
    };
    let set = |name: &str| server.variable(name).filter(|value| !value.is_empty());
    let gives = |account: &&Initial| {
        let name = account.user.and_then(set).unwrap_or(account.default);
        let everywhere = account.from.and_then(set).is_none_or(|from| from == "%");
        !name.is_empty() && name == credentials.user && everywhere && set(account.password) == Some(password)
    };
    accounts.iter().find(gives).map(|account| account.password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::{environment, testing};
    use crate::plan::build::{Narrow, build};

    #[test]
    fn nobody_logs_in_where_that_would_mend_another_client_of_the_account() {
        let client = |name: &str, user: &str, parameters: &str| {
            let url = format!("jdbc:mysql://mysql:3306/shop?user={user}&password=p{parameters}");
            let environment = vec![("SPRING_DATASOURCE_URL".into(), url)];
            Container { environment, ..testing::container(name, "example/app") }
        };
        let (plain, allowed) = ("&useSSL=false", "&useSSL=false&allowPublicKeyRetrieval=true");
        let stack = testing::stack([
            testing::container("mysql", "mysql:9"),
            client("keyless", "app", plain),
            client("able", "app", allowed),
            client("other", "root", allowed),
            client("filed", "other", "&useSSL=false&serverRSAPublicKeyFile=/keys/mysql.pem"),
        ]);
        let of_service = |name: &str| Narrow {
            from: environment::derive(&stack).into_iter().map(|c| c.from).filter(|f| f.identity() == name).collect(),
            ..Narrow::default()
        };
        let told = |name: &str| {
            // Whatever a run is narrowed down to.
            let checks = build(&stack, environment::derive(&stack), &of_service(name));
            assert_eq!(checks.len(), 1, "{name}");
            (checks[0].login_would_hide(), checks[0].setting(SPARES).map(str::to_owned))
        };
        assert_eq!(told("keyless"), (true, None));
        assert_eq!(told("able"), (false, Some("keyless".into())));
        assert_eq!(told("other"), (false, None));
        assert_eq!(told("filed"), (false, None));
    }

    #[test]
    fn a_keyless_client_whose_password_is_not_known_is_not_mended_either() {
        let client = |name: &str, variables: &[(&str, &str)]| {
            let environment = testing::pairs(variables);
            Container { environment, ..testing::container(name, "example/app") }
        };
        let plain = ("SPRING_DATASOURCE_URL", "jdbc:mysql://mysql/shop?useSSL=false");
        let file = ("SPRING_DATASOURCE_PASSWORD_FILE", "/run/secrets/db");
        let user = ("SPRING_DATASOURCE_USERNAME", "app");
        let written = ("SPRING_DATASOURCE_URL", "jdbc:mysql://mysql/shop?useSSL=false&user=root");
        for (keyless, app, other) in [
            (vec![plain, file, user], true, false),
            (vec![plain, file], true, true),
            (vec![plain], true, true),
            // Two users, and nobody knows which one counts.
            (vec![written, file, user], true, true),
        ] {
            let stack = testing::stack([
                testing::container("mysql", "mysql:9"),
                client("keyless", &keyless),
                client("able", &[("DATABASE_URL", "mysql://app:p@mysql/shop")]),
                client("other", &[("DATABASE_URL", "mysql://other:p@mysql/shop")]),
            ]);
            let checks = build(&stack, environment::derive(&stack), &Narrow::default());
            let spares = |name: &str| {
                let check = checks.iter().find(|check| check.from.identity() == name).unwrap();
                check.setting(SPARES).is_some()
            };
            assert_eq!((spares("able"), spares("other"), spares("keyless")), (app, other, false), "{keyless:?}");
        }
    }

    #[test]
    fn drivers_say_in_many_ways_that_they_speak_no_tls() {
        for (value, hides) in [
            ("jdbc:mysql://mysql/shop?user=u&password=p&sslMode=disabled", true),
            ("jdbc:mysql://mysql/shop?user=u&password=p&sslMode=REQUIRED", false),
            ("jdbc:mysql://mysql/shop?user=u&password=p", false),
            ("jdbc:mariadb://mysql/shop?user=u&password=p", true),
            ("jdbc:mariadb://mysql/shop?user=u&password=p&sslMode=disable", true),
            ("jdbc:mariadb://mysql/shop?user=u&password=p&sslMode=trust", false),
            ("jdbc:mariadb://mysql/shop?user=u&password=p&useSSL=true", false),
            ("jdbc:mariadb://mysql/shop?user=u&password=p&allowPublicKeyRetrieval=true", false),
            ("mariadb://u:p@mysql/shop", false),
            ("Server=mysql;Database=shop;User=u;Password=p;SslMode=None", true),
            ("Server=mysql;Database=shop;User=u;Password=p;SSL Mode=Disabled", true),
            ("Server=mysql;Database=shop;User=u;Password=p;Ssl-Mode=none", true),
            ("Server=mysql;Database=shop;User=u;Password=p;SslMode=None;Allow Public Key Retrieval=True", false),
            ("Server=mysql;Database=shop;User=u;Password=p;SslMode=Preferred", false),
            // Drivers that take such a URL ask for the server's key by themselves.
            ("mysql://u:p@mysql/shop?ssl-mode=DISABLED", false),
        ] {
            let environment = vec![("DB_URL".into(), value.into())];
            let client = Container { environment, ..testing::container("app", "example/app") };
            let stack = testing::stack([testing::container("mysql", "mysql:9"), client]);
            let checks = build(&stack, environment::derive(&stack), &Narrow::default());
            let hidden: Vec<_> = checks.iter().map(Check::login_would_hide).collect();
            assert_eq!(hidden, [hides], "{value}");
        }
    }

    fn server(image: &str, variables: &[(&str, &str)]) -> Container {
        let environment = testing::pairs(variables);
        Container { image: image.into(), environment, ..Container::default() }
    }

    #[test]
    fn only_the_password_that_the_server_would_give_the_account_counts() {
        let mysql =
            [("MYSQL_ROOT_PASSWORD", "r"), ("MYSQL_USER", "app"), ("MYSQL_PASSWORD", "p"), ("MYSQL_ROOT_HOST", "")];
        let local = [("MYSQL_ROOT_PASSWORD", "r"), ("MYSQL_ROOT_HOST", "localhost")];
        for (image, variables, user, password, variable) in [
            ("mysql:9", &mysql[..], "app", "p", Some("MYSQL_PASSWORD")),
            ("mysql:9", &mysql[..], "root", "r", Some("MYSQL_ROOT_PASSWORD")),
            ("mysql:9", &mysql[..], "app", "r", None),
            ("mysql:9", &mysql[..], "other", "p", None),
            ("mysql:9", &mysql[1..], "root", "r", None),
            // An account that may not come over the network is refused whatever its password is.
            ("mysql:9", &local[..], "root", "r", None),
            ("mysql:9", &[("MYSQL_PASSWORD", "p")], "", "p", None),
            ("mariadb:11", &[("MARIADB_USER", "app"), ("MARIADB_PASSWORD", "p")], "app", "p", Some("MARIADB_PASSWORD")),
            ("mariadb:11", &mysql[..], "app", "p", Some("MYSQL_PASSWORD")),
            ("postgres:16", &[("POSTGRES_PASSWORD", "p")], "postgres", "p", Some("POSTGRES_PASSWORD")),
            ("postgres:16", &[("POSTGRES_PASSWORD", "p"), ("POSTGRES_USER", "app")], "postgres", "p", None),
            ("nginx:1", &[("POSTGRES_PASSWORD", "p")], "postgres", "p", None),
        ] {
            let credentials = Credentials { user: user.into(), password: Some(password.into()) };
            assert_eq!(initial(&server(image, variables), &credentials), variable, "{image} {user} {password}");
        }
    }
}
