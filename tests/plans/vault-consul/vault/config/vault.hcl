ui = true

storage "consul" {
  address = "consul-agent:8500"
  path    = "vault/"
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "0.0.0.0:8201"
  tls_disable     = 1
}

# storage "mysql" {
#   address = "mysql:3306"
# }

api_addr     = "http://vault:8200"
cluster_addr = "http://vault:8201"

telemetry {
  statsd_address            = "statsd:8125"
  disable_hostname          = true
  prometheus_retention_time = "30s"
}
