//! Tables: what a command makes of a stack, and above all what it does not.

use secrecy::ExposeSecret;

use super::*;
use crate::derive::testing::{self, container, pairs, port, stack};

/// A stack of many servers, and a container `app` of an image that nobody knows.
fn shop(image: &str, command: &[&str]) -> Stack {
    let mut app = container("app", image);
    app.exposed = vec![8080];
    app.environment = pairs(&[("DB_NAME", "shop"), ("BROKER", "kafka:9092"), ("FLAGS", "--url http://api:4000")]);
    app.command = command.iter().map(|&word| word.to_owned()).collect();
    let mut api = container("api", "shop-api");
    api.exposed = vec![4000];
    let mut kafka = container("kafka", "apache/kafka:4.1.0");
    kafka.ports = vec![port(9092, 9092, "127.0.0.1")];
    let mut web = container("web", "shop-web");
    web.ports = vec![port(8000, 8000, "0.0.0.0")];
    let servers = [
        ("mysql", "mysql:9"),
        ("postgres", "postgres:17"),
        ("redis", "redis:7"),
        ("influxdb", "influxdb:1.8"),
        ("zookeeper", "zookeeper:3.9"),
        ("rabbitmq", "rabbitmq:4-management"),
        ("mongo", "mongo:8"),
        ("minio", "minio/minio"),
        ("elasticsearch", "elasticsearch:8.15.0"),
    ];
    let mut all = vec![app, api, kafka, web];
    all.extend(servers.map(|(service, image)| container(service, image)));
    stack(all)
}

/// `name: target user:password`, one a connection.
fn of(stack: &Stack) -> Vec<String> {
    let shown = |found: Connection| {
        assert_eq!(found.origin.kind, OriginKind::Command);
        let login = found.credentials.map(|credentials| {
            let password = credentials.password.as_ref().map_or("-", |secret| secret.expose_secret());
            format!(" {}:{password}", credentials.user)
        });
        format!("{}: {}{}", found.origin.name, found.target, login.unwrap_or_default())
    };
    testing::inside(stack, derive(stack)).map(shown).collect()
}

fn of_line(line: &str) -> Vec<String> {
    let words = shlex::split(line).unwrap();
    of(&shop("shop-app", &words.iter().map(String::as_str).collect::<Vec<_>>()))
}

