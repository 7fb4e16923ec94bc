"""Writes a stack of a hundred services as companies have them: files only, nothing of it is ever started.

    python3 scripts/bench_stack.py FOLDER [SERVICES]

Brokers, databases and caches, watched by Prometheus and Grafana, behind nginx; and services in four languages that name each
other in variables, commands, healthchecks, env files and mounted configuration. The same number gives the same files.
"""

import sys
from pathlib import Path

TEAMS = ("orders", "billing", "stock", "search", "people")
WORDS = ("api", "worker", "gateway", "sync", "report", "mailer", "audit", "import", "export", "price", "cart", "quote")

HEAD = """\
name: shop
x-logging: &logging
  logging: {driver: json-file, options: {max-size: 10m}}
x-java: &java
  <<: *logging
  image: registry.example/shop/java-service:${TAG:-1.42.0}
  restart: unless-stopped
x-kafka-client: &kafka-client
  SPRING_KAFKA_BOOTSTRAP_SERVERS: kafka-1:29092,kafka-2:29092,kafka-3:29092
  SPRING_KAFKA_PROPERTIES_SECURITY_PROTOCOL: PLAINTEXT
  OTEL_EXPORTER_OTLP_ENDPOINT: http://otel:4317
services:
"""


def server(name, image, lines=(), networks="data"):
    body = "".join(f"    {line}\n" for line in lines)
    return f"  {name}:\n    <<: *logging\n    image: {image}\n{body}    networks: [{networks}]\n"


def servers():
    """What the services use, and the files that are mounted into it."""
    out = []
    for number in (1, 2, 3):
        out.append(
            server(
                f"kafka-{number}",
                "apache/kafka:4.1.0",
                [
                    f"ports: ['{9091 + number}:9092']",
                    "environment:",
                    f"  KAFKA_NODE_ID: {number}",
                    "  KAFKA_PROCESS_ROLES: broker,controller",
                    "  KAFKA_LISTENERS: INSIDE://:29092,HOST://:9092,CTRL://:9093",
                    f"  KAFKA_ADVERTISED_LISTENERS: INSIDE://kafka-{number}:29092,HOST://localhost:{9091 + number}",
                    "  KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INSIDE:PLAINTEXT,HOST:PLAINTEXT,CTRL:PLAINTEXT",
                    "  KAFKA_CONTROLLER_LISTENER_NAMES: CTRL",
                    "  KAFKA_INTER_BROKER_LISTENER_NAME: INSIDE",
                    "  KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093",
                ],
            )
        )
    for team in TEAMS:
        password = "${DB_PASSWORD:-pw}"
        health = f"healthcheck: {{test: [CMD-SHELL, 'pg_isready -h localhost -U {team}'], interval: 5s}}"
        settings = f"environment: {{POSTGRES_USER: {team}, POSTGRES_PASSWORD: '{password}', POSTGRES_DB: {team}}}"
        out.append(server(f"db-{team}", "postgres:16", [settings, health, f"volumes: ['db-{team}:/var/lib/postgresql/data']"]))
        out.append(server(f"cache-{team}", "redis:7-alpine", ["command: redis-server --save '' --appendonly no"]))
    out.append(server("mysql", "mysql:9", ["environment: {MYSQL_ROOT_PASSWORD: pw, MYSQL_DATABASE: legacy}", "ports: ['3306:3306']"]))
    out.append(server("rabbitmq", "rabbitmq:4-management", ["ports: ['15672:15672']"]))
    out.append(server("elasticsearch", "docker.elastic.co/elasticsearch/elasticsearch:8.15.0"))
    out.append(server("schema-registry", "confluentinc/cp-schema-registry:7.6.0", ["environment: {SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS: 'kafka-1:29092'}"]))
    out.append(server("otel", "otel/opentelemetry-collector-contrib:0.110.0", ["command: ['--config=/etc/otel.yaml']", "volumes: ['./conf/otel.yaml:/etc/otel.yaml:ro']"], "data, watch"))
    out.append(server("tempo", "grafana/tempo:2.6.0", networks="watch"))
    out.append(server("prometheus", "prom/prometheus:v3.0.0", ["ports: ['9090:9090']", "volumes: ['./conf/prometheus.yml:/etc/prometheus/prometheus.yml:ro']"], "data, watch"))
    out.append(server("grafana", "grafana/grafana:11.3.0", ["ports: ['3000:3000']", "volumes: ['./conf/grafana:/etc/grafana/provisioning:ro']"], "watch"))
    out.append(server("nginx", "nginx:1.27", ["ports: ['80:80', '443:443']", "volumes: ['./conf/nginx.conf:/etc/nginx/nginx.conf:ro']"], "edge, data"))
    return out


