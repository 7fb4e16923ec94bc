backend "consul" {
  address       = "172.31.9.6:8500"
  redirect_addr = "http://172.31.9.5:8200"
  scheme        = "http"
}

listener "tcp" {
  address     = "172.31.9.5:8200"
  tls_disable = 1
}