#[test]
fn options_become_connections_by_their_names() {
    for (line, expected) in [
        ("sh /start.sh kafka:9092", "command: kafka://kafka:9092"),
        ("/start.sh app:8080 start", ""),
        ("start kafka:9092", ""),
        ("socat tcp-listen:9191,fork TCP:api:4000,nodelay", "socat: tcp://api:4000"),
        ("socat tcp-listen:9191,fork unix-connect:/run/x", ""),
        (
            "java -jar app.jar --spring.kafka.bootstrap-servers=kafka:9092",
            "spring.kafka.bootstrap-servers: kafka://kafka:9092",
        ),
        ("java -Dspring.redis.host=redis -jar app.jar", "spring.redis.host: redis://redis:6379"),
        ("java -Dspring.redis.host=redis -Dspring.redis.port=6380 -jar x", "spring.redis.host: redis://redis:6380"),
        ("producer --brokers kafka:9092 --topic clicks", "brokers: kafka://kafka:9092"),
        ("celery -A core --broker=redis://redis:6379/1 flower", "broker: redis://redis:6379/1"),
        ("celery -A core -b amqp://u:p@rabbitmq worker", "b: amqp://rabbitmq:5672 u:p"),
        ("rq worker --url redis://redis:6379 high", "url: redis://redis:6379"),
        ("migrate -database mysql://u:p@tcp(mysql:3306)/shop up", "database: mysql://mysql:3306/shop u:p"),
        ("app --dsn 'host=postgres port=5432 user=u password=p dbname=d'", "dsn: postgres://postgres:5432/d u:p"),
        ("app --api-addr=api:4000", "api-addr: tcp://api:4000"),
        ("app --hooks-http=http://api:4000/hooks", "hooks-http: http://api:4000"),
        ("k6 run -e BASE_URL=http://api:4000 x.js", "BASE_URL: http://api:4000"),
        ("k6 run --env BASE_URL=http://api:4000 x.js", "BASE_URL: http://api:4000"),
        ("k6 run --out influxdb=http://influxdb:8086/db x.js", "k6 --out: http://influxdb:8086/ping"),
        ("k6 run -o influxdb=http://influxdb:8086/db x.js", "k6 -o: http://influxdb:8086/ping"),
        ("k6 run -o json=out.json -e X=1 x.js", ""),
        ("DB_HOST=mysql DB_PORT=3306 ./app", "DB_HOST: mysql://mysql:3306/shop"),
        ("env DB_HOST=mysql ./app", ""),
        ("--redis.addr redis://redis:6379 --web.listen-address :9121", "redis.addr: redis://redis:6379"),
        ("--mysqld.address=mysql:3306", "mysqld.address: mysql://mysql:3306"),
        ("worker postgres://u:p@postgres/d", "worker: postgres://postgres:5432/d u:p"),
        // Of programs that nobody knows, a host is one only where it is another service.
        ("app --host mysql --port 3306 --user u --password p", "command --host: mysql://mysql:3306 u:p"),
        ("app --host=redis", "command --host: redis://redis:6379"),
        ("app --host api", ""),
        ("uvicorn main:app --host 0.0.0.0 --port 8000", ""),
        ("uvicorn main:app --host app --port 8000", ""),
        ("uvicorn main:app --host mysqll --port 8000", ""),
        ("uvicorn main:app --host localhost --port 9092", ""),
    ] {
        let expected: Vec<_> = expected.split("; ").filter(|line| !line.is_empty()).collect();
        assert_eq!(of_line(line), expected, "{line}");
    }
}