def java(name, team, others):
    lines = [f"  {name}:", "    <<: *java", "    environment:", "      <<: *kafka-client", "      SPRING_PROFILES_ACTIVE: compose"]
    lines += [
        f"      SPRING_DATASOURCE_URL: jdbc:postgresql://db-{team}:5432/{team}?ApplicationName={name}",
        f"      SPRING_DATASOURCE_USERNAME: {team}",
        "      SPRING_DATASOURCE_PASSWORD: ${DB_PASSWORD:-pw}",
        f"      SPRING_DATA_REDIS_HOST: cache-{team}",
        "      SPRING_RABBITMQ_ADDRESSES: amqp://guest:guest@rabbitmq:5672/",
        "      JAVA_TOOL_OPTIONS: -Xmx512m -XX:+UseG1GC -Dlegacy.jdbc.url=jdbc:mysql://mysql:3306/legacy",
        *(f"      SHOP_CLIENTS_{other.replace('-', '_').upper()}_URL: http://{other}:8080" for other in others),
    ]
    lines += [
        f"    volumes: ['./conf/{name}.yml:/app/config/application.yml:ro']",
        "    healthcheck: {test: [CMD-SHELL, 'curl -fsS http://localhost:8080/actuator/health || exit 1'], interval: 10s}",
        f"    depends_on: {{db-{team}: {{condition: service_healthy}}, kafka-1: {{condition: service_started}}}}",
        f"    networks: [data, {team}]",
    ]
    file = (
        f"server: {{port: 8080}}\nspring:\n  application: {{name: {name}}}\n  elasticsearch: {{uris: 'http://elasticsearch:9200'}}\n"
        "  kafka:\n    properties: {schema.registry.url: 'http://schema-registry:8081'}\n"
        "management: {endpoints: {web: {exposure: {include: 'health,prometheus'}}}}\n"
        "shop:\n" + "".join(f"  limit-{number}: {number}\n" for number in range(12))
    )
    return "\n".join(lines) + "\n", {f"conf/{name}.yml": file}


def node(name, team, others):
    lines = [f"  {name}:", "    <<: *logging", "    image: registry.example/shop/node-service:7", f"    env_file: [./env/{name}.env]"]
    lines += [
        "    command: [node, --max-old-space-size=512, dist/main.js, --metrics-port=9100]",
        f"    depends_on: [cache-{team}, rabbitmq]",
        "    labels: [traefik.enable=true, traefik.http.services.x.loadbalancer.server.port=8080]",
        f"    networks: [data, {team}, edge]",
    ]
    env = [f"# {name}", "NODE_ENV=production", f"DATABASE_URL=postgres://{team}:pw@db-{team}:5432/{team}?sslmode=disable"]
    env += [f"REDIS_URL=redis://cache-{team}:6379/0", "AMQP_URL=amqp://guest:guest@rabbitmq:5672", "KAFKA_BROKERS=kafka-1:29092,kafka-2:29092"]
    env += ["ELASTICSEARCH_NODE=http://elasticsearch:9200", "LOG_LEVEL=info", "CORS_ORIGIN=https://shop.example", "JWT_ISSUER=https://id.example/"]
    env += [f"{other.replace('-', '_').upper()}_URL=http://{other}:8080/v1" for other in others]
    return "\n".join(lines) + "\n", {f"env/{name}.env": "\n".join(env) + "\n"}


