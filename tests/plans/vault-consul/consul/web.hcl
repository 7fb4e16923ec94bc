service {
  name    = "web"
  id      = "web-1"
  address = "web"
  port    = 8080

  tags = ["http", "urlprefix-web.example.com:80/"]

  check {
    id       = "web-health"
    http     = "http://web:8080/health"
    interval = "10s"
    timeout  = "2s"
  }
}
