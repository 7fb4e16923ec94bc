//! Tables: servers, proxies, gateways and applications with files of their own.

use super::hold;

#[test]
fn whom_they_connect_to_stands_at_known_keys() {
    hold(&[
        // Envoy's listeners are its own.
        (
            "envoyproxy/envoy:v1.30-latest",
            "/etc/envoy/envoy.yaml",
            "admin: {address: {socket_address: {address: 0.0.0.0, port_value: 9901}}}\nstatic_resources:\n\
             \x20 listeners: [{address: {socket_address: {address: web, port_value: 8080}}}]\n\
             \x20 clusters:\n  - load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address:\n\
             \x20     {port_value: 50051, address: api}}}}]}]}\n",
            &["api:50051 6"],
        ),
        // Redis' sentinels name the master's set, its host and its port; a name of a set is none.
        (
            "redis:7",
            "/etc/sentinel.conf",
            "port 26379\nsentinel monitor web redis 6379 2\nsentinel auth-pass web secret\n# replicaof api 6379\n",
            &["redis:6379 2"],
        ),
        ("redis:7", "/usr/local/etc/redis/redis.conf", "bind 0.0.0.0\nreplicaof redis 6380\n", &["redis:6380 2"]),
        (
            "edoburu/pgbouncer",
            "/etc/pgbouncer/pgbouncer.ini",
            "[databases]\na = host=db port=5432 dbname=a\n;b = host=web port=1\n* = host=db port=5433\n[pgbouncer]\nlisten_addr = web\n",
            &["db:5432 2", "db:5433 4"],
        ),
        (
            "apache/kafka:4.1.0",
            "/mnt/shared/config/server.properties",
            "controller.quorum.voters=1@kafka:9093\nlisteners=PLAINTEXT://:9092\nadvertised.listeners=PLAINTEXT://web:9092\n",
            &["kafka:9093 1"],
        ),
        (
            "hashicorp/consul:1.18",
            "/consul/config/agent.json",
            "{\"client_addr\": \"0.0.0.0\", \"retry_join\": [\"web\"],\n\"services\": [{\"address\": \"api\", \"check\": {\"http\": \"http://api:8080/health\"}}]}",
            &["web:8301 1", "api:8080 2"],
        ),
        (
            "fluent/fluent-bit:3.0",
            "/fluent-bit/etc/fluent-bit.conf",
            "[INPUT]\n  Name forward\n  Host web\n  Port 24224\n[OUTPUT]\n  Name loki\n  Host loki\n[OUTPUT]\n  Name es\n  Host elasticsearch\n  Port 9200\n",
            &["loki:3100 7", "elasticsearch:9200 10"],
        ),
        (
            "dpage/pgadmin4:8",
            "/pgadmin4/servers.json",
            "{\"Servers\": {\"1\": {\"Name\": \"web\", \"Host\": \"db\", \"Port\": 5433, \"Username\": \"api\"}}}",
            &["db:5433 1"],
        ),
        (
            "shop/gateway",
            "/app/ocelot.json",
            "{\"Routes\": [{\"DownstreamHostAndPorts\": [{\"Host\": \"api\", \"Port\": 8080}], \"Key\": \"web\"}],\n\"GlobalConfiguration\": {\"BaseUrl\": \"http://web\"}}",
            &["api:8080 1"],
        ),
        (
            "shop/rails",
            "/app/config/cable.yml",
            "development:\n  url: redis://redis:6379/1\nproduction:\n  url: redis://web:6379/1\n",
            &["redis:6379 2"],
        ),
        ("shop/rails", "/app/config/database.yml", "development: {adapter: sqlite3, database: db}\n", &[]),
    ]);
}