def python(name, team, others):
    wait = f"./wait-for-it.sh db-{team}:5432 -t 60 -- celery -A app worker --broker=redis://cache-{team}:6379/1"
    lines = [f"  {name}:", "    <<: *logging", f"    build: {{context: ./{name}}}", f"    command: sh -c \"{wait}\"", "    environment:"]
    lines += [f"      - DB_HOST=db-{team}", "      - DB_PORT=5432", f"      - DB_NAME={team}", f"      - CELERY_RESULT_BACKEND=redis://cache-{team}:6379/2"]
    lines += ["      - ES_HOSTS=http://elasticsearch:9200", "      - PYTHONUNBUFFERED=1", "      - SENTRY_ENVIRONMENT=compose"]
    lines += [f"      - {other.replace('-', '_').upper()}_BASE_URL=http://{other}:8080" for other in others]
    lines += [f"    networks: [data, {team}]"]
    return "\n".join(lines) + "\n", {}


def go(name, team, others):
    flags = ["--http.addr=:8080", f"--redis.addr=cache-{team}:6379", "--kafka.brokers=kafka-1:29092,kafka-3:29092"]
    flags += [f"--db.dsn=postgres://{team}:pw@db-{team}:5432/{team}", *(f"--{other}.url=http://{other}:8080" for other in others)]
    lines = [f"  {name}:", "    <<: *logging", "    image: registry.example/shop/go-service:3", "    entrypoint: [/service]", "    command:"]
    lines += [f"      - {flag}" for flag in flags]
    lines += ["    healthcheck: {test: [CMD, wget, -q, -O-, 'http://127.0.0.1:8080/healthz'], interval: 10s}", f"    networks: [data, {team}]"]
    return "\n".join(lines) + "\n", {}


def write(folder, services=100):
    """Writes the stack into a folder and gives the path of its compose file."""
    out = servers()
    names = []
    for number in range(services - len(out)):
        names.append(f"{TEAMS[number % len(TEAMS)]}-{WORDS[number // len(TEAMS) % len(WORDS)]}-{number}")
    files = {}
    for number, name in enumerate(names):
        team = TEAMS[number % len(TEAMS)]
        others = [names[(number + step) % len(names)] for step in (5, 10, 23)]
        text, more = (java, node, python, go)[number // len(TEAMS) % 4](name, team, [other for other in others if other != name])
        out.append(text)
        files.update(more)
    jobs = "".join(f"  - job_name: {name}\n    static_configs: [{{targets: ['{name}:8080']}}]\n" for name in names)
    files["conf/prometheus.yml"] = f"global: {{scrape_interval: 15s}}\nscrape_configs:\n{jobs}"
    files["conf/grafana/datasources/all.yaml"] = (
        "apiVersion: 1\ndatasources:\n  - {name: Prometheus, type: prometheus, access: proxy, url: 'http://prometheus:9090'}\n"
        "  - {name: Tempo, type: tempo, access: proxy, url: 'http://tempo:3200'}\n"
    )
    upstreams = "".join(f"  upstream {name} {{ server {name}:8080; }}\n" for name in names[:30])
    places = "".join(f"    location /{name}/ {{ proxy_pass http://{name}; }}\n" for name in names[:30])
    files["conf/nginx.conf"] = f"events {{}}\nhttp {{\n{upstreams}  server {{\n    listen 80;\n{places}  }}\n}}\n"
    files["conf/otel.yaml"] = (
        "receivers: {otlp: {protocols: {grpc: {endpoint: '0.0.0.0:4317'}}}}\nexporters: {otlp: {endpoint: 'tempo:4317', tls: {insecure: true}}}\n"
        "service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}}\n"
    )
    tail = "networks: {edge: {}, data: {}, watch: {}, " + ", ".join(f"{team}: {{}}" for team in TEAMS) + "}\n"
    tail += "volumes: {" + ", ".join(f"db-{team}: {{}}" for team in TEAMS) + "}\n"
    files["compose.yaml"] = HEAD + "".join(out) + tail
    for path, text in files.items():
        path = Path(folder, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Path(folder, "compose.yaml")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(write(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100))
