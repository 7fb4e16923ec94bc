CREATE USER 'keyless'@'%' IDENTIFIED BY 'keyless-secret';
CREATE USER 'kept'@'%' IDENTIFIED BY 'kept-secret';
GRANT ALL ON shop.* TO 'keyless'@'%', 'kept'@'%';
-- As an upgrade from an older MySQL leaves it.
CREATE USER 'old'@'%' IDENTIFIED BY 'old-secret';
UPDATE mysql.user SET plugin = 'mysql_native_password', authentication_string = '*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29'
WHERE user = 'old';
FLUSH PRIVILEGES;
