//! Tables of values as people write them.

use secrecy::ExposeSecret;

use super::*;

/// An address in one line: `scheme|host:port|database|user:password`.
fn shown_for_test(address: &Address) -> String {
    let port = address.port.map(|port| format!(":{port}")).unwrap_or_default();
    let credentials = address.credentials.as_ref().map(|credentials| {
        let password = credentials.password.as_ref().map(|secret| format!(":{}", secret.expose_secret()));
        format!("{}{}", credentials.user, password.unwrap_or_default())
    });
    let parts = [
        address.scheme.clone().unwrap_or_default(),
        format!("{}{port}", address.host),
        address.database.clone().unwrap_or_default(),
        credentials.unwrap_or_default(),
    ];
    parts.join("|").trim_end_matches('|').to_owned()
}

#[test]
fn values_are_read_in_every_grammar() {
    for (value, expected) in [
        // JDBC and its relatives
        ("jdbc:mysql://mysql:3306/shop", "jdbc mysql|mysql:3306|shop"),
        ("jdbc:mysql://mysql/shop?useSSL=false&user=u&password=p%40", "mysql|mysql|shop|u:p@"),
        ("jdbc:mysql://u:p@mysql:3306/shop", "mysql|mysql:3306|shop|u:p"),
        ("jdbc:mysql:replication://a:3306,b:3307/shop", "mysql|a:3306|shop mysql|b:3307|shop"),
        ("jdbc:mysql:loadbalance://a,b/shop", "mysql|a|shop mysql|b|shop"),
        ("jdbc:mysql://(host=a,port=3307),(host=b)/shop", "mysql|a:3307|shop mysql|b|shop"),
        (
            "jdbc:mysql://address=(host=a)(port=1111),address=(host=b)(port=2222)/shop",
            "mysql|a:1111|shop mysql|b:2222|shop",
        ),
        ("jdbc:mariadb://db:3306/shop?user=u", "mariadb|db:3306|shop|u"),
        ("jdbc:p6spy:postgresql://db:5432/shop", "postgresql|db:5432|shop"),
        ("jdbc:sqlserver://sql:1433;databaseName=shop;user=sa;password=x;y=z", "sqlserver|sql:1433||sa:x"),
        ("jdbc:sqlserver://sql\\SHOP:1444;databaseName=shop", "sqlserver|sql:1444"),
        ("jdbc:oracle:thin:@ora:1521:XE", "oracle|ora:1521"),
        ("jdbc:oracle:thin:@//ora:1521/XEPDB1", "oracle|ora:1521"),
        ("jdbc:oracle:thin:scott/tiger@ora:1521/XE", "oracle|ora:1521"),
        (
            "jdbc:oracle:thin:@(DESCRIPTION= (ADDRESS=(PROTOCOL=TCP)(HOST=a)(PORT=1521))(ADDRESS=(host=b)(port=1522)))",
            "oracle|a:1521 oracle|b:1522",
        ),
        ("optional:configserver:http://config:8888/x?y=z", "http|config:8888|x"),
        ("optional:consul:consul:8500", "consul|consul:8500"),
        ("zk:zoo1:2181,zoo2:2181", "zk|zoo1:2181 zk|zoo2:2181"),
        ("metadata-store:zk:zoo:2181/ledgers", "zk|zoo:2181|ledgers"),
        ("dns+store:10901", "|store:10901"),
        ("dns+4434@store:10901", ""),
        ("STORES=stores:9000,CARTS=carts:9001", "|stores:9000 |carts:9001"),
        ("STORES=stores:9000,debug=true", ""),
        ("STORES=stores", ""),
        ("postgres:postgres:postgres", ""),
        ("mysql:8:3306", ""),
        ("shop:zoo:2181", ""),
        ("redis:user@db:6379", ""),
        ("redis+secret@db:6379:6379", ""),
        ("dns:///catalog:50051", "|catalog:50051"),
        ("jdbc:h2:tcp://h2:1521/shop", "tcp|h2:1521|shop"),
        ("r2dbc:mysql://mysql:3306/shop", "mysql|mysql:3306|shop"),
        ("r2dbc:pool:postgresql://u:p@db/shop", "postgresql|db|shop|u:p"),
        // URLs
        ("redis://redis:6379/0", "redis|redis:6379|0"),
        ("redis://:p%23w@redis", "redis|redis||:p#w"),
        ("mongodb://u:p@m1:27017,m2:27018/shop?replicaSet=rs0", "mongodb|m1:27017|shop|u:p mongodb|m2:27018|shop|u:p"),
        ("http://es1:9200,http://es2:9200", "http|es1:9200 http|es2:9200"),
        ("http://es1:9200,es2:9201", "http|es1:9200 http|es2:9201"),
        ("[\"http://es1:9200\", \"http://es2:9200\"]", "http|es1:9200 http|es2:9200"),
        ("\"http://app:8080/\"", "http|app:8080"),
        ("influxdb=http://influxdb:8086/k6", "http|influxdb:8086|k6"),
        ("json=/out.json,influxdb=http://influxdb:8086/k6", ""),
        ("http://[::1]:8080/x", "http|::1:8080|x"),
        ("http://app:8080/users/@me?to=a@b", "http|app:8080|users"),
        ("postgres://u:p/q@db/shop", "postgres|db|shop|u:p/q"),
        ("PLAINTEXT://kafka:29092", "plaintext|kafka:29092"),
        ("amqp://guest:guest@rabbitmq:5672/%2F", "amqp|rabbitmq:5672||guest:guest"),
        ("mysql+pymysql://root@db:3306/shop", "mysql+pymysql|db:3306|shop|root"),
        ("nats://n1:4222,nats://n2:4222", "nats|n1:4222 nats|n2:4222"),
        // Lists
        ("kafka:9092", "|kafka:9092"),
        ("kafka:9092, kafka2:9093 ", "|kafka:9092 |kafka2:9093"),
        ("namenode:9000 namenode:9870", "|namenode:9000 |namenode:9870"),
        ("tcp://db:5432  cache:6379", "tcp|db:5432 |cache:6379"),
        ("namenode:9000 datanode", ""),
        ("see http://app:8080", ""),
        ("db:5432 and cache:6379", ""),
        ("zk:2181,zk2:2181/kafka", "|zk:2181 |zk2:2181"),
        ("1@kafka:9093,2@kafka2:9093", "|kafka:9093 |kafka2:9093"),
        ("redis:6379,password=x,ssl=False", "|redis:6379||:x"),
        ("redis", "|redis"),
        ("10.0.0.7:80", "|10.0.0.7:80"),
        ("::1", "|::1"),
        // Connection strings
        ("Server=mysql;Port=3306;Database=shop;Uid=u;Pwd=p;", "|mysql:3306|shop|u:p"),
        ("Server=tcp:sql,1433;Initial Catalog=shop;User Id=sa;Password=p", "|sql:1433|shop|sa:p"),
        ("host=postgres port=5432 user=u password=p dbname=shop", "|postgres:5432|shop|u:p"),
        ("mysql:host=db;port=3306;dbname=shop", "mysql|db:3306|shop"),
        ("u:p@tcp(mysql:3306)/shop?parseTime=true", "mysql|mysql:3306|shop|u:p"),
        ("mysql://u:p@tcp(mysql:3306)/shop?parseTime=true", "mysql|mysql:3306|shop|u:p"),
        ("u:p@(mysql:3306)/", "mysql|mysql:3306||u:p"),
        ("db+mysql://u:p@mysql/shop", "mysql|mysql|shop|u:p"),
        ("db+mysql+pymysql://u:p@mysql/shop", "mysql+pymysql|mysql|shop|u:p"),
        ("jdbc:sqlserver://s;user=sa;password={p;q=r};encrypt=false", "sqlserver|s||sa:p;q=r"),
        ("Server=db;Uid=u;Pwd='p;q';Database=x", "|db|x|u:p;q"),
        ("Server=db;Uid=u;Pwd=\"p\"q\";Database=x", "|db|x"),
        ("mysql://u:p;q,r@db/x", "mysql|db|x|u:p;q,r"),
    ] {
        let expected = expected.strip_prefix("jdbc ").unwrap_or(expected);
        let found: Vec<_> = parse(value).iter().map(shown_for_test).collect();
        assert_eq!(found.join(" "), expected, "{value}");
    }
}