#[test]
fn what_single_products_read_is_known() {
    hold(&[
        (
            "authelia/authelia:4",
            "/config/configuration.yml",
            "server: {address: 'tcp://web:9091'}\nsession:\n  cookies: [{authelia_url: 'http://web'}]\n\
             \x20 redis: {host: redis, port: 6380}\nstorage: {postgres: {address: 'tcp://db:5432', database: api}}\n",
            &["redis:6380 4", "db:5432 5"],
        ),
        (
            "chirpstack/chirpstack:4",
            "/etc/chirpstack/chirpstack.toml",
            "[postgresql]\ndsn = \"postgres://u:p@db/x\"\n[redis]\nservers = [\"redis://redis/\"]\n[api]\nbind = \"web:8080\"\n",
            &["db:5432 2", "redis:6379 4"],
        ),
        (
            "koenkk/zigbee2mqtt",
            "/app/data/configuration.yaml",
            "mqtt: {base_topic: web, server: 'mqtt://mqtt:1883'}\nserial: {port: 'tcp://api:20108'}\n",
            &["mqtt:1883 1"],
        ),
        (
            "getsentry/relay:24",
            "/work/.relay/config.yml",
            "relay: {upstream: 'http://web:9000/', host: 0.0.0.0}\nprocessing:\n  kafka_config:\n\
             \x20 - {name: bootstrap.servers, value: 'kafka:9092'}\n  - {name: client.id, value: 'api:80'}\n  redis: redis://redis\n",
            &["web:9000 1", "kafka:9092 4", "redis:6379 6"],
        ),
        (
            "quay.io/keycloak/keycloak:24",
            "/opt/keycloak/data/import/realm.json",
            "{\"clients\": [{\"rootUrl\": \"http://web:3000\", \"redirectUris\": [\"http://api:80/*\"]}],\n\
             \"components\": {\"org.keycloak.storage.UserStorageProvider\": [{\"config\": {\"connectionUrl\": [\"ldap://web:389\"]}}]}}",
            &["web:389 2"],
        ),
        (
            "shop/portal",
            "/app/keycloak.json",
            "{\"realm\": \"api\", \"auth-server-url\": \"http://web:8080/auth\"}",
            &["web:8080 1"],
        ),
        (
            "liquibase/liquibase:4",
            "/liquibase/liquibase.properties",
            "driver: org.postgresql.Driver\nurl: jdbc:postgresql://db:5432/x\nusername: mysql\n#referenceUrl: jdbc:mysql://mysql/x\n",
            &["db:5432 2"],
        ),
        (
            "flyway/flyway:10",
            "/flyway/conf/flyway.conf",
            "flyway.url=jdbc:mysql://mysql:3306/x\nflyway.user=db\n",
            &["mysql:3306 1"],
        ),
        (
            "apache/apisix:3",
            "/usr/local/apisix/conf/config.yaml",
            "apisix: {node_listen: 9080, control: {ip: web, port: 80}}\ndeployment: {etcd: {host: ['http://api:2379']}}\n",
            &["api:2379 2"],
        ),
    ]);
}

#[test]
fn what_single_servers_read_is_known() {
    hold(&[
        (
            "shop/cruise",
            "/opt/config/cruisecontrol.properties",
            "bootstrap.servers=kafka:9092\nwebserver.http.address=web\n",
            &["kafka:9092 1"],
        ),
        (
            "graylog/graylog:6",
            "/usr/share/graylog/data/config/graylog.conf",
            "http_bind_address = web:9000\nelasticsearch_hosts = http://elasticsearch:9200\nmongodb_uri = mongodb://db:27017/graylog\n",
            &["elasticsearch:9200 2", "db:27017 3"],
        ),
        (
            "devopsfaith/krakend",
            "/etc/krakend/krakend.json",
            "{\"extra_config\": {\"cors\": {\"allow_origins\": [\"http://web\"]}},\n\"endpoints\": [{\"backend\": [{\"host\": [\"http://api:8080\"]}]}]}",
            &["api:8080 2"],
        ),
        (
            "prom/mysqld-exporter:v0.15",
            "/cfg/.my.cnf",
            "[client]\nuser = web\npassword = db\nhost = mysql\n",
            &["mysql:3306 4"],
        ),
        (
            "eclipse-mosquitto:2",
            "/mosquitto/config/mosquitto.conf",
            "listener 1883 web\nconnection api\naddress mqtt:1883\n# address web:1883\n",
            &["mqtt:1883 3"],
        ),
        (
            "traefik:v3.0",
            "/etc/traefik/traefik.yml",
            "entryPoints: {web: {address: 'web:80'}}\nproviders: {docker: {endpoint: 'tcp://api:2375'}, redis: {endpoints: ['redis:6379']}}\n",
            &["api:2375 2", "redis:6379 2"],
        ),
        (
            "hashicorp/vault",
            "/vault/config/vault.json",
            "{\"storage\": {\"consul\": {\"address\": \"api:8500\"}}, \"listener\": {\"tcp\": {\"address\": \"web:8200\"}}}",
            &["api:8500 1"],
        ),
        (
            "grafana/mimir",
            "/etc/mimir.yaml",
            "server: {http_listen_address: web}\ncommon: {storage: {s3: {endpoint: 'minio:9000', insecure: true}}}\ningester: {ring: {instance_addr: api}}\n",
            &["minio:9000 2"],
        ),
    ]);
}

#[test]
fn routes_of_traefik_are_read_and_its_middlewares_texts_are_not() {
    let image = "traefik:v3.0";
    let main = super::file(image, "/etc/traefik/traefik.yml", "providers: {file: {directory: /dynamic}}\n");
    let routes = super::MountedFile {
        path: "/dynamic/shop.toml".into(),
        text: "[http.services.s.loadBalancer]\n[[http.services.s.loadBalancer.servers]]\nurl = \"http://api:8080\"\n\
               [http.middlewares.m.headers]\naccessControlAllowOriginList = [\"http://web\"]\n\
               [http.routers.r]\nrule = \"Host(`web`)\"\n"
            .into(),
        rule: &main.rule.also[0],
        ..main.clone()
    };
    assert_eq!(super::told(&super::shop(image, &[]), &[main, routes]), ["app -> http://api:8080 3"]);
}