#[test]
fn clients_are_known_by_their_options() {
    for (line, expected) in [
        ("mysql -h mysql -P 3307 -uroot -psecret shop", "mysql -h: mysql://mysql:3307 root:secret"),
        ("mysql -hmysql -u root -e 'select 1'", "mysql -h: mysql://mysql:3306"),
        ("mysql --host=mysql --user=u --password=p -D d", "mysql --host: mysql://mysql:3306/d u:p"),
        ("mysql -u root -p secret", ""),
        ("sh -c 'mysql -h mysql -u root -p$(cat /run/x)'", "mysql -h: mysql://mysql:3306"),
        ("sh -c 'mysql -h mysql -u root -p$DB_NAME'", "mysql -h: mysql://mysql:3306 root:shop"),
        ("cockroach sql --host=api", "cockroach --host: tcp://api:26257"),
        ("locust -f x.py -H http://api:4000", "locust -H: http://api:4000"),
        ("portainer -H tcp://api:4000", "H: tcp://api:4000"),
        ("mysql -h 127.0.0.1 -u root", "mysql -h: mysql://127.0.0.1:3306"),
        ("mysqladmin ping -h mysql -u root -pwrong", "mysqladmin -h: mysql://mysql:3306"),
        ("PGPASSWORD=p psql -h postgres -U u -d d -c 'select 1'", "psql -h: postgres://postgres:5432/d u:p"),
        ("psql postgres://u:p@postgres/d", "psql: postgres://postgres:5432/d u:p"),
        ("psql -d postgres://u:p@postgres/d", "psql -d: postgres://postgres:5432/d u:p"),
        ("psql -U postgres -d redis", ""),
        ("pg_isready -h postgres -p 5433 -U u", "pg_isready -h: postgres://postgres:5433"),
        ("pg_isready -U postgres", ""),
        ("redis-cli -h redis -p 6380 -a p ping", "redis-cli -h: redis://redis:6380 :p"),
        ("redis-cli -u redis://redis:6379/2", "redis-cli -u: redis://redis:6379/2"),
        ("redis-cli ping", ""),
        ("redis-server --replicaof redis 6379 --masterauth p", "redis-server --replicaof: redis://redis:6379 :p"),
        ("redis-server --appendonly yes --bind redis", ""),
        ("mongosh --quiet --host mongo --eval 'db.hello()'", "mongosh --host: mongodb://mongo:27017"),
        ("mongosh mongodb://mongo:27017 --eval 1", "mongosh: mongodb://mongo:27017"),
        ("mongosh mongo:27017/admin", "mongosh: mongodb://mongo:27017"),
        ("kcat -b kafka:9092 -t users -P", "kcat -b: kafka://kafka:9092"),
        ("kafka-topics.sh --bootstrap-server kafka:9092 --list", "kafka-topics --bootstrap-server: kafka://kafka:9092"),
        ("/opt/kafka-topics --create --topic kafka:9092", ""),
        ("nc -z mysql 3306", "nc: mysql://mysql:3306"),
        ("nc -zvw2 mysql 3306", "nc: mysql://mysql:3306"),
        ("nc -w 2 -z mysql 3306", "nc: mysql://mysql:3306"),
        ("nc -zvu mysql 3306", ""),
        ("nc -lk mysql 3306", ""),
        ("nc -l -p 3306", ""),
        ("curl -fsS http://api:4000/health", "curl: http://api:4000"),
        ("curl --fail http://api:4000/health", "curl: http://api:4000"),
        ("curl -sX POST -H 'Origin: http://web:8000' -d http://web:8000 api:4000/x", "curl: http://api:4000"),
        ("curl -o api:4000 -u api:4000 http://example.com", ""),
        ("curl -X PUT http://api:4000/${ID}/x", "curl: http://api:4000"),
        ("wget -q --spider http://api:4000", "wget: http://api:4000"),
        ("wget -O redis http://get.example.com/redis", ""),
        ("wait-for-it.sh mysql:3306 -t 60 -- flask run", "wait-for-it: mysql://mysql:3306"),
        ("./wait-for-it.sh -h mysql -p 3306 -- app", "wait-for-it -h: mysql://mysql:3306"),
        (
            "wait-for mysql:3306 redis:6379 -- app --url http://api:4000",
            "wait-for: mysql://mysql:3306; wait-for: redis://redis:6379; url: http://api:4000",
        ),
        (
            "dockerize -wait tcp://mysql:3306 -wait http://api:4000/x app",
            "dockerize -wait: mysql://mysql:3306; dockerize -wait: http://api:4000",
        ),
        ("dockerize -wait=tcp://mysql:3306 -timeout=60s -- app", "dockerize -wait: mysql://mysql:3306"),
        ("tini -- wait-for-it elasticsearch:9200 -- /entrypoint.sh", "wait-for-it: tcp://elasticsearch:9200"),
        ("gosu shop psql -h postgres", "psql -h: postgres://postgres:5432"),
        ("/docker-entrypoint.sh mysql -h mysql", "mysql -h: mysql://mysql:3306"),
        ("apk add curl http://api:4000", ""),
        ("mc alias set store http://minio:9000 u p", "mc: http://minio:9000/minio/health/live"),
        ("ab -n 100 http://api:4000/", "ab: http://api:4000"),
        ("sqlcmd -S mysql,1433 -U sa -P p", "sqlcmd -S: tcp://mysql:1433"),
        ("mosquitto_pub -h rabbitmq -t x -m http://api:4000", "mosquitto_pub -h: tcp://rabbitmq:1883"),
    ] {
        let expected: Vec<_> = expected.split("; ").filter(|line| !line.is_empty()).collect();
        assert_eq!(of_line(line), expected, "{line}");
    }
}