#[test]
fn what_is_no_address_as_a_whole_is_none() {
    for value in [
        "",
        " ",
        ",",
        "a b",
        "kafka:9092 # the broker",
        "-Xmx256m",
        "8080",
        "1.2.3",
        "a:b:c",
        "org.postgresql:postgresql:42.7.3",
        "${KAFKA}",
        "http://${HOST}:80",
        "{{ host }}:80",
        "<host>:80",
        "http://:8080",
        "jdbc:mysql://:3306/shop",
        "redis://:6379",
        "kafka:",
        "kafka:0",
        "kafka:65536",
        "kafka:9092x",
        ":9092",
        "jdbc:h2:mem:test",
        "jdbc:sqlite:/data/x.db",
        "jdbc:tc:mysql:8:///shop",
        "jdbc:mysql+srv://x/shop",
        "jdbc:sqlserver://sql\\SHOP;databaseName=x",
        "jdbc:",
        "r2dbc:",
        "unix:///var/run/docker.sock",
        "sqlite:///data/x.db",
        "file:///x",
        "/var/lib/x",
        "a/b:1",
        "registry:5000/app:1",
        "user:pass",
        "postgres://user:123/4@db/x",
        "mysql://u:12?SEKRETx@srv:7014/db",
        "jdbc:mysql://u:12?SEKRETx@srv:7014/db",
        "mysql://u:12#SEKRETx@srv/db",
        "mysql://u:12?S=x@srv:7014/db",
        "mysql://u:p@ab/RET@db:3306/x",
        "http://admin:77/SEKRET7@db:33060/x",
        "http://admin:77/SEKRET7@db/x",
        "{\"host\":\"redis\"}",
        "SELECT 1",
        "app=web,tier=front",
        "https://",
        "://x",
        "1://x",
        "@",
        "a@b",
        "http://a:80,b c",
    ] {
        assert!(parse(value).is_empty(), "{value}: {:?}", parse(value));
    }
    assert!(parse(&"a:1,".repeat(2000)).is_empty());
}

