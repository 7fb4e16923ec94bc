-- What is left may come from the server's own machine alone.
DROP USER 'root'@'%';