#[test]
fn scripts_are_read_and_not_run() {
    for (script, expected) in [
        ("until pg_isready -h postgres; do sleep 1; done; exec app", "pg_isready -h: postgres://postgres:5432"),
        ("while ! nc -z mysql 3306; do echo waiting; done", "nc: mysql://mysql:3306"),
        ("sleep 5 && app --api-url=http://api:4000 || exit 1", "api-url: http://api:4000"),
        ("echo http://api:4000; echo --url=http://api:4000; printf mysql -h mysql", ""),
        ("echo 'nc -z mysql 3306'; # nc -z redis 6379", ""),
        ("if [ \"$(curl -s http://api:4000/x)\" = ok ]; then app; fi", "curl: http://api:4000"),
        ("x=`curl -s http://api:4000`", "curl: http://api:4000"),
        ("kcat -b $BROKER -t x", "kcat -b: kafka://kafka:9092"),
        ("kcat -b \"${BROKER}\" -t x", "kcat -b: kafka://kafka:9092"),
        ("kcat -b '${BROKER}' -t x", ""),
        ("kcat -b ${UNSET:-kafka:9093}", "kcat -b: kafka://kafka:9093"),
        ("kcat -b $UNSET", ""),
        ("API=http://api:4000; curl $API/health", "curl: http://api:4000"),
        ("export API_URL=http://api:4000\nnode x.js", "API_URL: http://api:4000"),
        ("API_URL=http://api:4000 node x.js", "API_URL: http://api:4000"),
        ("app $FLAGS", ""),
        ("echo > /dev/tcp/mysql/3306", "/dev/tcp: mysql://mysql:3306"),
        ("timeout 1 bash -c '</dev/tcp/mysql/3306'", "/dev/tcp: mysql://mysql:3306"),
        ("cat > /etc/x <<EOF\ncurl http://api:4000\nEOF\nnc -z redis 6379", "nc: redis://redis:6379"),
        ("app \\\n  --url \\\n  http://api:4000", "url: http://api:4000"),
        ("(curl http://api:4000) > log 2>&1 &", "curl: http://api:4000"),
        ("bash -ec \"sh -c 'nc -z mysql 3306'\"", "nc: mysql://mysql:3306"),
        ("nc -z mysql 3306; nc -z mysql 3306", "nc: mysql://mysql:3306"),
        ("for t in kafka:9092 redis:6379; do echo $t; done", ""),
        ("python -c \"import x; x('http://api:4000')\"", ""),
        ("node -e 'http://api:4000'", ""),
        ("curl 'unclosed http://api:4000", ""),
    ] {
        let expected: Vec<_> = expected.split("; ").filter(|line| !line.is_empty()).collect();
        for shell in [&["sh", "-c"][..], &["/bin/bash", "-ec"], &["bash", "-eo", "pipefail", "-c"]] {
            let mut command = shell.to_vec();
            command.push(script);
            assert_eq!(of(&shop("shop-app", &command)), expected, "{shell:?} {script}");
        }
    }
}