#[test]
fn nothing_secret_is_shown() {
    for (value, shown_as) in [
        ("redis://:pa,ss@redis:6379", "redis://***@redis:6379"),
        ("u:s3cret@tcp(mysql:3306)/shop", "***@tcp(mysql:3306)/shop"),
        ("mysql://u:s3cret@tcp(mysql:3306)/shop", "mysql://***@tcp(mysql:3306)/shop"),
        ("u:s3cret@(mysql:3306)/", "***@(mysql:3306)/"),
        ("jdbc:oracle:thin:scott/tiger@ora:1521/XE", "jdbc:oracle:thin:***@ora:1521/XE"),
        ("Server=mysql;Port=3306;Uid=u;Pwd=p", "Server=mysql;Port=3306;Uid=***;Pwd=***"),
        ("redis:6379,password=x", "redis:6379,password=***"),
        ("kafka:9092", "kafka:9092"),
        // What ends a value somewhere else is part of the password here.
        ("jdbc:mysql://db/x?user=comma&password=RET1,RET2", "jdbc:mysql://db/x?user=***&password=***"),
        ("Server=db;Password=RET1,RET2;Database=app7", "Server=db;Password=***;Database=app7"),
        ("host=db password=RET1,RET2 dbname=app8", "host=db password=*** dbname=app8"),
        ("Server=db;Pwd=A&RETl6;Database=z6", "Server=db;Pwd=***;Database=z6"),
        ("Server=db;Pwd=A RETl7;Database=z7", "Server=db;Pwd=***;Database=z7"),
        ("jdbc:sqlserver://s;password={SEK;RETq};encrypt=false", "jdbc:sqlserver://s;password=***;encrypt=false"),
        ("redis://redis:6379/5?password=A,RET5", "redis://redis:6379/5?password=***"),
        ("redis:6379,password=\"A\"RETl4,abortConnect=false", "redis:6379,password=***,abortConnect=false"),
        ("redis://:A,RET4@redis:6379/4", "redis://***@redis:6379/4"),
        ("http://blob:80/x?sig=RETsig&code=RET&jwt=RET&pw=RET&AWSAccessKeyId=RET", "http://blob:80/…?***"),
        ("https://hooks/services/T000/B000/RETslack", "https://hooks/…"),
        ("tcp://redis:6379/RET", "tcp://redis:6379/…"),
        ("http://blob:80/?RET", "http://blob:80/?***"),
        ("redis://redis:6379/1?note=RET", "redis://redis:6379/1?***"),
        // What is no secret is kept, so that what to set instead can be said in the same form.
        (
            "jdbc:mysql://db:3306/x?useSSL=false&sslMode=DISABLED",
            "jdbc:mysql://db:3306/x?useSSL=false&sslMode=DISABLED",
        ),
        ("jdbc:mysql:replication://a:1,b:2/x", "jdbc:mysql:replication://a:1,b:2/x"),
        ("jdbc:mysql://(host=a,port=3307),(host=b)/shop", "jdbc:mysql://(host=a,port=3307),(host=b)/shop"),
        ("mongodb://u:p@m1:1,m2:2/x?replicaSet=rs0&authSource=a", "mongodb://***@m1:1,m2:2/x?replicaSet=rs0&***"),
        ("http://es1:9200,http://es2:9200", "http://es1:9200,http://es2:9200"),
        ("influxdb=http://influxdb:8086/k6", "influxdb=http://influxdb:8086/…"),
        ("db+mysql+pymysql://u:p@db/x", "db+mysql+pymysql://***@db/x"),
        ("kafka:9092;kafka2:9092", "kafka:9092;kafka2:9092"),
        ("1@kafka:9093,2@kafka2:9093", "1@kafka:9093,2@kafka2:9093"),
        ("zk:2181,zk2:2181/kafka", "zk:2181,zk2:2181/…"),
        ("zk:2181/RET@x", "zk:2181/…"),
        (
            "Server=tcp:sql,1433;Initial Catalog=x;User Id=sa;Password=p",
            "Server=tcp:sql,1433;Initial Catalog=x;User Id=***;Password=***",
        ),
        ("mysql:host=db;port=3306;dbname=shop", "mysql:host=db;port=3306;dbname=shop"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("no address at all: RET", "***"),
    ] {
        assert_eq!(shown(value, &parse(value)), shown_as);
    }
    let address = parse("mysql://u:s3cret@db/x").remove(0);
    assert!(!format!("{address:?}").contains("s3cret"));
}

#[test]
fn parameters_that_matter_are_kept_and_others_are_not() {
    let found =
        parse("jdbc:mysql://db/x?usessl=false&password=p&allowPublicKeyRetrieval=true&sslMode=VERIFY_CA").remove(0);
    assert_eq!(found.parameter("useSSL"), Some("false"));
    assert_eq!(found.parameter("allowPublicKeyRetrieval"), Some("true"));
    assert_eq!(found.parameter("sslMode"), Some("VERIFY_CA"));
    assert_eq!(found.parameters.len(), 3);
}

#[test]
fn what_stands_around_an_address_is_taken_off() {
    for (value, left) in [
        ("local:redis:6379", "redis:6379"),
        ("a:redis-1:6379:0:secret, b:redis-2:6380", "redis-1:6379,redis-2:6380"),
        ("redis-1:6379,redis-2", "redis-1:6379,redis-2"),
        ("local:redis:sock", "local:redis:sock"),
    ] {
        assert_eq!(without_labels(value), left, "{value}");
    }
}
