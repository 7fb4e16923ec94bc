path "secret/data/mysql:3306/*" {
  capabilities = ["read", "list"]
}