#[test]
fn what_leads_nowhere_is_left_out() {
    for line in [
        // Where a server listens, what it tells others, and links.
        "app --listen=0.0.0.0:8080 --bind api:4000 --listen-addr api:4000",
        "app --advertise-addr=kafka:9092 --advertised.listeners=PLAINTEXT://kafka:9092",
        "kafka-server-start.sh x --override advertised.listeners=PLAINTEXT://kafka:9092",
        "vmalert --external.url=http://api:4000",
        "--web.listen-address=:9090 --web.external-url=http://app:9090 --storage.tsdb.path=/prometheus",
        "--entrypoints.web.address=:80 --providers.docker=true --certificatesresolvers.le.acme.email=a@example.org",
        "agent -server -ui -node=redis -bootstrap-expect=1 -client=0.0.0.0 -data-dir=/consul/data",
        "server /data --address :9000 --console-address :9001",
        "redpanda start --kafka-addr internal://0.0.0.0:9092 --rpc-addr app:33145",
        "gunicorn -b 0.0.0.0:8000 app:app --forwarded-allow-ips *",
        // Images, users and names.
        "app --image redis:7 --tag=mysql:9 --from postgres",
        "app --user postgres --database mysql --network redis --name kafka --queue rabbitmq",
        "app redis:6379 kafka:9092",
        "celery worker -Q mysql,redis",
        "java -Xmx512m -cp app.jar:redis.jar -XX:+UseG1GC org.x.Main",
        "java -agentlib:jdwp=transport=dt_socket,server=y,address=api:4000 -jar x.jar",
        "npm run mysql",
        // Others' and unknown places.
        "app --url=https://example.com --api http://api.example.com:4000",
        "app --url=http://{host}:4000 --broker=redis://%s:6379 --x=http://$HOST:80",
        "app --cors-origins=http://api:4000 --redirect-url http://api:4000",
        "app --url",
        "",
    ] {
        assert!(of_line(line).is_empty(), "{line}: {:?}", of_line(line));
    }
}

#[test]
fn the_image_says_which_program_has_the_options() {
    for (image, command, expected) in [
        ("confluentinc/ksqldb-cli:0.29.0", &["http://api:8088"][..], &["ksql: http://api:8088"][..]),
        ("minio/mc", &["alias", "set", "x", "http://minio:9000"], &["mc: http://minio:9000/minio/health/live"]),
        ("shop-cli", &["http://api:8088"], &[]),
        ("redis:7", &["redis-server", "--slaveof", "redis", "6379"], &["redis-server --slaveof: redis://redis:6379"]),
        ("redis:7", &["--replicaof", "redis 6379"], &[]),
        // A store's own settings are none; a client in its container is one.
        ("postgres:17", &["postgres", "-c", "x.url=http://api:4000"], &[]),
        ("mysql:9", &["mysqld", "--report-host=mysql"], &[]),
        ("mysql:9", &["sh", "-c", "mysql -h mysql"], &["mysql -h: mysql://mysql:3306"]),
        (
            "postgres:17",
            &["postgres", "-c", "primary_conninfo=host=postgres port=5432"],
            &["primary_conninfo: tcp://postgres:5432"],
        ),
        ("prom/prometheus", &["--web.external-url=http://web:8000"], &[]),
        (
            "nats:2",
            &["--cluster", "nats://0.0.0.0:6222", "--routes", "nats://api:6222"],
            &["nats-server --routes: tcp://api:6222"],
        ),
        (
            "natsio/prometheus-nats-exporter:0.15.0",
            &["-varz", "-jsz=all", "-p", "7778", "http://api:4000"],
            &["prometheus-nats-exporter: http://api:4000"],
        ),
    ] {
        assert_eq!(of(&shop(image, command)), expected, "{image} {command:?}");
    }
}

#[test]
fn localhost_of_a_load_generator_is_itself() {
    let k6 = |url: &str| of(&shop("grafana/k6", &["run", "-e", &format!("BASE_URL={url}"), "x.js"]));
    assert_eq!(k6("http://localhost:8000"), ["BASE_URL: http://localhost:8000"]);
    assert!(k6("http://localhost:8080").is_empty(), "its own port");
    assert!(of_line("app --listen localhost:8000 --self http://localhost:8000").is_empty());
}

#[test]
fn hostile_commands_cost_little() {
    let begun = std::time::Instant::now();
    for text in
        ["$(", "${", "\"$(", "`", "'", "<<A\n", "sh -c '", "(", "\\", "$((", "-e A=http://api:4000;", "X=$X$X; "]
    {
        let script = text.repeat(200_000 / text.len());
        let _ = of(&shop("shop-app", &["sh", "-c", &script]));
        let words: Vec<_> = std::iter::repeat_n(text, 20_000).collect();
        let _ = of(&shop("shop-app", &words));
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}
