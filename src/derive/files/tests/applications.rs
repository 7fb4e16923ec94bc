//! Tables: files of applications, of which every key is a setting.

use super::{file, shop, told};

/// Variables, files, and what the settings that count ask for.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], &'a [&'a str]);

fn hold(cases: &[Case]) {
    for (variables, files, expected) in cases {
        let of = |(name, text): &(&str, &str)| file("shop/app", &format!("/app/config/{name}"), text);
        let files: Vec<_> = files.iter().map(of).collect();
        let found = told(&shop("shop/app", variables), &files);
        let found: Vec<_> = found.iter().map(|line| line.strip_prefix("app -> ").unwrap()).collect();
        let texts: Vec<_> = files.iter().map(|file| &file.text).collect();
        assert_eq!(&found[..], *expected, "{variables:?} {texts:?}");
    }
}

/// What files say, as far as nothing wins over it.
const BASE: &str = "spring:\n  datasource:\n    url: jdbc:postgresql://${DB_HOST:localhost}:${DB_PORT:5432}/shop\n  data:\n    redis: {host: redis, port: 6379}\n";

#[test]
fn profiles_and_the_environment_decide_what_counts() {
    hold(&[
        (&[], &[("application.yml", BASE)], &["postgres://localhost:5432/shop 3", "redis://redis:6379 5"]),
        (
            &[("DB_HOST", "db")],
            &[("application.yml", BASE)],
            // The host is what the variable says; the rest is the file's.
            &["postgres://db:5432/shop 3", "postgres://db:5432/shop 0", "redis://redis:6379 5"],
        ),
        // The environment wins, in any spelling.
        (&[("SPRING_DATASOURCE_URL", "jdbc:x"), ("SPRING_DATA_REDIS_HOST", "x")], &[("application.yml", BASE)], &[]),
        (
            &[
                ("SPRING_APPLICATION_JSON", "{\"spring\": {\"data\": {\"redis\": {\"host\": \"x\"}}}}"),
                ("spring.datasource.url", ""),
            ],
            &[("application.yml", BASE)],
            &[],
        ),
        (
            &[("JAVA_TOOL_OPTIONS", "-Dspring.datasource.url=x -Dspring.data.redis.host=y")],
            &[("application.yml", BASE)],
            &[],
        ),
        // Files of profiles count where they are active, and win; what they leave out stays.
        (&[], &[("application-local.yml", BASE)], &[]),
        (
            &[("SPRING_PROFILES_ACTIVE", "test, docker")],
            &[("application-docker.yml", "spring.datasource.url: jdbc:mysql://mysql/x\n"), ("application.yml", BASE)],
            &["redis://redis:6379 5", "mysql://mysql:3306/x 1"],
        ),
        (
            &[],
            &[
                ("application.yml", "spring.profiles.active: docker\n"),
                ("application-docker.properties", "my.redis.url=redis://redis\n"),
            ],
            &["redis://redis:6379 1"],
        ),
        // Documents of one file.
        (
            &[("SPRING_PROFILES_ACTIVE", "docker")],
            &[(
                "application.yml",
                "a.redis.url: redis://web\n---\nspring.config.activate.on-profile: docker | x\na.redis.url: redis://redis\n---\nspring.config.activate.on-profile: '!docker'\na.redis.url: redis://api\n",
            )],
            &["redis://redis:6379 4"],
        ),
        // In one place, properties win over YAML.
        (
            &[],
            &[
                ("application.properties", "a.redis.url=redis://redis\n"),
                ("application.yml", "a: {redis: {url: 'redis://web'}}\n"),
            ],
            &["redis://redis:6379 1"],
        ),
        // A list takes the place of a list.
        (
            &[("SPRING_PROFILES_ACTIVE", "x")],
            &[
                ("application.yml", "spring.kafka.bootstrap-servers: ['kafka:9092', 'web:9092']\n"),
                ("application-x.yml", "spring:\n  kafka:\n    bootstrapServers: ['api:9092']\n"),
            ],
            &["kafka://api:9092 3"],
        ),
    ]);
}

