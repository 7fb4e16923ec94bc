consul {
  address = "127.0.0.1:8500"
  retry {
    enabled  = true
    attempts = 12
    backoff  = "250ms"
  }
}

vault {
  address     = "http://vault:8200"
  token       = "hvs.not-a-token"
  renew_token = false
}

template {
  source      = "/etc/consul-template/banner.json.ctmpl"
  destination = "/rendered/banner.json"
}