#[test]
fn frameworks_have_ways_of_their_own() {
    hold(&[
        // Quarkus' profiles stand before the keys.
        (
            &[],
            &[(
                "application.properties",
                "%dev.quarkus.redis.hosts=redis://web:6379\nquarkus.redis.hosts=redis://api\n%prod.quarkus.redis.hosts=redis://redis:6379\n",
            )],
            &["redis://redis:6379 3"],
        ),
        // Locations that are not this one; what is served to others.
        (&[("SPRING_CONFIG_LOCATION", "file:/etc/other/")], &[("application.yml", BASE)], &[]),
        (
            &[("SPRING_CONFIG_LOCATION", "optional:file:/app/config/"), ("SPRING_DATASOURCE_URL", "x")],
            &[("application.yml", BASE)],
            &["redis://redis:6379 5"],
        ),
        (
            &[("SPRING_CLOUD_CONFIG_SERVER_NATIVE_SEARCHLOCATIONS", "file:/app/config")],
            &[("application.yml", BASE)],
            &[],
        ),
        // .NET's files, of which one environment has its own.
        (
            &[],
            &[
                (
                    "appsettings.json",
                    "{\"ConnectionStrings\": {\"Default\": \"Host=web;Database=x\"},\n\"Kestrel\": {\"Endpoints\": {\"Http\": {\"Url\": \"http://web:80\"}}}}",
                ),
                (
                    "appsettings.Production.json",
                    "{\"ConnectionStrings\": {\"Default\": \"Host=db;Port=5432;Database=x;Username=u;Password=p\"}}",
                ),
                ("appsettings.Development.json", "{\"ConnectionStrings\": {\"Default\": \"Host=api;Database=x\"}}"),
            ],
            &["postgres://db:5432/x 1"],
        ),
        (
            &[("ConnectionStrings__Default", "Host=api")],
            &[("appsettings.json", "{\"ConnectionStrings\": {\"Default\": \"Host=db;Port=5432;Database=x\"}}")],
            &[],
        ),
    ]);
}

#[test]
fn names_say_which_settings_are_addresses() {
    for (line, expected) in [
        ("rates.base-url: http://api:7070/api", &["http://api:7070 1"][..]),
        ("server.address: web", &[]),
        ("spring.application.name: api", &[]),
        ("spring.datasource.username: db", &[]),
        ("cors.allowedOrigins: http://web:4200", &[]),
        ("cors: {allowed-origins: ['http://web:4200', 'http://api']}", &[]),
        ("h2: jdbc:h2:mem:db;MODE=PostgreSQL", &[]),
        ("provider.url: https://api.example.com/latest", &[]),
        ("eureka.client.serviceUrl.defaultZone: http://api:8761/eureka/", &["http://api:8761 1"]),
        ("spring.redis.sentinel: {master: redis, nodes: ['web:26379']}", &["tcp://web:26379 1"]),
        ("my.redis: {enabled: false, url: 'redis://redis'}", &[]),
        ("image: api:1.0", &[]),
        ("dependency: org.postgresql:postgresql:42", &[]),
    ] {
        let found = told(&shop("shop/app", &[]), &[file("shop/app", "/app/application.yml", line)]);
        let found: Vec<_> = found.iter().map(|line| line.strip_prefix("app -> ").unwrap()).collect();
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn dotenv_files_give_way_to_the_environment() {
    let text = "APP_URL=http://localhost\nDB_HOST=db\nDB_PORT=5432\nREDIS_HOST=redis\n";
    let env = file("shop/app", "/app/.env", text);
    assert_eq!(
        told(&shop("shop/app", &[]), std::slice::from_ref(&env)),
        ["app -> postgres://db:5432 2", "app -> redis://redis:6379 4"]
    );
    assert_eq!(told(&shop("shop/app", &[("REDIS_HOST", "web")]), &[env]), ["app -> postgres://db:5432 2"]);
}
